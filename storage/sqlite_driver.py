"""aiosqlite with one trip to its thread per statement instead of four.

SQLAlchemy drives aiosqlite like any database over a network: it makes a cursor, executes, fetches and closes, and each
of these is a message to the connection's thread and back. For a file on this machine the trips cost several times what
the statements do. `connect` hands SQLAlchemy (by its `async_creator_fn`) a connection whose cursors do all four in the
thread at once and answer the rest from memory. Results are small here: pages, single rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable
from functools import partial
from typing import Any, Self

import aiosqlite


class OneTripConnection(aiosqlite.Connection):
    """`aiosqlite.Connection` whose cursors make one trip per statement, and whose transactions begin with the first."""

    begin_with: str | None = None
    """What to execute before the next statement, in the same trip."""

    def cursor(self) -> OneTripCursor:  # type: ignore[override]
        """A cursor; nothing happens in the thread before it executes."""
        return OneTripCursor(self)

    async def in_thread(self, function: Any, *arguments: Any) -> Any:
        """Run a function of the raw connection in the connection's thread, inside the transaction that was announced."""
        begin, self.begin_with = self.begin_with, None
        trip = asyncio.get_running_loop().create_future()
        # As `Connection._execute` does it, which loses sight of what it sent when its caller is cancelled.
        self._tx.put_nowait((trip, partial(_begin_and, begin, function, self._conn, *arguments)))
        try:
            return await trip
        except asyncio.CancelledError:
            await self._stand_still()
            raise

    async def _stand_still(self) -> None:
        """Wait until the thread has done what was sent: only then can anybody tell whether a transaction is open."""
        done = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((done, bool))
        while not done.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([done])

    async def commit(self) -> None:
        """End the transaction; no trip when none was begun."""
        self.begin_with = None
        if self._conn.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Undo the transaction; no trip when none was begun."""
        self.begin_with = None
        if self._conn.in_transaction:
            await super().rollback()


class OneTripCursor:
    """What SQLAlchemy needs of an asynchronous cursor."""

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> Self:
        """Execute, and fetch every row."""
        self._keep(await self._connection.in_thread(_execute, sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> Self:
        """Execute once for each set of parameters."""
        self._keep(await self._connection.in_thread(_execute_many, sql, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        """The rows that were fetched."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open."""

    def _keep(self, done: tuple[list[Any], Any, int, int | None]) -> None:
        self._rows, self.description, self.rowcount, self.lastrowid = done


def connect(database: str, **options: Any) -> OneTripConnection:
    """What `aiosqlite.connect` does, with our connection."""
    connection = OneTripConnection(lambda: sqlite3.connect(database, **options), iter_chunk_size=64)
    # A process that ends must not wait for the thread of a connection nobody closed.
    connection._thread.daemon = True  # noqa: SLF001  SQLAlchemy does the same where it connects by itself
    return connection


def _begin_and(begin: str | None, function: Any, connection: sqlite3.Connection, *arguments: Any) -> Any:
    if begin is not None:
        connection.execute(begin)
    return function(connection, *arguments)


def _execute(connection: sqlite3.Connection, sql: str, parameters: Iterable[Any]) -> Any:
    return _done(connection.execute(sql, parameters))  # type: ignore[arg-type]


def _execute_many(connection: sqlite3.Connection, sql: str, parameters: Iterable[Iterable[Any]]) -> Any:
    return _done(connection.executemany(sql, parameters))  # type: ignore[arg-type]


def _done(cursor: sqlite3.Cursor) -> tuple[list[Any], Any, int, int | None]:
    rows = cursor.fetchall() if cursor.description else []
    done = (rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    cursor.close()
    return done
