"""The database of many processes: who waits for whom, what is done again, and what nobody must ever notice."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from bot.errors import DatabaseUnavailable, DiskFull
from storage import postgres as module
from storage.postgres import PostgresDatabase
from tests import postgres
from tests.journeys.running import ROOT, document, reelbot, wait_for
from tests.patience import PATIENCE_S


@pytest.fixture
def url(tmp_path: Path) -> str:
    return postgres.database_of(tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(url)
    yield opened
    await opened.close()


@pytest.fixture
async def elsewhere(url: str) -> AsyncIterator[PostgresDatabase]:
    """As another process has it."""
    opened = PostgresDatabase(url)
    yield opened
    await opened.close()


def note(connection: sa.Connection, key: str, value: str = "yes") -> None:
    """Something to be found later."""
    connection.execute(sa.text("INSERT INTO meta (key, value) VALUES (:key, :value)"), {"key": key, "value": value})


def noted(url: str) -> set[str]:
    """What was committed of it."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT key FROM meta WHERE key NOT LIKE 'schema.%' AND key <> 'epoch'").fetchall()
    return {row[0] for row in rows}


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def until_somebody_waits(url: str, count: int = 1) -> None:
    """For one of our locks."""
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    deadline = time.monotonic() + PATIENCE_S
    while ask(url, f"{waiting} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") < [
        (count,)
    ]:
        assert time.monotonic() < deadline, "nobody waits"
        await asyncio.sleep(0.02)


class Held:
    """A transaction that stays open until it is told to end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, connection: sa.Connection, key: str) -> None:
        note(connection, key)
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)

    async def runs(self) -> None:
        """Wait until it has its locks."""
        assert await asyncio.to_thread(self.begun.wait, PATIENCE_S)


# --- who waits for whom ---------------------------------------------------------------------------------------------------

EVERYTHING = None
SAME, OTHER, NOBODY = ("run 1",), ("run 2",), ()


@pytest.mark.parametrize(
    ("first", "second"),
    [(EVERYTHING, EVERYTHING), (EVERYTHING, SAME), (SAME, EVERYTHING), (EVERYTHING, NOBODY), (NOBODY, EVERYTHING),
     (SAME, SAME), (SAME, ("run 0", *SAME))],
)  # fmt: skip
async def test_whoever_must_not_run_beside_another_waits_for_it(
    url: str,
    database: PostgresDatabase,
    elsewhere: PostgresDatabase,
    first: tuple[str, ...] | None,
    second: tuple[str, ...] | None,
) -> None:
    """In another process, too; and it sees what that one wrote."""
    held = Held()
    earlier = asyncio.create_task(database.transact("first", held, "first", among=first))
    await held.runs()

    def read(connection: sa.Connection) -> set[str]:
        return {row[0] for row in connection.execute(sa.text("SELECT key FROM meta WHERE key = 'first'"))}

    later = asyncio.create_task(elsewhere.transact("second", read, among=second))
    await until_somebody_waits(url)
    assert not later.done()
    held.may_end.set()

    await earlier
    assert await later == {"first"}


@pytest.mark.parametrize(("first", "second"), [(SAME, OTHER), (SAME, NOBODY), (NOBODY, NOBODY), (NOBODY, SAME)])
async def test_those_that_cannot_disturb_each_other_run_side_by_side(
    url: str, database: PostgresDatabase, elsewhere: PostgresDatabase, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    """The second is committed while the first stands open."""
    held = Held()
    earlier = asyncio.create_task(database.transact("first", held, "first", among=first))
    await held.runs()

    await elsewhere.transact("second", note, "second", among=second)

    assert noted(url) == {"second"}
    held.may_end.set()
    await earlier
    assert noted(url) == {"first", "second"}


async def test_a_write_is_serialised_as_a_whole_transaction_is(
    url: str, database: PostgresDatabase, elsewhere: PostgresDatabase
) -> None:
    """Both take the same locks."""
    async with database.write("first", among=SAME) as connection:
        await connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('first', '')"))
        later = asyncio.create_task(elsewhere.transact("second", note, "second", among=SAME))
        await until_somebody_waits(url)
        assert noted(url) == set()

    await later
    assert noted(url) == {"first", "second"}


async def test_any_number_that_wait_do_not_hold_up_the_one_they_wait_for(url: str, database: PostgresDatabase) -> None:
    """More than there are connections, all of this process: the one that has the lock still comes to its end."""
    async with asyncio.timeout(PATIENCE_S):
        async with database.write("first") as connection:
            others = [asyncio.create_task(database.transact("later", note, f"later {n}")) for n in range(10)]
            await until_somebody_waits(url)
            await connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('first', '')"))
        await asyncio.gather(*others)

    assert len(noted(url)) == 11


async def test_any_number_that_read_do_not_hold_up_each_other(url: str, database: PostgresDatabase) -> None:
    """Each has a view of its own and asks a second question of it."""

    async def look_twice() -> int:
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT 1"))
            await asyncio.sleep(0)
            return int((await connection.execute(sa.text("SELECT 2"))).scalar_one())

    async with asyncio.timeout(PATIENCE_S):
        answers = await asyncio.gather(*(look_twice() for _ in range(40)))

    assert answers == [2] * 40


async def test_a_transaction_that_stood_in_anothers_way_is_done_again(url: str, database: PostgresDatabase) -> None:
    """Two rows, taken in two orders: the server undoes one, and both are carried out in the end."""
    for row in ("a", "b"):
        await database.transact("row", note, row, "0")
    both_have_one = threading.Barrier(2)
    tries: list[str] = []

    def add(connection: sa.Connection, *keys: str) -> None:
        tries.append(keys[0])
        connection.execute(sa.text("SET LOCAL deadlock_timeout = '50ms'"))
        for key in keys:
            connection.execute(sa.text("UPDATE meta SET value = (value::int + 1)::text WHERE key = :key"), {"key": key})
            if key == keys[0] and len(tries) <= 2:
                both_have_one.wait(PATIENCE_S)

    await asyncio.gather(
        database.transact("one way", add, "a", "b", among=()), database.transact("the other", add, "b", "a", among=())
    )

    assert len(tries) == 3
    assert ask(url, "SELECT value FROM meta WHERE key IN ('a', 'b')") == [("2",), ("2",)]


# --- processes and connections that come to an end ------------------------------------------------------------------------

FROZEN = """
import asyncio, pathlib, sys, time
from storage import postgres
postgres.IDLE_IN_TRANSACTION_S = 1

def hold(connection):
    connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('frozen', '')")
    pathlib.Path(sys.argv[2]).touch()
    time.sleep(60)

asyncio.run(postgres.PostgresDatabase(sys.argv[1]).transact("frozen", hold))
"""


@contextmanager
def frozen(url: str, folder: Path) -> Iterator[None]:
    """A process that was stopped in the middle of a transaction."""
    script = [sys.executable, "-c", FROZEN, url, str(folder / "begun")]
    process = subprocess.Popen(script, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait_for(folder / "begun")
        process.send_signal(signal.SIGSTOP)
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_process_that_is_frozen_in_a_transaction_lets_go_of_its_locks(
    url: str, tmp_path: Path, database: PostgresDatabase
) -> None:
    """The server ends its session; what it wrote is undone, and whoever waited goes on."""
    with frozen(url, tmp_path):
        async with asyncio.timeout(PATIENCE_S):
            await database.transact("next", note, "next")

        assert noted(url) == {"next"}


async def test_a_connection_that_was_cut_while_it_lay_still_is_replaced_unseen(
    url: str, database: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever way it is used next."""
    monkeypatch.setattr(module, "LAY_STILL_S", -1.0)
    sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await asyncio.gather(*(database.transact("before", note, f"before {number}") for number in range(6)))

    async def write() -> None:
        async with database.write("after") as connection:
            await connection.execute(sa.text("INSERT INTO meta (key, value) VALUES ('after', '')"))

    async def read() -> None:
        async with database.read() as connection:
            await connection.execute(sa.text("SELECT 1"))

    for use in (
        lambda: database.transact("whole", note, "whole"), write, read, database.probe,
        lambda: database.consult(lambda connection: connection.execute(sa.text("SELECT 1")).all()),
    ):  # fmt: skip
        assert ask(url, f"SELECT pg_terminate_backend(pid, 10000) {sessions}")

        await use()

    assert noted(url) >= {"after", "whole"}


async def test_a_connection_that_was_cut_in_the_middle_writes_nothing_and_poisons_nothing(
    url: str, database: PostgresDatabase
) -> None:
    """It is said in one sentence; the next transaction has another connection."""

    def cut(connection: sa.Connection) -> None:
        note(connection, "lost")
        mine = connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        ask(url, f"SELECT pg_terminate_backend({mine})")
        note(connection, "later")

    with pytest.raises(DatabaseUnavailable):
        await database.transact("cut", cut)
    with pytest.raises(DatabaseUnavailable):
        async with database.write("cut") as connection:
            await connection.run_sync(cut)
    await database.transact("next", note, "next")

    assert noted(url) == {"next"}


@pytest.mark.parametrize("whole", [True, False])
async def test_a_commit_whose_answer_was_lost_is_unavailable_and_may_have_happened(url: str, whole: bool) -> None:
    """Nobody is told that it failed, nor that it succeeded; what was committed is there."""

    def cut(point: str) -> None:
        if point.startswith("after commit"):
            raise psycopg.OperationalError("the connection was lost before the answer")

    database = PostgresDatabase(url, watch=cut)

    async def write() -> None:
        async with database.write("write") as connection:
            await connection.run_sync(note, "done")

    try:
        with pytest.raises(DatabaseUnavailable):
            await (database.transact("whole", note, "done") if whole else write())
    finally:
        await database.close()

    assert noted(url) == {"done"}


# --- what is refused ------------------------------------------------------------------------------------------------------


async def test_whoever_only_reads_cannot_write(url: str, database: PostgresDatabase) -> None:
    """Not by mistake, either; and the connection is as good as before."""
    with pytest.raises(DatabaseUnavailable):
        await database.consult(note, "by mistake")
    with pytest.raises(DatabaseUnavailable):
        async with database.read() as connection:
            await connection.run_sync(note, "by mistake")
    await database.transact("on purpose", note, "on purpose")

    assert noted(url) == {"on purpose"}


async def test_a_view_does_not_change_while_it_is_read(url: str, database: PostgresDatabase) -> None:
    """Whatever is committed meanwhile."""
    count = sa.text("SELECT count(*) FROM meta")
    async with database.read() as connection:
        before = (await connection.execute(count)).scalar_one()
        await database.transact("meanwhile", note, "meanwhile")
        assert (await connection.execute(count)).scalar_one() == before


async def test_a_full_disk_is_said_and_nothing_is_written(url: str, database: PostgresDatabase) -> None:
    """As the server says it, when a table cannot grow."""
    ask(
        url,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$",
    )
    ask(url, "CREATE TRIGGER full_disk BEFORE INSERT ON jobs EXECUTE FUNCTION full_disk()")

    def fill(connection: sa.Connection) -> None:
        note(connection, "half")
        connection.exec_driver_sql("INSERT INTO jobs DEFAULT VALUES")

    with pytest.raises(DiskFull, match="nothing was written"):
        await database.transact("fill", fill)
    await database.transact("next", note, "next")

    assert noted(url) == {"next"}


# --- cancelled meanwhile --------------------------------------------------------------------------------------------------


async def test_a_whole_transaction_that_is_cancelled_comes_to_its_end(url: str, database: PostgresDatabase) -> None:
    """Nobody has to guess whether it happened; its locks are free."""
    held = Held()
    cancelled = asyncio.create_task(database.transact("cancelled", held, "cancelled"))
    await held.runs()

    cancelled.cancel()
    held.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await cancelled

    assert noted(url) == {"cancelled"}
    await database.transact("next", note, "next")


async def test_a_write_that_is_cancelled_is_rolled_back_and_leaves_no_transaction_open(
    url: str, database: PostgresDatabase
) -> None:
    """Before, during and after a statement: no session stands in a transaction, and each is used again."""
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"

    async def write(key: str, begun: asyncio.Event, statement: str) -> None:
        async with database.write("cancelled") as connection:
            await connection.run_sync(note, key)
            begun.set()
            await connection.execute(sa.text(statement))
            await asyncio.sleep(60)

    for number, statement in enumerate(["SELECT 1", "SELECT pg_sleep(0.2)"] * 4):
        begun = asyncio.Event()
        writing = asyncio.create_task(write(f"cancelled {number}", begun, statement))
        await begun.wait()
        await asyncio.sleep(0.01)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert ask(url, open_ones) == [(0,)]

    await asyncio.gather(*(database.transact("next", note, f"next {number}") for number in range(8)))
    assert noted(url) == {f"next {number}" for number in range(8)}


# --- a server that is away --------------------------------------------------------------------------------------------------


async def test_a_server_that_is_away_is_one_sentence_without_its_address() -> None:
    """Nor the password in it."""
    away = PostgresDatabase("postgresql://reelbot:hunter2@127.0.0.1:1/there")
    try:
        with pytest.raises(DatabaseUnavailable) as refused:
            await away.transact("anything", note, "anything")
    finally:
        await away.close()

    assert str(refused.value) == "The database does not answer at present. Try again in a moment."


def test_the_command_line_says_that_the_server_is_away(tmp_path: Path) -> None:
    """One line, exit code 69: try again."""
    settings = {
        "REELBOT_DATABASE_URL": "postgresql://reelbot:hunter2@127.0.0.1:1/there", "REELBOT_SECRET_KEY": "k" * 40,
    }  # fmt: skip

    done = reelbot(tmp_path, "jobs", "--json", env=settings)

    assert done.returncode == 69
    assert document(done)["error"]["code"] == "database_unavailable"
    assert "hunter2" not in done.stdout + done.stderr
    assert "127.0.0.1" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
