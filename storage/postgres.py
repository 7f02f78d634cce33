"""`Database` over a PostgreSQL server that many processes share.

Serialised transactions: all of them take one advisory lock, exclusively; those that say whom they must not run beside
(`among`) take it shared, and a lock of each name exclusively. So whatever is serialised with everything is alone, as it
is on SQLite, and the work of a job's life only waits for those it could disturb. The locks end with the transaction,
also when its process is gone: a server ends the transaction of a process that was stopped in the middle of one after
`IDLE_IN_TRANSACTION_S`.
"""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import DatabaseUnavailable, DiskFull
from bot.languages.said import say
from storage.database import Database, to_its_end, unwatched
from storage.in_thread import InThread

T = TypeVar("T")

AT_ONCE = 6
"""Connections, each with a thread; the engine has four of its own."""
IDLE_IN_TRANSACTION_S = 10
"""After which the server ends a transaction whose process does nothing: it was stopped, or is gone."""
PATIENCE_S = 30.0
"""How long one waits for a connection that is free."""
LAY_STILL_S = 1.0
"""After which a connection is asked whether it lives before it is used."""
TRIES = 4
"""Of a transaction that stood in another's way (a deadlock): one of the two is undone by the server, and done again."""

_LOCKS = 7309
"""Class of our advisory locks; the second number is the name's checksum."""
_STANDING_IN_THE_WAY = frozenset({"40001", "40P01"})
_NO_ROOM = frozenset({"53100", "53200"})
_SESSION = (
    "-c timezone=UTC -c jit=off -c lock_timeout=20s -c statement_timeout=120s "
    # A page anywhere costs hardly more than the next one: on disks of today the index of words is worth asking.
    "-c random_page_cost=1.1 "
    # A view that somebody reads from slowly; those that hold locks have less, see `_enter`.
    "-c idle_in_transaction_session_timeout=120s"
)


def server_url(url: str) -> sa.URL:
    """Our own spelling of an address of PostgreSQL. `ValueError` when it is none."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise ValueError("is no address of a database") from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError("must begin with postgresql://")
    return parsed.set(drivername="postgresql+psycopg")


def libpq_url(url: str) -> str:
    """The same in the words of PostgreSQL's own library."""
    return server_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def secrets_in(url: str) -> list[str]:
    """What must not be seen of it."""
    password = server_url(url).password
    return [str(password)] if password else []


def connect_args(name: str) -> dict[str, Any]:
    """What every connection of ours is opened with: it notices within half a minute that the other side is gone."""
    return {
        "application_name": f"reelbot {name}",
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "options": _SESSION,
    }


class PostgresDatabase(Database):
    """One database of a server. It needs sessions of its own: no pooler that hands out one per transaction."""

    dialect = "postgresql"

    def __init__(self, url: str, *, watch: Callable[[str], None] = unwatched) -> None:
        self.url = server_url(url)
        self._watch = watch
        self._works = sa.create_engine(
            self.url, connect_args=connect_args("works"), pool_size=AT_ONCE, max_overflow=0, pool_timeout=PATIENCE_S
        )
        sa.event.listen(self._works, "checkout", _look_whether_it_lives)
        sa.event.listen(self._works, "checkin", _note_the_time)
        # We begin ourselves, see `_enter`: a trip less for every transaction.
        self._plain = self._works.execution_options(isolation_level="AUTOCOMMIT")
        self._views = self._works.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._threads: ThreadPoolExecutor | None = None
        # Whoever has a connection must always get a thread for its next statement, and whoever has a thread a connection:
        # so whoever comes too late waits here, and keeps neither from those who are further.
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement."""
        async with self._place():
            connection = InThread(self._plain, self._in_thread)
            try:
                yield cast("AsyncConnection", connection)
            finally:
                connection.let_go()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view."""
        async with self._place():
            connection = InThread(self._views, self._in_thread)
            try:
                yield cast("AsyncConnection", connection)
            finally:
                await connection.end()

    @asynccontextmanager
    async def write(self, name: str, *, among: Sequence[str] | None = None) -> AsyncIterator[AsyncConnection]:
        """One serialised transaction."""
        async with self._place():
            connection = InThread(self._plain, self._in_thread)
            try:
                await connection.exec_driver_sql(_enter(among))
                yield cast("AsyncConnection", connection)
                self._watch(f"before commit {name}")
            except BaseException:
                await connection.end("ROLLBACK")
                raise
            await connection.end("COMMIT")
            self._watch(f"after commit {name}")

    async def transact(
        self, name: str, function: Callable[..., T], *arguments: Any, among: Sequence[str] | None = None
    ) -> T:
        """A whole transaction in a thread; done again where it was undone for standing in another's way."""
        async with self._place():
            return await to_its_end(self._in_thread(self._transact, name, function, arguments, among))

    async def consult(self, function: Callable[..., T], *arguments: Any) -> T:
        """A whole reading in a thread."""
        async with self._place():
            return await to_its_end(self._in_thread(self._consult, function, arguments))

    async def probe(self) -> None:
        """Ask for a number of a transaction: proves that the server answers, and that it is no standby that only reads."""
        async with self.look() as connection:
            await connection.execute(sa.text("SELECT pg_current_xact_id()"))

    async def close(self) -> None:
        """Close every connection, once nobody uses it any more."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            await asyncio.to_thread(threads.shutdown)
        self._works.dispose()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of as many as there are connections and threads, while the block lasts."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable from error
        try:
            with _Translated():
                yield
        finally:
            self._places.release()

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, "database")
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    # --- in a thread ----------------------------------------------------------------------------------------------

    def _transact(
        self, name: str, function: Callable[..., T], arguments: tuple[Any, ...], among: Sequence[str] | None
    ) -> T:
        for left in range(TRIES - 1, -1, -1):
            try:
                with self._plain.connect() as connection:
                    connection.exec_driver_sql(_enter(among))
                    try:
                        result = function(connection, *arguments)
                        self._watch(f"before commit {name}")
                    except BaseException:
                        if not connection.invalidated:
                            connection.exec_driver_sql("ROLLBACK")
                        raise
                    connection.exec_driver_sql("COMMIT")
                    self._watch(f"after commit {name}")
                    return result
            except OperationalError as error:
                if not left or getattr(error.orig, "sqlstate", None) not in _STANDING_IN_THE_WAY:
                    raise
                time.sleep(random.uniform(0.005, 0.05))
        raise AssertionError("the last try returns or raises")

    def _consult(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        with self._views.connect() as connection:
            return function(connection, *arguments)


def _enter(among: Sequence[str] | None) -> str:
    """What begins a serialised transaction, in one message: its locks, in an order that is the same for everybody."""
    begin = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'; SELECT "
    if among is None:
        return f"{begin}pg_advisory_xact_lock({_LOCKS}, 0)"
    keys = sorted({_key(name) for name in among})
    locks = [f"pg_advisory_xact_lock({_LOCKS}, {key})" for key in keys]
    return begin + ", ".join([f"pg_advisory_xact_lock_shared({_LOCKS}, 0)", *locks])


def _note_the_time(_connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _look_whether_it_lives(connection: Any, record: Any, _proxy: Any) -> None:
    """One that lay still may have been cut meanwhile: it is asked, and replaced. Busy ones need not be asked each time."""
    if time.monotonic() - record.info.get("used", time.monotonic()) < LAY_STILL_S:
        return
    try:
        connection.cursor().execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise sa.exc.DisconnectionError from error


def _key(name: str) -> int:
    """A number of 31 bits, never 0; two names that share one wait for each other, and that is all."""
    return zlib.crc32(name.encode()) >> 1 or 1


class _Translated:
    """Turns the driver's errors that an operator can act on into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeout):
            raise DatabaseUnavailable from error
        if not isinstance(error, (DBAPIError, psycopg.Error)):
            return
        driver = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(driver, "sqlstate", None)
        if state in _NO_ROOM:
            raise DiskFull(say("The database's disk is full; nothing was written. Free some space.")) from error
        is_gone = isinstance(error, DBAPIError) and error.connection_invalidated
        if is_gone or isinstance(error, InterfaceError) or _is_passing(driver, state):
            raise DatabaseUnavailable from error


def _is_passing(driver: object, state: str | None) -> bool:
    """No connection, or one that ended; a server that starts or stops; a lock that was waited for too long."""
    if state is None:
        return isinstance(driver, psycopg.OperationalError)
    return state[:2] in ("08", "57") or state in ("53300", "55P03", "25P03", "25P04", "25006")
