"""The engine of many workers: what is said in one process is heard in another, and nobody's end loses anybody's job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from procrastinate.exceptions import ConnectorException

from adapters.chat.web.webhooks import routes
from adapters.engine import leader, procrastinate, wakeups
from adapters.engine.procrastinate import ProcrastinateEngine
from bot.app import App
from bot.errors import DatabaseUnavailable, Fenced
from bot.ids import JobId
from bot.jobs.actions import Presser
from bot.jobs.model import Job, WishKind
from bot.jobs.moves import Move
from bot.jobs.states import State
from bot.money.amount import FREE
from bot.ports import Cancelled, Capacity, CheckResult, ProviderEvent, Rendering
from tests.adapters.engine.standing import Standing, queue_of, standing
from tests.conformance.engines import QUICK, EngineBench, ask, is_in, load, until

OPERATOR = Presser(person="cli:local", is_operator=True)
HOUR = timedelta(hours=1)
PATIENT = replace(QUICK, poll_fastest=HOUR, poll_slowest=HOUR, retry_first=HOUR, retry_longest=HOUR)
"""Whatever waits, waits for longer than any test: what goes on was told to."""
LISTENS = "query = 'SELECT pg_try_advisory_lock(7310, 1)'"
"""Sessions of `Wakeups` that do not lead."""


@pytest.fixture
def bench(tmp_path: Path) -> EngineBench:
    return EngineBench("procrastinate", tmp_path)


@pytest.fixture
def books(tmp_path: Path) -> Standing:
    return standing(tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is waited for every second or two in earnest is waited for less here."""
    monkeypatch.setattr(wakeups, "PING_S", 0.1)
    monkeypatch.setattr(wakeups, "AGAIN_AFTER_S", 0.2)
    monkeypatch.setattr(procrastinate, "AGAIN_AFTER_S", 0.1)
    monkeypatch.setattr(procrastinate, "FETCH_EVERY_S", 0.2)
    monkeypatch.setattr(leader, "HAND_ON_EVERY_S", 0.2)


@pytest.fixture
def nobody_leads(books: Standing) -> Iterator[None]:
    """So that whatever happens, a leader's looking around is not the reason."""
    with psycopg.connect(books.url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7310, 1)")
        yield


@asynccontextmanager
async def working(
    app: App, *, drain_s: float = 0.0, chores: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[ProcrastinateEngine]:
    """A worker, and the App that has it."""
    engine = ProcrastinateEngine(queue_of(app), app.tracker, app.stores, app.desk.clock, chores=chores)
    await engine.begin()
    app.switchboard.engine = engine
    running = asyncio.create_task(engine.run(drain_s=drain_s))
    await engine.ready()
    try:
        yield engine
    finally:
        engine.stop()
        await running


def still_rendering() -> list[CheckResult | Exception]:
    """What the provider says until a test clears it."""
    return [Rendering() for _ in range(10_000)]


async def asleep(bench: EngineBench, app: App, **changes: object) -> Job:
    """A job that waits for its render, for longer than any test."""
    bench.provider.checks = still_rendering()
    before = bench.outside.calls.count("check")
    job = await ask(app, **changes)
    await until(lambda: bench.outside.calls.count("check") > before and not bench.outside.under_way)
    await until(lambda: is_in(app, job, State.RENDERING))
    return job


# --- from process to process --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nobody_leads")
async def test_a_wish_from_another_process_reaches_a_waiting_job(bench: EngineBench) -> None:
    """By the database alone: it waits for an hour, and nobody looks around. The time is printed."""
    async with bench.process(PATIENT) as app, working(app), bench.process(PATIENT) as other:
        job = await asleep(bench, app)
        bench.provider.checks = [Cancelled(charged=FREE)]

        began = time.perf_counter()
        await other.service.actions.cancel(job.id, OPERATOR)
        await until(lambda: bench.provider.cancels)
        print(f"\na wish was heard after {(time.perf_counter() - began) * 1000:.0f} ms")

        await until(lambda: is_in(app, job, State.CANCELLED))


@pytest.mark.usefixtures("nobody_leads")
async def test_a_webhook_that_another_process_took_reaches_a_waiting_job(
    bench: EngineBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written down there and looked at here, without a poll."""
    happened = ProviderEvent(provider_job_id="judge-1", status="completed")
    monkeypatch.setattr(bench.provider, "read_webhook", lambda *_args, **_more: happened)
    async with bench.process(PATIENT) as app, working(app), bench.process(PATIENT) as other:
        job = await asleep(bench, app)
        [attempt] = await app.stores.submissions.of_job(job.id)
        bench.provider.checks.clear()
        web = FastAPI()
        web.include_router(routes(other.service))

        async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://other") as caller:
            began = time.perf_counter()
            answer = await caller.post(f"/webhooks/judge/{attempt.token}", content=b"{}")
        await until(lambda: bench.delivered(app, job))

        print(f"\na webhook's clip was delivered after {(time.perf_counter() - began) * 1000:.0f} ms")
        assert answer.status_code == 200
        assert bench.outside.calls.count("check") == 2


@pytest.mark.usefixtures("nobody_leads")
async def test_a_turn_that_another_worker_gave_is_taken(bench: EngineBench) -> None:
    """There is room for one at a time: whoever's job ends tells the next, whichever worker has it."""
    bench.provider.capacity = Capacity(max_concurrent=1)
    bench.gate("check").close()
    async with bench.process(PATIENT) as app, bench.process(PATIENT) as other, working(app) as first:
        jobs = [await ask(app)]
        await until(lambda: bench.gate("check").waiting)
        async with working(other) as second:
            while not (second.waiting and first.waiting > 1):
                jobs.append(await ask(app))
                await until(lambda: first.waiting + second.waiting == len(jobs))
            for job in jobs[1:]:
                await until(lambda job=job: is_in(app, job, State.QUEUED))  # type: ignore[misc]
            bench.gate("check").open()

            await until(lambda: bench.delivered(app, *jobs))
    assert len(bench.provider.paid) == len(jobs)


# --- connections that are cut --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nobody_leads")
async def test_what_was_wished_while_nobody_listened_is_caught_up_with(
    bench: EngineBench, books: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that listens was cut; nobody heard of the wish, and it is a row all the same."""
    monkeypatch.setattr(wakeups, "AGAIN_AFTER_S", 1.0)
    async with bench.process(PATIENT) as app, working(app), bench.process(PATIENT) as other:
        job = await asleep(bench, app)
        bench.provider.checks = [Cancelled(charged=FREE)]

        assert books.cut(LISTENS) == 1
        await other.stores.wishes.add(job.id, WishKind.CANCEL, "cli:local")

        await until(lambda: is_in(app, job, State.CANCELLED))


@pytest.mark.usefixtures("nobody_leads")
async def test_whoever_was_cut_off_listens_again(bench: EngineBench, books: Standing) -> None:
    """Also a second time."""
    listening = f"SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND {LISTENS}"
    async with bench.process(PATIENT) as app, working(app), bench.process(PATIENT) as other:
        job = await asleep(bench, app)
        for _ in range(2):
            assert books.cut(LISTENS) == 1
            await until(lambda: books.ask(listening))
        checks = bench.outside.calls.count("check")

        await other.switchboard.wake(job.id)

        await until(lambda: bench.outside.calls.count("check") > checks)


async def test_a_worker_that_ends_by_itself_is_followed_and_its_jobs_go_on(bench: EngineBench, books: Standing) -> None:
    """The database was away: Procrastinate's worker ends then, and neither the process nor its jobs do."""
    async with bench.process(PATIENT) as app, working(app) as engine:
        job = await asleep(bench, app)
        before = engine._worker
        bench.provider.checks.clear()

        assert before is not None
        with books.away():
            await until(lambda: before.ends)

        await until(lambda: books.ask("SELECT 1 FROM jobs WHERE id = %s AND state = 'delivered'", job.id))
        assert engine._worker is not before
        new = await ask(app)
        await until(lambda: bench.delivered(app, new))
    assert len(bench.provider.paid) == 2


async def test_a_worker_whose_fetch_failed_does_not_wait_for_jobs_that_wait(
    bench: EngineBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends at once, however long it might drain, and the next one takes its jobs and new ones."""
    async with bench.process(PATIENT) as app, working(app, drain_s=3600.0) as engine:
        job = await asleep(bench, app)
        before, manager = engine._worker, queue_of(app).app.job_manager
        fetch = manager.fetch_job

        async def fails_once(*args: object, **options: object) -> object:
            monkeypatch.setattr(manager, "fetch_job", fetch)
            raise ConnectorException("cut off")

        monkeypatch.setattr(manager, "fetch_job", fails_once)
        await until(lambda: engine._worker is not before)
        bench.provider.checks.clear()
        new = await ask(app)

        await until(lambda: bench.delivered(app, new))
        await until(lambda: bench.delivered(app, job))


# --- who leads ------------------------------------------------------------------------------------------------------------


class Chores:
    """What is to be done once in the cluster, and who does it."""

    def __init__(self) -> None:
        self.at: list[str] = []
        """Who does them now."""
        self.begun = 0

    def of(self, name: str) -> Callable[[], Awaitable[None]]:
        """As an App hands them to its engine: they go on until cancelled."""

        async def do() -> None:
            self.at.append(name)
            self.begun += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.at.remove(name)

        return do


async def test_one_leads_and_another_follows_when_it_ends(bench: EngineBench) -> None:
    """The chores are done by one at a time; both run jobs."""
    chores = Chores()
    async with bench.process() as app, working(app, chores=chores.of("other")):
        async with bench.process() as first, working(first, chores=chores.of("first")):
            await until(lambda: chores.at)
            assert len(chores.at) == 1
        await until(lambda: chores.at == ["other"])

        job = await ask(app)
        await until(lambda: bench.delivered(app, job))


async def test_a_leader_that_is_cut_off_is_followed_and_leads_no_more(bench: EngineBench, books: Standing) -> None:
    """Whoever it is then, itself again or the other: the chores are begun anew, by one."""
    chores = Chores()
    leads = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7310 AND granted)"
    async with (
        bench.process() as app,
        bench.process() as other,
        working(app, chores=chores.of("app")),
        working(other, chores=chores.of("other")),
    ):
        for begun in (1, 2, 3):
            await until(lambda begun=begun: chores.begun == begun and len(chores.at) == 1)  # type: ignore[misc]
            assert books.cut(leads) == 1
        await until(lambda: chores.begun == 4 and len(chores.at) == 1)
    assert (chores.begun, chores.at) == (4, [])


async def test_chores_that_break_are_begun_again_and_nothing_else_a_leader_does_ends(
    bench: EngineBench, books: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may have been away just then; a dead worker's jobs are handed on all the same."""
    monkeypatch.setattr(leader, "CHORES_AGAIN_AFTER_S", 0.1)
    begun: list[int] = []

    async def broken() -> None:
        begun.append(len(begun))
        raise DatabaseUnavailable("It does not answer.")

    async with bench.process() as app, working(app, chores=broken):
        await until(lambda: len(begun) > 2)
        job = await ask(app)
        await until(lambda: not books.rows())
        books.taken(job.id, None)

        await until(lambda: not books.rows())


@pytest.mark.usefixtures("nobody_leads")
async def test_a_listener_that_cannot_read_the_wishes_tries_again(
    bench: EngineBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had just connected, and the database was gone again: that is no end of a worker."""
    async with bench.process(PATIENT) as app:
        tried: list[int] = []
        unanswered = app.stores.wishes.unanswered

        async def cut_off() -> list[JobId]:
            tried.append(1)
            if len(tried) == 1:
                raise DatabaseUnavailable("It does not answer.")
            return await unanswered()

        monkeypatch.setattr(app.stores.wishes, "unanswered", cut_off)
        async with working(app):
            await until(lambda: len(tried) == 2)
            job = await ask(app)
            await until(lambda: bench.delivered(app, job))


async def test_a_leader_hands_on_what_a_dead_worker_had(bench: EngineBench, books: Standing) -> None:
    """It was never heard of again; its job is at nobody's, and goes on here."""
    async with bench.process() as app:
        job = await ask(app)
        dead = books.worker()
        books.ask("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", dead)
        async with working(app):
            assert await is_in(app, job, State.RECEIVED)

            books.ask("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '60 s' WHERE id = %s", dead)

            await until(lambda: bench.delivered(app, job))


async def test_a_job_that_stands_in_no_queue_is_found(bench: EngineBench, books: Standing) -> None:
    """Its task was lost, however that came about."""
    async with bench.process() as app:
        job = await ask(app)
        books.ask("DELETE FROM procrastinate_jobs")

        async with working(app):
            await until(lambda: bench.delivered(app, job))


# --- draining ---------------------------------------------------------------------------------------------------------------


async def test_draining_hands_on_what_waits_at_once_and_finishes_the_step_under_way(
    bench: EngineBench, books: Standing
) -> None:
    """What is being sent is finished, and saved; the rest need not wait for it."""
    async with bench.process(PATIENT) as app:
        async with working(app, drain_s=30.0) as engine:
            waits = await asleep(bench, app)
            bench.gate("sent").close()
            sending = await ask(app)
            await until(lambda: bench.gate("sent").waiting)

            engine.stop()
            await until(lambda: (waits.id, "todo") in books.rows())
            assert (sending.id, "doing") in books.rows()
            bench.gate("sent").open()

        assert (await load(app, sending)).provider_job_id == "judge-2"
        assert sorted(books.rows()) == sorted([(waits.id, "todo"), (sending.id, "todo")])
        bench.provider.checks.clear()
        async with bench.process() as next_one, working(next_one):
            await until(lambda: bench.delivered(app, waits, sending))
    assert len(bench.provider.paid) == 2


async def test_a_draining_worker_is_taken_over_by_another_that_runs(bench: EngineBench) -> None:
    """Within the moment: no heartbeat has to be missed first."""
    async with bench.process(PATIENT) as other:
        async with bench.process(PATIENT) as app, working(app, drain_s=30.0):
            job = await asleep(bench, app)
            bench.provider.checks.clear()
            stack = working(other)
            await stack.__aenter__()
        try:
            await until(lambda: bench.delivered(other, job))
        finally:
            await stack.__aexit__(None, None, None)
    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)


# --- zombies ---------------------------------------------------------------------------------------------------------------


async def test_whoever_lost_a_job_saves_no_checkpoint_and_makes_no_move(bench: EngineBench) -> None:
    """Frozen while it posted, and awake again: what it knows of the job is history."""
    bench.gate("deliver").close()
    async with bench.process() as app, working(app):
        job = await ask(app)
        await until(lambda: bench.gate("deliver").waiting)
        zombie = await load(app, job)
        assert zombie.delivery_id is not None

        await app.stores.jobs.take_over(job.id)

        with pytest.raises(Fenced):
            await app.stores.deliveries.save_checkpoint(zombie, zombie.delivery_id, {"message": "a second card"})
        with pytest.raises(Fenced):
            await app.stores.jobs.move(Move(job=zombie, to=State.UNDELIVERED))
        delivery = await app.stores.deliveries.load(zombie.delivery_id)
        assert delivery is not None
        assert not delivery.checkpoint
        assert await is_in(app, job, State.DELIVERING)


async def test_a_worker_that_was_taken_for_dead_does_nothing_more_to_its_jobs(
    bench: EngineBench, books: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another has the job by then, and the first finds out at its next write: one request, one post."""
    bench.gate("fetch").close()
    monkeypatch.setattr(procrastinate, "FETCH_EVERY_S", 3600.0)  # what is handed on is for the other one
    async with bench.process() as app, bench.process() as other, working(app):
        job = await ask(app)
        await until(lambda: bench.gate("fetch").waiting == 1)
        monkeypatch.setattr(procrastinate, "FETCH_EVERY_S", 0.2)
        async with working(other):
            books.fall_silent()
            await until(lambda: bench.gate("fetch").waiting == 2)

            bench.gate("fetch").open()

            await until(lambda: bench.delivered(other, job))
            await until(lambda: not bench.outside.under_way)
    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)


async def test_a_job_that_comes_back_to_the_worker_that_lost_it_is_run_once_more(
    bench: EngineBench, books: Standing
) -> None:
    """It was silent for too long and handed its own job on: the first run ends before the second begins."""
    bench.gate("fetch").close()
    async with bench.process() as app, working(app):
        job = await ask(app)
        await until(lambda: bench.gate("fetch").waiting)
        books.fall_silent()
        await until(lambda: books.ask("SELECT 1 FROM procrastinate_jobs WHERE attempts > 0 AND status = 'doing'"))

        bench.gate("fetch").open()

        await until(lambda: bench.delivered(app, job))
    assert bench.outside.most == 1
    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)
