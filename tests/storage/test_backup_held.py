"""The held start: a restored database orders nothing, posts nothing, and pays nothing before an operator says so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.clock import SystemClock
from bot.ids import new_id
from bot.jobs.actions import Presser
from bot.jobs.model import AssetKind, Clip, Delivery, InputRef, Job, Outcome, WishKind
from bot.jobs.moves import AttemptFact, DeliveryFact, Release, Settle
from bot.jobs.states import State
from bot.money.amount import Money
from storage.backup import write_backup
from storage.media_store import ObjectMediaStore
from storage.restore import restore_backup
from tests.conformance.engines import EngineBench, ask, load, until
from tests.conformance.stores import HALF, StoreBench
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.judge_provider import CLIP_MAGIC
from tests.factories import a_request

EACH = 5
"""Jobs in every state."""
CAME_BACK = {
    State.RECEIVED: State.CANCELLED,
    State.QUOTED: State.CANCELLED,
    State.QUEUED: State.CANCELLED,
    State.SUBMITTING: State.UNCONFIRMED,
    State.UNCONFIRMED: State.UNCONFIRMED,
    State.RENDERING: State.UNDELIVERED,
    State.FETCHING: State.UNDELIVERED,
    State.DELIVERING: State.UNDELIVERED,
    State.DELIVERED: State.DELIVERED,
    State.UNDELIVERED: State.UNDELIVERED,
    State.FAILED: State.FAILED,
    State.CANCELLED: State.CANCELLED,
}
"""Where a job of each state stands once the restored engine has done all that it does by itself."""
OPERATOR = Presser(person="cli:local", is_operator=True)


@dataclass(frozen=True, kw_only=True)
class PicturedBench(StoreBench):
    """Every job has its picture copied already."""

    app: App
    folder: Path

    async def accept(self, **changes: Any) -> Job:
        """Alice's job, just received."""
        file = self.folder / f"picture-{new_id()}"
        file.write_bytes(PICTURE_MAGIC + file.name.encode())
        picture = await self.app.service.media.put(file, AssetKind.IMAGE, "image/png")
        ref = InputRef(source="asset", locator=picture.id)
        job, _ = await self.stores.jobs.accept(a_request(image=ref, **changes), HALF, (("image", picture),))
        return job


class Studio:
    """Brings jobs of Alice's into any state, with real files in the media store."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.folder = folder
        self.bench = PicturedBench(
            stores=app.stores, clock=SystemClock(), unequal_sums=app.unequal_sums, app=app, folder=folder
        )

    async def job_in(self, state: State) -> Job:
        """One more, standing there."""
        bench = self.bench
        match state:
            case State.RECEIVED:
                return await bench.accept()
            case State.QUOTED:
                return await bench.move(await bench.accept(), state)
            case State.QUEUED:
                return await bench.queued()
            case State.SUBMITTING:
                return await bench.submitting()
            case State.UNCONFIRMED:
                job = await bench.submitting()
                fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.UNCONFIRMED)
                return await bench.move(job, state, attempt=fact)
            case State.RENDERING:
                return await bench.rendering()
            case State.FETCHING:
                return await self._fetching()
            case State.DELIVERING:
                return await self._delivering()
            case State.DELIVERED | State.UNDELIVERED:
                job = await self._delivering()
                outcome = "posted" if state is State.DELIVERED else "refused"
                told = DeliveryFact(delivery_id=job.delivery_id or "", outcome=outcome)
                return await bench.move(job, state, ended_delivery=told)
            case State.FAILED:
                return await bench.fail(await bench.queued(), money=Release(reason="a test says so"))
            case State.CANCELLED:
                return await bench.move(await bench.queued(), state, money=Release(reason="a test says so"))

    async def _fetching(self) -> Job:
        job = await self.bench.rendering()
        ended = AttemptFact(attempt_id=job.attempt_id or "", ended=True)
        changes = {"result_url": f"fake://{job.provider_job_id}"}
        return await self.bench.move(job, State.FETCHING, changes=changes, money=Settle(amount=HALF), attempt=ended)

    async def _delivering(self) -> Job:
        job = await self._fetching()
        file = self.folder / f"clip-{job.id}"
        file.write_bytes(CLIP_MAGIC + job.id.encode())
        kept = await self.app.service.media.put(file, AssetKind.CLIP, "video/mp4")
        clip = Clip(asset_id=kept.id, size_bytes=kept.size_bytes, width=1280, height=720, duration_s=5.0)
        delivery = Delivery(id=new_id(), job_id=job.id, number=1, place="judge:room")
        changes = {"output": clip, "delivery_id": delivery.id}
        assets = (("clip", kept),)
        return await self.bench.move(job, State.DELIVERING, changes=changes, new_delivery=delivery, assets=assets)


async def back_up(app: App, into: Path) -> None:
    """As `reelbot backup` does."""
    await write_backup(into, database=app.ground.path, media=app.service.media, now=SystemClock().now())


async def restored(archive: Path, folder: Path) -> EngineBench:
    """Another machine, with what the archive holds, and an outside of its own that counts."""
    data = folder / "data"
    folder.mkdir()
    await restore_backup(archive, data_dir=data, media=ObjectMediaStore((data / "media").as_uri()))
    return EngineBench("embedded", folder)


async def states(app: App, jobs: dict[State, list[Job]]) -> dict[State, Counter[State]]:
    """Where the jobs of each state stand now."""
    return {was: Counter([(await load(app, job)).state for job in each]) for was, each in jobs.items()}


async def count(app: App, state: State) -> int:
    """How many the index of history finds there."""
    return len((await app.stores.history.page(state=state, limit=100)).jobs)


@pytest.fixture
async def original(tmp_path: Path) -> tuple[EngineBench, dict[State, list[Job]], Path]:
    """Five jobs in every state, people's wishes among them, and a backup of just then; afterwards the engine ran on."""
    bench, archive = EngineBench("embedded", tmp_path), tmp_path / "backup.tar"
    async with bench.process() as app:
        studio = Studio(app, tmp_path)
        jobs = {state: [await studio.job_in(state) for _ in range(EACH)] for state in State}
        await app.stores.wishes.add(jobs[State.QUOTED][0].id, WishKind.CONFIRM, "judge:team:alice")
        await app.stores.wishes.add(jobs[State.DELIVERED][0].id, WishKind.RESEND, "judge:team:alice")
        await app.stores.wishes.add(jobs[State.UNDELIVERED][0].id, WishKind.RESEND, "judge:team:alice")
        await back_up(app, archive)

        async with app.run_engine("run"):
            asked = [*jobs[State.RECEIVED], *jobs[State.QUEUED], jobs[State.QUOTED][0], *jobs[State.DELIVERING]]
            await until(lambda: bench.delivered(app, *asked), patience_s=60)
    return bench, jobs, archive


async def test_nothing_is_ordered_or_posted_after_a_restore_until_somebody_resumes(
    original: tuple[EngineBench, dict[State, list[Job]], Path], tmp_path: Path
) -> None:
    """Whatever state a job was in, and although its original has gone on: no create, no post, no card."""
    first, jobs, archive = original
    assert len(first.provider.paid) == 2 * EACH + 1
    assert len(first.courier.posts) >= 3 * EACH + 1
    bench = await restored(archive, tmp_path / "elsewhere")

    async with bench.running() as (app, _engine):
        at_rest = {was: Counter({now: EACH}) for was, now in CAME_BACK.items()}

        async def is_at_rest() -> bool:
            return await states(app, jobs) == at_rest

        await until(is_at_rest, patience_s=60)

        assert (bench.provider.paid, bench.courier.posts, bench.courier.cards) == ([], [], [])
        assert await app.unequal_sums() == []
        await _money_is_where_it_belongs(app, jobs)
        assert [await count(app, state) for state in FINAL_ORDER] == [EACH, 4 * EACH, EACH, 4 * EACH]
        assert await app.stores.wishes.unanswered() == []
        held = (await app.readiness())["held"]
        assert "restored from a backup of" in held
        assert "`reelbot resume`" in held
        waits = await ask(app)
        await until(lambda: in_state(app, waits, State.QUEUED))

        await app.stores.health.resume("*")

        await until(lambda: bench.delivered(app, waits))
        assert "held" not in await app.readiness()
    assert len(bench.provider.paid) == 1
    assert len(bench.courier.posts) == 1


FINAL_ORDER = (State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELLED)


async def _money_is_where_it_belongs(app: App, jobs: dict[State, list[Job]]) -> None:
    """What waited gives its hold back; what nobody knows of keeps it; what was rendered is booked."""
    for was, each in jobs.items():
        held = [await app.stores.ledger.open_holds(job.id) for job in each]
        keeps = was in (State.SUBMITTING, State.UNCONFIRMED)
        assert held == [HALF if keeps else Money(0)] * EACH, was
    rendered = await load(app, jobs[State.RENDERING][0])
    assert rendered.charged == HALF


async def in_state(app: App, job: Job, *wanted: State) -> bool:
    return (await load(app, job)).state in wanted


async def test_what_was_held_says_why_and_can_be_sent_again(
    original: tuple[EngineBench, dict[State, list[Job]], Path], tmp_path: Path
) -> None:
    """The code is `restored`; Send again posts a kept clip, once, because a person asked for it here."""
    _, jobs, archive = original
    bench = await restored(archive, tmp_path / "elsewhere")

    async with bench.running() as (app, _engine):
        cancelled, kept = jobs[State.QUEUED][0], jobs[State.DELIVERING][0]
        errors = [(await load(app, job)).error for job in (cancelled, kept)]
        assert [error.code for error in errors if error] == ["restored", "restored"]
        assert [error.charged for error in errors if error] == [False, True]

        await app.service.actions.resend(kept.id, OPERATOR)

        await until(lambda: bench.delivered(app, kept))
    assert bench.courier.posts == [f"{kept.id}-2.mp4"]
    assert bench.provider.paid == []


async def test_a_render_found_at_the_provider_later_is_kept_and_not_posted(tmp_path: Path) -> None:
    """An order nobody knew of turns up: it is booked and fetched, and stays in the gallery."""
    first, archive = EngineBench("embedded", tmp_path), tmp_path / "backup.tar"
    async with first.process() as app:
        job = await Studio(app, tmp_path).job_in(State.SUBMITTING)
        await back_up(app, archive)
    bench = await restored(archive, tmp_path / "elsewhere")

    async with bench.running() as (app, _engine):
        await until(lambda: in_state(app, job, State.UNCONFIRMED))
        fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id="theirs-1")
        await app.stores.submissions.record(fact)
        await app.switchboard.wake(job.id)

        await until(lambda: in_state(app, job, State.UNDELIVERED))
        found = await load(app, job)

    assert (found.charged, found.error and found.error.code) == (HALF, "restored")
    assert (bench.courier.posts, bench.courier.cards, bench.provider.paid) == ([], [], [])


async def test_a_second_start_holds_nothing_more(tmp_path: Path) -> None:
    """Once it was held and resumed, a restored installation is like any other: its jobs survive a restart."""
    first, archive = EngineBench("embedded", tmp_path), tmp_path / "backup.tar"
    async with first.process() as app:
        await Studio(app, tmp_path).job_in(State.QUEUED)
        await back_up(app, archive)
    bench = await restored(archive, tmp_path / "elsewhere")
    async with bench.process() as app:
        await app.stores.health.resume("*")
        job = await ask(app)

    async with bench.running() as (app, _engine):
        await until(lambda: bench.delivered(app, job))

    assert len(bench.courier.posts) == 1
