"""The local provider: every order is a folder, every render a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.media.processes import start_worker, worker_environment
from adapters.media.workshop import Workshop
from adapters.providers.local.folder import RenderFolder
from adapters.providers.local.provider import LocalProvider
from adapters.providers.local.worker import DISK_FULL, NOT_OURS
from bot.clock import SystemClock
from bot.errors import NotAllowed, NotSent, Refused
from bot.jobs.model import Asset, AssetKind, RenderSettings, Submission
from bot.money.amount import FREE
from bot.ports import (
    Accepted,
    Cancelled,
    Failed,
    Found,
    HostedInput,
    NotThere,
    Provider,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)
from tests.adapters.media.pictures import saved, scene
from tests.adapters.providers.local.tones import tone

pytestmark = pytest.mark.media

LONG = 4000
"""Frames: longer than any of these tests waits."""
WORKER = "adapters.providers.local.worker"
ASSET = Asset(id="a" * 64, kind=AssetKind.IMAGE, size_bytes=1, content_type="image/jpeg")
SOUND = Asset(id="b" * 64, kind=AssetKind.AUDIO, size_bytes=1, content_type="audio/wav")


class Bench:
    """A renders directory with a picture, and providers on it, closed at the end."""

    def __init__(self, path: Path) -> None:
        self.renders = path / "renders"
        self.picture = saved(scene(320, 240), path / "a picture.jpg")
        self._opened: list[LocalProvider] = []

    def provider(self, *, frames: int = 12, max_concurrent: int = 1) -> LocalProvider:
        async def locate(asset_id: str) -> Path:
            assert asset_id == ASSET.id
            return self.picture

        provider = LocalProvider(self.renders, SystemClock(), locate, max_concurrent=max_concurrent, frames=frames)
        self._opened.append(provider)
        return provider

    def request(self, attempt_id: str = "attempt-1", *, audio: Path | None = None, **settings: object) -> SubmitRequest:
        return SubmitRequest(
            attempt_id=attempt_id,
            job_id="job-1",
            model="camera-move",
            prompt="zoom in on the lake",
            settings=RenderSettings(**{"resolution": "480p", "seed": 3, **settings}),
            image=HostedInput(asset=ASSET, url=self.picture.resolve().as_uri()),
            audio=None if audio is None else HostedInput(asset=SOUND, url=audio.resolve().as_uri()),
        )

    def loop_of(self, url: str) -> SubmitRequest:
        clip = Asset(id="c" * 64, kind=AssetKind.CLIP, size_bytes=1, content_type="video/mp4")
        request = replace(self.request("loop-1"), model="loop", image=HostedInput(asset=clip, url=url))
        return replace(request, settings=RenderSettings(duration_s=7, resolution="480p", camera="orbit"))

    def folder(self, attempt_id: str = "attempt-1") -> RenderFolder:
        return RenderFolder(self.renders / attempt_id)

    async def close(self) -> None:
        for provider in self._opened:
            await provider.aclose()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.close()


async def yes() -> None:
    """Go ahead."""


async def ended(provider: LocalProvider, attempt_id: str = "attempt-1") -> object:
    """The first answer that is not "still rendering"."""
    async with asyncio.timeout(60):
        while isinstance(answer := await provider.check(attempt_id), Rendering):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return answer


async def begun(bench: Bench, attempt_id: str = "attempt-1") -> None:
    """Until a process renders, seen from outside."""
    folder = bench.folder(attempt_id)
    await until(lambda: folder.is_locked() and folder.progress() > 0)


async def until(true: Callable[[], bool]) -> None:
    """Another process makes it true; nothing of ours could tell."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def process_of(provider: LocalProvider, attempt_id: str = "attempt-1") -> subprocess.Popen[bytes]:
    return provider._running[attempt_id]


def test_it_is_a_provider_whose_first_model_is_free_and_moves_a_real_camera(bench: Bench):
    provider = bench.provider()

    assert isinstance(provider, Provider)
    model = provider.models()[0]
    assert (provider.name, model.provider, model.slug) == ("local", "local", "camera-move")
    assert model.price.price(duration_s=10, resolution="1080p") == FREE
    assert model.real_camera
    assert provider.capacity.max_concurrent == 1


async def test_a_picture_becomes_a_clip(bench: Bench):
    provider = bench.provider()
    hosted = await provider.host(ASSET)

    accepted = await provider.submit(bench.request(), yes)
    answer = await ended(provider)

    assert hosted.url == bench.picture.as_uri()
    assert accepted == Accepted(provider_job_id="attempt-1", price=FREE)
    assert answer == Succeeded(url=bench.folder().result.as_uri(), price=FREE)
    facts = await Workshop().probe(bench.folder().result)
    assert (facts.width, facts.height, facts.duration_s) == (640, 480, 0.5)


async def test_a_sound_comes_out_under_the_clip(bench: Bench, tmp_path: Path):
    """Asked with a sound, the one file has both; the render begun again after a kill has it too."""
    provider = bench.provider(frames=60)
    await provider.submit(bench.request(audio=tone(tmp_path / "a tone.wav", seconds=1)), yes)
    await begun(bench)
    process_of(provider).kill()

    answer = await ended(provider)

    assert isinstance(answer, Succeeded)
    facts = await Workshop().probe(bench.folder().result)
    assert (facts.has_audio, facts.duration_s) == (True, 2.5)


async def test_a_finished_clip_becomes_a_loop(bench: Bench):
    """Made from a clip of this very provider, sound and all; begun again after a kill it is the same loop."""
    provider = bench.provider(frames=48)
    await provider.submit(bench.request(audio=tone(bench.renders.parent / "tone.wav", seconds=1)), yes)
    first = process_of(provider)
    clip = await ended(provider)
    assert isinstance(clip, Succeeded)
    # Its result is there before its process is gone, and until then there is no room for another.
    await asyncio.to_thread(first.wait)
    await provider.submit(bench.loop_of(clip.url), yes)
    await until(bench.folder("loop-1").is_locked)
    process_of(provider, "loop-1").kill()

    answer = await ended(provider, "loop-1")

    assert answer == Succeeded(url=bench.folder("loop-1").result.as_uri(), price=FREE)
    facts = await Workshop().probe(bench.folder("loop-1").result)
    assert (facts.width, facts.height, facts.has_audio) == (640, 480, True)
    assert facts.duration_s == pytest.approx(1.5, abs=0.01)


async def test_a_clip_that_vanished_or_is_none_is_a_failure_in_words(bench: Bench, tmp_path: Path):
    provider = bench.provider()
    text = tmp_path / "clip.mp4"
    text.write_text("no clip")
    await provider.submit(bench.loop_of(text.as_uri()), yes)
    damaged = await ended(provider, "loop-1")
    await provider.discard("loop-1")

    async def about_to_send() -> None:
        text.unlink()

    await provider.submit(bench.loop_of(text.as_uri()), about_to_send)
    gone = await ended(provider, "loop-1")

    assert isinstance(damaged, Failed)
    assert (damaged.code, damaged.charged) == ("render_failed", FREE)
    assert str(tmp_path) not in damaged.message
    assert isinstance(gone, Failed)
    assert (gone.code, gone.message) == ("input_gone", "The clip is no longer there to render from.")


async def test_a_sound_that_vanished_is_a_failure_in_words(bench: Bench, tmp_path: Path):
    """Gone before the order it is refused; gone after it the render fails, says which input, and costs nothing."""
    provider = bench.provider()
    audio = tone(tmp_path / "tone.wav", seconds=1)
    request = bench.request(audio=audio)

    async def about_to_send() -> None:
        audio.unlink()

    await provider.submit(request, about_to_send)

    answer = await ended(provider)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("input_gone", FREE)
    assert "sound" in answer.message
    with pytest.raises(Refused, match="sound is not there"):
        await provider.submit(bench.request("attempt-2", audio=audio), yes)


async def test_a_damaged_sound_is_a_failure_in_words(bench: Bench, tmp_path: Path):
    provider = bench.provider()
    audio = tmp_path / "sound.wav"
    audio.write_text("no sound")
    await provider.submit(bench.request(audio=audio), yes)

    answer = await ended(provider)

    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("render_failed", FREE)
    assert answer.message == "The sound is damaged or holds nothing to hear: send it again as another file."


@pytest.mark.parametrize("duration_s", [5, 10])
async def test_the_length_is_what_was_asked(bench: Bench, duration_s: int):
    provider = bench.provider(frames=0)

    await provider.submit(bench.request(duration_s=duration_s), yes)

    assert bench.folder().order().frames == duration_s * 24


async def test_progress_is_true_and_never_goes_back(bench: Bench):
    provider = bench.provider(frames=60)
    await provider.submit(bench.request(), yes)

    seen = []
    while isinstance(answer := await provider.check("attempt-1"), Rendering):
        seen.append(answer.progress)
        await asyncio.sleep(0.01)

    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert isinstance(answer, Succeeded)


async def test_the_order_is_on_disk_before_the_last_question_and_nothing_runs_before_the_answer(bench: Bench):
    provider = bench.provider()
    seen = []

    async def about_to_send() -> None:
        seen.append((bench.folder().exists(), dict(provider._running)))

    await provider.submit(bench.request(), about_to_send)

    assert seen == [(True, {})]
    assert process_of(provider).poll() is None


@pytest.mark.parametrize("problem", [RuntimeError("fenced"), asyncio.CancelledError()])
async def test_when_it_may_not_be_sent_nothing_is_left(bench: Bench, problem: BaseException):
    provider = bench.provider()

    async def about_to_send() -> None:
        raise problem

    with pytest.raises(type(problem)):
        await provider.submit(bench.request(), about_to_send)

    assert list(bench.renders.iterdir()) == []
    assert provider._running == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration_s": 7},
        {"resolution": "4k"},
        {"negative_prompt": "rain"},
        {"camera": "sideways"},
        {"motion": "extreme"},
    ],
)
async def test_what_it_cannot_do_is_refused(bench: Bench, wrong: dict[str, object]):
    with pytest.raises(Refused):
        await bench.provider().submit(bench.request(**wrong), yes)

    assert not bench.folder().exists()


@pytest.mark.parametrize("attempt_id", ["../outside", "", ".", "a/b", "-x"])
async def test_an_id_never_leads_out_of_the_renders(bench: Bench, attempt_id: str):
    provider = bench.provider()

    with pytest.raises(Refused):
        await provider.submit(bench.request(attempt_id), yes)
    assert isinstance(await provider.check(attempt_id), Unknown)
    assert await provider.cancel(attempt_id) is False


async def test_an_order_that_cannot_be_written_was_not_sent(bench: Bench):
    bench.renders.write_text("a file where a folder should be")

    with pytest.raises(NotSent):
        await bench.provider().submit(bench.request(), yes)


async def test_after_a_restart_the_render_is_made_again_and_is_the_same(bench: Bench):
    first = bench.provider(frames=60)
    await first.submit(bench.request(), yes)
    await begun(bench)
    order = bench.folder().order()

    await first.aclose()
    second = bench.provider()

    assert not bench.folder().is_locked()
    assert await second.check("attempt-1") == Rendering(progress=0.0)
    assert isinstance(await ended(second), Succeeded)
    assert bench.folder().order() == order


async def test_a_seed_nobody_named_is_drawn_once_and_kept(bench: Bench):
    provider = bench.provider()
    await provider.submit(bench.request(seed=None), yes)
    seed = bench.folder().order().seed
    await ended(provider)
    result = bench.folder().result.read_bytes()

    bench.folder().result.unlink()
    await ended(provider)

    assert bench.folder().order().seed == seed
    assert bench.folder().result.read_bytes() == result


async def test_a_killed_render_is_begun_again_and_leaves_no_leftovers(bench: Bench):
    provider = bench.provider(frames=60)
    await provider.submit(bench.request(), yes)
    await begun(bench)

    process_of(provider).kill()
    answer = await ended(provider)

    assert isinstance(answer, Succeeded)
    assert list(bench.folder().path.glob(".*")) == []


async def test_a_render_that_keeps_dying_fails_in_the_end(bench: Bench):
    provider = bench.provider(frames=LONG)
    await provider.submit(bench.request(), yes)

    for _ in range(3):
        await begun(bench)
        process_of(provider).kill()
        process_of(provider).wait()
        answer = await provider.check("attempt-1")

    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("render_failed", FREE)


async def test_two_processes_never_render_the_same_order(bench: Bench):
    provider = bench.provider(frames=LONG)
    await provider.submit(bench.request(), yes)
    await begun(bench)

    other = bench.provider()
    assert isinstance(await other.check("attempt-1"), Rendering)
    assert other._running == {}
    intruder = start_worker(WORKER, str(bench.folder().path))

    assert await asyncio.to_thread(intruder.wait, 30) == NOT_OURS
    assert process_of(provider).poll() is None


async def test_no_more_than_allowed_render_at_once_and_the_rest_follow(bench: Bench):
    provider = bench.provider(max_concurrent=1)

    for name in ("one", "two", "three"):
        await provider.submit(bench.request(name), yes)
        assert len(provider._running) == 1

    for name in ("three", "two", "one"):
        pending = {"one", "two", "three"}
        while pending:
            pending -= {name for name in pending if isinstance(await provider.check(name), Succeeded)}
            assert len(provider._running) <= 1
            await asyncio.sleep(0.01)


async def test_a_cancelled_render_stops_costs_nothing_and_stays_cancelled(bench: Bench):
    provider = bench.provider(frames=LONG)
    await provider.submit(bench.request(), yes)
    await begun(bench)
    process = process_of(provider)

    assert await provider.cancel("attempt-1") is True

    assert process.poll() is not None
    assert not bench.folder().is_locked()
    assert not bench.folder().result.exists()
    assert list(bench.folder().path.glob(".*")) == []
    assert await provider.check("attempt-1") == Cancelled(charged=FREE)
    assert await bench.provider().check("attempt-1") == Cancelled(charged=FREE)


async def test_a_render_of_another_process_can_be_cancelled_too(bench: Bench):
    owner = bench.provider(frames=LONG)
    await owner.submit(bench.request(), yes)
    await begun(bench)
    process = process_of(owner)  # now: `check` lets go of it once it has ended

    assert await bench.provider().cancel("attempt-1") is True

    assert await owner.check("attempt-1") == Cancelled(charged=FREE)
    await asyncio.to_thread(process.wait, 30)
    assert not bench.folder().result.exists()


async def test_a_finished_render_cannot_be_cancelled(bench: Bench):
    provider = bench.provider()
    await provider.submit(bench.request(), yes)
    await ended(provider)

    assert await provider.cancel("attempt-1") is False
    assert isinstance(await provider.check("attempt-1"), Succeeded)
    assert await provider.cancel("nobody") is False


async def test_the_look_up_is_certain_either_way(bench: Bench):
    provider = bench.provider()
    await provider.submit(bench.request(), yes)

    def submission(attempt_id: str) -> Submission:
        return Submission(
            attempt_id=attempt_id,
            job_id="job-1",
            provider="local",
            model="camera-move",
            token="t",
            input_url="file:///x",
            started_at=datetime.now(UTC),
        )

    assert await provider.find(submission("attempt-1")) == Found(provider_job_id="attempt-1")
    assert await provider.find(submission("attempt-2")) == NotThere()


async def test_a_picture_that_vanished_is_a_failure_in_words(bench: Bench):
    provider = bench.provider()
    request = bench.request()

    async def about_to_send() -> None:
        bench.picture.unlink()

    await provider.submit(request, about_to_send)

    answer = await ended(provider)
    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("input_gone", FREE)
    with pytest.raises(Refused, match="not there"):
        await provider.submit(bench.request("attempt-2"), yes)


async def test_a_full_disk_is_a_failure_even_when_nothing_more_could_be_written(bench: Bench):
    provider = bench.provider()
    await provider.submit(bench.request(), yes)
    process_of(provider).kill()
    process_of(provider).wait()
    # What the worker leaves when even its reason found no room: its exit status.
    process_of(provider).returncode = DISK_FULL

    answer = await provider.check("attempt-1")

    assert isinstance(answer, Failed)
    assert (answer.code, answer.charged) == ("disk_full", FREE)


async def test_a_render_dies_with_the_process_that_began_it(bench: Bench):
    provider = bench.provider(frames=LONG)
    await provider.submit(bench.request(), yes)
    await provider.aclose()
    folder = bench.folder()
    program = (
        "import sys, time\n"
        "from adapters.media.processes import start_worker\n"
        f"kept = start_worker({WORKER!r}, {str(folder.path)!r})\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], env=worker_environment())  # noqa: ASYNC220
    await begun(bench)

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    await until(lambda: not folder.is_locked())
    assert not folder.result.exists()


async def test_a_render_yields_to_everything_else(bench: Bench):
    provider = bench.provider(frames=LONG)
    await provider.submit(bench.request(), yes)
    await begun(bench)

    assert os.getpriority(os.PRIO_PROCESS, process_of(provider).pid) >= 10


async def test_a_discarded_render_is_gone(bench: Bench):
    provider = bench.provider()
    await provider.submit(bench.request(), yes)
    await ended(provider)

    await provider.discard("attempt-1")
    await provider.discard("attempt-1")

    assert list(bench.renders.iterdir()) == []
    assert isinstance(await provider.check("attempt-1"), Unknown)


async def test_only_folders_that_no_job_can_ask_for_are_swept_away(bench: Bench):
    provider = bench.provider()
    for name in ("empty", "waiting", "ancient"):
        await provider.submit(bench.request(name), yes)
        await provider.cancel(name)
    (bench.folder("empty").path / "request.json").unlink()
    for name, days in (("empty", 2), ("waiting", 6), ("ancient", 9)):
        then = time.time() - timedelta(days=days).total_seconds()
        os.utime(bench.folder(name).path, (then, then))

    await bench.provider().submit(bench.request("new"), yes)

    assert sorted(path.name for path in bench.renders.iterdir()) == ["new", "waiting"]


def test_a_webhook_is_always_forged(bench: Bench):
    with pytest.raises(NotAllowed):
        bench.provider().read_webhook({}, b"{}")


async def test_there_is_no_account(bench: Bench):
    assert await bench.provider().balance() is None
