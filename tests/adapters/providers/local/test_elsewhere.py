"""A render that began on a machine that is gone: another that is asked for it makes the same clip from the stored order."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.media.results import LocalFetcher
from adapters.providers.local.folder import RenderFolder
from adapters.providers.local.provider import LocalProvider
from adapters.providers.local.results import RenderFetcher
from adapters.providers.placed import Placed
from bot.errors import DiskFull, MediaUnavailable, NotFound, ProviderUnavailable, ResultGone
from bot.jobs.model import Asset, AssetKind, RenderSettings, Submission
from bot.money.amount import FREE
from bot.ports import (
    Cancelled,
    CheckResult,
    Failed,
    Found,
    HostedInput,
    NotThere,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)
from tests.adapters.media.pictures import saved, scene
from tests.adapters.providers.local.tones import tone
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.media

PICTURE = Asset(id="a" * 64, kind=AssetKind.IMAGE, size_bytes=1, content_type="image/jpeg")
SOUND = Asset(id="b" * 64, kind=AssetKind.AUDIO, size_bytes=1, content_type="audio/wav")
ORDER = Placed(
    attempt_id="attempt-1", job_id="job-1", model="camera-move", prompt="zoom in on the lake",
    settings=RenderSettings(resolution="480p"), image=PICTURE, audio=None, wants_audio=False, is_cancelled=False,
)  # fmt: skip


class Machines:
    """Some machines with a disk of their own each, the orders that they all can read, and the inputs likewise."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: list[LocalProvider] = []
        self.orders: dict[str, Placed] = {"attempt-1": ORDER}
        self.inputs = {
            PICTURE.id: saved(scene(320, 240), path / "picture.jpg"),
            SOUND.id: tone(path / "tone.wav", seconds=1),
        }
        self.unlendable: Exception | None = None
        self.clock = FakeClock()

    def machine(self, name: str, *, frames: int = 12) -> LocalProvider:
        provider = LocalProvider(
            self.renders(name), self.clock, self._locate, max_concurrent=2, frames=frames, placed=self._placed
        )
        self._opened.append(provider)
        return provider

    def renders(self, name: str) -> Path:
        return self._path / name / "renders"

    def result(self, name: str) -> Path:
        return self.renders(name) / "attempt-1" / "result.mp4"

    def request(self) -> SubmitRequest:
        """What was sent at first, by whoever had the job then."""
        order = self.orders["attempt-1"]
        audio = HostedInput(asset=SOUND, url=self.inputs[SOUND.id].as_uri()) if order.audio else None
        return SubmitRequest(
            attempt_id="attempt-1", job_id="job-1", model=order.model, prompt=order.prompt, settings=order.settings,
            image=HostedInput(asset=PICTURE, url=self.inputs[PICTURE.id].as_uri()), audio=audio,
        )  # fmt: skip

    async def close(self) -> None:
        for provider in self._opened:
            await provider.aclose()

    async def _placed(self, provider: str, attempt_id: str) -> Placed | None:
        assert provider == "local"
        return self.orders.get(attempt_id)

    async def _locate(self, asset_id: str) -> Path:
        if self.unlendable is not None:
            raise self.unlendable
        return self.inputs[asset_id]


@pytest.fixture
async def machines(tmp_path: Path) -> AsyncIterator[Machines]:
    machines = Machines(tmp_path)
    yield machines
    await machines.close()


async def yes() -> None:
    """Go ahead."""


async def ended(provider: LocalProvider) -> CheckResult:
    """The first answer that is not "still rendering"."""
    async with asyncio.timeout(60):
        while isinstance(answer := await provider.check("attempt-1"), Rendering):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return answer


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def a_submission(attempt_id: str) -> Submission:
    return Submission(
        attempt_id=attempt_id, job_id="job-1", provider="local", model="camera-move", token="t",
        input_url="file:///x", started_at=datetime.now(UTC),
    )  # fmt: skip


@pytest.mark.parametrize("audio", [None, SOUND], ids=["silent", "with sound"])
async def test_another_machine_makes_the_very_same_clip(machines: Machines, audio: Asset | None):
    """Byte for byte, also where nobody named a seed and where a sound belongs to it."""
    machines.orders["attempt-1"] = replace(ORDER, audio=audio, wants_audio=audio is not None)
    first, second = machines.machine("a"), machines.machine("b")
    await first.submit(machines.request(), yes)
    assert isinstance(await ended(first), Succeeded)

    answer = await ended(second)

    assert answer == Succeeded(url=machines.result("b").as_uri(), price=FREE)
    assert digest(machines.result("b")) == digest(machines.result("a"))


async def test_a_render_whose_folder_was_removed_is_made_again_on_the_same_machine(machines: Machines):
    """One machine is no other case: somebody may have emptied the folder, or restored only the database."""
    provider = machines.machine("a")
    await provider.submit(machines.request(), yes)
    assert isinstance(await ended(provider), Succeeded)
    shutil.rmtree(machines.renders("a"))

    answer = await ended(provider)

    assert isinstance(answer, Succeeded)
    assert machines.result("a").is_file()


async def test_a_copy_of_the_input_that_is_gone_by_now_is_fetched_again(machines: Machines):
    """What was copied from a bucket stays for a day only; a worker that was down for longer goes on all the same."""
    first = machines.machine("a", frames=4000)
    await first.submit(machines.request(), yes)
    await first.aclose()
    machines.inputs[PICTURE.id] = machines.inputs[PICTURE.id].rename(machines.renders("a") / "another copy.jpg")

    answer = await ended(machines.machine("a"))

    assert isinstance(answer, Succeeded)


async def test_asked_twice_at_once_it_is_begun_once(machines: Machines):
    """A worker that asks again before the first answer must not render the same order beside itself."""
    provider = machines.machine("b", frames=4000)

    answers = await asyncio.gather(*(provider.check("attempt-1") for _ in range(3)))

    assert all(isinstance(answer, Rendering) for answer in answers)
    assert list(provider._running) == ["attempt-1"]


async def test_an_id_that_belongs_to_no_open_attempt_begins_nothing(machines: Machines):
    """Foreign, or its job has gone on: unknown, and nothing is written."""
    machines.orders.clear()
    provider = machines.machine("b")

    answer = await provider.check("attempt-1")

    assert isinstance(answer, Unknown)
    assert not await provider.cancel("attempt-1")
    assert not machines.renders("b").exists()


async def test_what_was_cancelled_elsewhere_stays_cancelled(machines: Machines):
    """The machine that was told to stop is gone; the wish is stored, and is believed instead of the missing folder."""
    machines.orders["attempt-1"] = replace(ORDER, is_cancelled=True)

    answer = await machines.machine("b").check("attempt-1")

    assert answer == Cancelled(charged=FREE)
    assert not machines.renders("b").exists()


async def test_a_render_of_another_machine_can_be_cancelled(machines: Machines):
    """It costs nothing and nobody will ask for it: so the answer is yes, not "it will be kept and charged"."""
    first, second = machines.machine("a", frames=4000), machines.machine("b")
    await first.submit(machines.request(), yes)

    assert await second.cancel("attempt-1")


async def test_the_look_up_finds_what_is_stored(machines: Machines):
    """A free order of ours that nobody vouched for is simply made; a foreign one is certainly not there."""
    provider = machines.machine("b")

    assert await provider.find(a_submission("attempt-1")) == Found(provider_job_id="attempt-1")
    assert await provider.find(a_submission("attempt-2")) == NotThere()


@pytest.mark.parametrize(
    "change",
    [{"image": None}, {"wants_audio": True}, {}],
    ids=["no picture in the books", "no sound in the books", "no picture in the store"],
)
async def test_an_input_that_is_no_longer_kept_is_a_failure_in_words(machines: Machines, change: dict[str, object]):
    """It can never be made again, so the person hears it now and not after a week of asking."""
    machines.orders["attempt-1"] = replace(ORDER, **change)
    machines.unlendable = NotFound("The picture is no longer kept; please attach it again.")

    answer = await machines.machine("b").check("attempt-1")

    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("input_gone", FREE)
    assert "no longer" in answer.message or "not there" in answer.message


@pytest.mark.parametrize(
    "trouble", [MediaUnavailable("The media store cannot be reached."), DiskFull("No room."), OSError(5, "I/O error")]
)
async def test_an_input_that_cannot_be_had_now_is_asked_for_again(machines: Machines, trouble: Exception):
    """A silent store or a full disk is passing: nothing is decided by it."""
    provider = machines.machine("b")
    machines.unlendable = trouble
    with pytest.raises(ProviderUnavailable):
        await provider.check("attempt-1")

    machines.unlendable = None

    assert isinstance(await ended(provider), Succeeded)


async def test_folders_of_jobs_that_went_elsewhere_are_swept_while_the_worker_runs(machines: Machines):
    """By their age, once a day: a worker that runs for months must not keep every clip it lost."""
    provider = machines.machine("a")
    await provider.submit(machines.request(), yes)
    assert isinstance(await ended(provider), Succeeded)
    then = machines.clock.now().timestamp() - timedelta(days=9).total_seconds()
    os.utime(machines.result("a").parent, (then, then))

    for _ in range(2):
        await provider.submit(replace(machines.request(), attempt_id="another"), yes)
        await provider.discard("another")
        await machines.clock.advance(timedelta(days=1, seconds=1).total_seconds())
    await provider.submit(replace(machines.request(), attempt_id="another"), yes)

    assert not machines.result("a").parent.exists()


class TestFetching:
    """The worker that fetches need not be the one that rendered."""

    def fetcher(self, machines: Machines, provider: LocalProvider) -> RenderFetcher:
        return RenderFetcher(LocalFetcher(machines.renders("b")), provider)

    async def test_a_result_on_a_disk_that_is_gone_is_rendered_again_and_fetched(
        self, machines: Machines, tmp_path: Path
    ):
        """First "not yet", then the clip, although the stored address names another machine's folder."""
        provider = machines.machine("b")
        fetcher = self.fetcher(machines, provider)
        address = machines.result("a").as_uri()

        with pytest.raises(ProviderUnavailable) as told:
            await fetcher.fetch(address, "local", tmp_path / "clip.mp4")
        assert isinstance(await ended(provider), Succeeded)
        await fetcher.fetch(address, "local", tmp_path / "clip.mp4")

        assert told.value.retry_after_s == 1.0
        assert digest(tmp_path / "clip.mp4") == digest(machines.result("b"))

    async def test_a_result_that_nobody_waits_for_is_gone(self, machines: Machines, tmp_path: Path):
        """And so is what an address of another provider names: it never makes the renderer do anything."""
        provider = machines.machine("b")
        fetcher = self.fetcher(machines, provider)

        with pytest.raises(ResultGone):
            await fetcher.fetch(machines.result("a").as_uri(), "judge", tmp_path / "clip.mp4")
        machines.orders.clear()
        with pytest.raises(ResultGone):
            await fetcher.fetch(machines.result("a").as_uri(), "local", tmp_path / "clip.mp4")

        assert not RenderFolder(machines.renders("b") / "attempt-1").exists()
        assert not (tmp_path / "clip.mp4").exists()
