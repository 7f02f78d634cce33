"""The queue: a job stands in it exactly when it was accepted, once, and what dead workers had is fetched again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from adapters.engine.queue import CONNECTIONS, QUEUE, WAKE_CHANNEL, Queue
from bot.errors import DatabaseUnavailable, DiskFull
from bot.ids import JobId
from storage.postgres import connect_args, libpq_url
from tests.adapters.engine.standing import DEAD, Standing, standing
from tests.conformance.engines import EngineBench, ask, until
from tests.patience import PATIENCE_S

ANNA, BERT, CARL = JobId("anna"), JobId("bert"), JobId("carl")


@pytest.fixture
def bench(tmp_path: Path) -> EngineBench:
    return EngineBench("procrastinate", tmp_path)


@pytest.fixture
def books(tmp_path: Path) -> Standing:
    return standing(tmp_path)


@pytest.fixture
async def queue(books: Standing) -> AsyncIterator[Queue]:
    opened = Queue(libpq_url(books.url), options=connect_args("queue"))
    await opened.open()
    yield opened
    await opened.close()


# --- accepted and queued are one thing ----------------------------------------------------------------------------------


def jobs(books: Standing) -> list[str]:
    """The ids of every accepted job."""
    return [row[0] for row in books.ask("SELECT id FROM jobs ORDER BY seq")]


async def test_an_accepted_job_stands_in_the_queue(bench: EngineBench, books: Standing) -> None:
    """Although nobody runs anything, and nobody was told."""
    async with bench.process() as app:
        job = await ask(app)

    assert books.rows() == [(job.id, "todo")]


async def test_an_acceptance_that_is_rolled_back_queues_nothing(bench: EngineBench, books: Standing) -> None:
    """Whatever went wrong after the job was queued inside the transaction."""

    def broken(point: str) -> None:
        if point == "before commit accept":
            raise RuntimeError("a fault of ours")

    async with bench.process() as app:
        bench.watch = broken
        with pytest.raises(RuntimeError, match="a fault of ours"):
            await ask(app)

    assert (jobs(books), books.rows()) == ([], [])


@pytest.mark.parametrize(("point", "both"), [("before commit accept", False), ("after commit accept", True)])
async def test_a_connection_that_is_lost_in_between_leaves_both_or_none(
    bench: EngineBench, books: Standing, point: str, both: bool
) -> None:
    """As a crash of the process there would: there is no moment with only one of the two."""

    def cut(seen: str) -> None:
        if seen == point:
            bench.watch = lambda _point: None
            assert books.cut("application_name = 'reelbot works'")
            if both:
                raise RuntimeError("the process died here")

    async with bench.process() as app:
        bench.watch = cut
        with pytest.raises(RuntimeError if both else DatabaseUnavailable):
            await ask(app)

    assert len(jobs(books)) == len(books.rows()) == both
    assert jobs(books) == [name for name, _ in books.rows()]


@pytest.mark.parametrize(
    ("state", "refusal"),
    [("53100", DiskFull), ("57P01", DatabaseUnavailable), ("23514", psycopg.errors.CheckViolation)],
)
async def test_a_job_that_cannot_be_queued_is_not_accepted(
    bench: EngineBench, books: Standing, state: str, refusal: type[Exception]
) -> None:
    """There is no job that nobody would ever run; and what is wrong is said as it is anywhere else in a transaction."""
    books.ask(
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
    )
    books.ask("CREATE TRIGGER refuse BEFORE INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()")

    async with bench.process() as app:
        with pytest.raises(refusal):
            await ask(app)

    assert jobs(books) == []


# --- once -------------------------------------------------------------------------------------------------------------


async def test_starting_a_job_many_times_queues_it_once(queue: Queue, books: Standing) -> None:
    """One after the other, and all at the same moment."""
    for _ in range(3):
        await queue.start(ANNA)
    await asyncio.gather(*(queue.start(BERT) for _ in range(10)))

    assert books.rows() == [(ANNA, "todo"), (BERT, "todo")]


async def test_a_job_that_is_run_is_not_queued_again(queue: Queue, books: Standing) -> None:
    """Its coroutine is there; another task would only wait for it."""
    books.taken(ANNA, books.worker())

    await queue.start(ANNA)
    await queue.wake(ANNA)

    assert books.rows() == [(ANNA, "doing")]


async def test_only_what_is_missing_is_found(queue: Queue, books: Standing) -> None:
    """What waits and what is run is left alone, however often it is looked for."""
    await queue.start(ANNA)
    books.taken(BERT, books.worker())

    found = await queue.start_missing([ANNA, BERT, CARL])
    again = await queue.start_missing([ANNA, BERT, CARL])

    assert (found, again) == ([CARL], [])
    assert sorted(books.rows()) == [(ANNA, "todo"), (BERT, "doing"), (CARL, "todo")]


async def test_what_ended_in_the_queue_is_missing(queue: Queue, books: Standing) -> None:
    """A row that is over, from whatever time, runs nothing."""
    books.taken(ANNA, None)
    books.ask("UPDATE procrastinate_jobs SET status = 'failed'")

    assert await queue.start_missing([ANNA]) == [ANNA]
    assert books.rows() == [(ANNA, "failed"), (ANNA, "todo")]


# --- dead workers -------------------------------------------------------------------------------------------------------


async def test_jobs_of_the_dead_are_handed_on_and_those_of_the_living_are_not(queue: Queue, books: Standing) -> None:
    """Dead is one that said nothing for long, and one that was struck off the books since. Other queues are not ours."""
    books.taken(ANNA, books.worker(silent_for=DEAD))
    books.taken(BERT, None)
    books.taken(CARL, books.worker(silent_for="interval '10 seconds'"))
    books.taken(JobId("else"), None, queue="another")

    handed = await queue.hand_on()

    assert handed == 2
    assert sorted(books.rows()) == [(ANNA, "todo"), (BERT, "todo"), (CARL, "doing"), ("else", "doing")]
    assert await queue.hand_on() == 0


async def test_a_queued_twin_of_a_dead_workers_job_is_fetched(queue: Queue, books: Standing) -> None:
    """The dead row would block it for ever: it holds the same lock, and cannot be queued a second time."""
    books.taken(ANNA, books.worker(silent_for=DEAD))
    await queue._defer(ANNA)
    living = books.worker()
    assert await queue.app.job_manager.fetch_job(queues=[QUEUE], worker_id=living) is None

    await queue.hand_on()

    fetched = await queue.app.job_manager.fetch_job(queues=[QUEUE], worker_id=living)
    assert fetched is not None
    assert fetched.task_kwargs == {"job_id": ANNA}
    assert books.rows() == [(ANNA, "doing")]


async def test_only_living_workers_count(queue: Queue, books: Standing) -> None:
    """Whether somebody runs jobs is what `doctor` and the pages ask."""
    assert await queue.workers_alive() == 0

    books.worker(silent_for=DEAD)
    assert await queue.workers_alive() == 0

    books.worker()
    assert await queue.workers_alive() == 1


# --- telling ----------------------------------------------------------------------------------------------------------


async def test_a_wake_is_told_to_every_worker_and_queues_what_nobody_runs(queue: Queue, books: Standing) -> None:
    """Whoever has the job hears it; where nobody has, it is queued."""
    async with await psycopg.AsyncConnection.connect(books.url, autocommit=True) as listener:
        await listener.execute(f"LISTEN {WAKE_CHANNEL}".encode())

        await queue.wake(ANNA)
        await queue.tell("turn", [BERT, CARL])

        heard = [notice.payload async for notice in listener.notifies(timeout=PATIENCE_S, stop_after=3)]
    assert heard == ["wake anna", "turn bert", "turn carl"]
    assert books.rows() == [(ANNA, "todo")]


async def test_a_server_that_is_away_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its address, and without the password in it."""
    away = Queue("postgresql://reelbot:hunter2@127.0.0.1:1/there", options={"connect_timeout": 2})
    monkeypatch.setitem(away.app.connector._pool_args, "timeout", 0.2)  # type: ignore[attr-defined]
    await away.open()
    try:
        for asking in (away.start(ANNA), away.start_missing([ANNA]), away.workers_alive(), away.hand_on()):
            with pytest.raises(DatabaseUnavailable) as refused:
                await asking
            assert "hunter2" not in str(refused.value)
            assert "127.0.0.1" not in str(refused.value)
    finally:
        await away.close()


# --- being told to end --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", range(16))
async def test_whoever_is_told_to_end_ends(queue: Queue, turns: int) -> None:
    """Also in the very moment a connection comes: so many turns of the loop after another one was given back."""
    pool = queue.app.connector.pool  # type: ignore[attr-defined]
    held = [await pool.getconn() for _ in range(CONNECTIONS)]
    asking = asyncio.create_task(queue.tell("wake", [ANNA]))
    await until(lambda: pool.get_stats().get("requests_waiting"))

    giving = asyncio.create_task(pool.putconn(held.pop()))
    for _ in range(turns):
        await asyncio.sleep(0)
    was_told = asking.cancel()
    await asyncio.wait({asking})

    await giving
    await pool.putconn(held.pop())
    assert asking.cancelled() == was_told


async def test_who_waits_is_served_as_soon_as_the_server_is_back(queue: Queue, books: Standing) -> None:
    """However often it was tried meanwhile: the pauses between the attempts do not grow beyond what anybody waits."""
    pool = queue.app.connector.pool  # type: ignore[attr-defined]
    with books.away():
        asking = asyncio.create_task(queue.workers_alive())
        await until(lambda: pool.get_stats().get("connections_errors", 0) >= 5)

    assert await asking == 0
