"""`Database` over one SQLite file: one writer at a time, readers that block nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import NO_ROOM, DatabaseCorrupt, DiskFull
from bot.languages.said import say
from storage import sqlite_driver
from storage.database import Database, to_its_end, unwatched
from storage.reader_desk import ReaderDesk
from storage.turns import Turns
from storage.writer_desk import WriterDesk

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another process's transaction. Ours take milliseconds; a slow disk may need seconds."""
READERS = 4
WAITED_FOR = frozenset({"accept"})
"""Transactions that a person waits for: they go before the work that goes on anyway."""
_ALONE = "reelbot_alone"


class SqliteDatabase(Database):
    """One file. Every transaction is serialised by SQLite itself, whatever it names in `among`."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, watch: Callable[[str], None] = unwatched) -> None:
        self._url = sa.URL.create("sqlite+aiosqlite", database=str(path))
        self._path = path
        self._watch = watch
        self._writer = self._engine("BEGIN IMMEDIATE", size=1)
        self._readers = self._engine("BEGIN", size=READERS)
        self._lookers = self._readers.execution_options(**{_ALONE: True})
        self._writing = Turns()
        self._kept: AsyncConnection | None = None
        self._desk = WriterDesk(self._path, _set_up, watch)
        self._reading = ReaderDesk(self._path, _set_up)

    @property
    def path(self) -> Path:
        """The database file."""
        return self._path

    def _engine(self, begin: str, *, size: int) -> AsyncEngine:
        creator = {"async_creator_fn": sqlite_driver.connect}
        engine = create_async_engine(self._url, pool_size=size, max_overflow=0, pool_timeout=60, connect_args=creator)
        sa.event.listen(engine.sync_engine, "connect", _set_up)

        @sa.event.listens_for(engine.sync_engine, "begin")
        def start(connection: sa.Connection) -> None:
            if connection.get_execution_options().get(_ALONE):
                return
            # Announced, and begun by the first statement: see `storage.sqlite_driver`.
            driver: Any = connection.connection.driver_connection
            driver.begin_with = begin

        return engine

    @asynccontextmanager
    async def look(self) -> AsyncIterator[AsyncConnection]:
        """For a single statement."""
        with _Translated(self.path):
            async with self._lookers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view."""
        with _Translated(self.path):
            async with self._readers.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self, name: str, *, among: Sequence[str] | None = None) -> AsyncIterator[AsyncConnection]:
        """One serialised transaction; `DatabaseCorrupt` when the file is damaged."""
        with _Translated(self.path):
            async with self._writing.turn():
                connection = await self._writing_connection()
                transaction = await connection.begin()
                try:
                    yield connection
                    self._watch(f"before commit {name}")
                except BaseException:
                    # A cancelled statement makes SQLAlchemy give up the connection; closing it undoes everything.
                    if not connection.invalidated:
                        await to_its_end(transaction.rollback())
                    raise
                try:
                    await to_its_end(transaction.commit())
                except DatabaseError:
                    # Whatever is left of the transaction goes with the connection.
                    await to_its_end(connection.invalidate())
                    raise
                self._watch(f"after commit {name}")

    async def transact(
        self, name: str, function: Callable[..., T], *arguments: Any, among: Sequence[str] | None = None
    ) -> T:
        """A whole transaction in one trip to a thread, where `write` makes a trip for each statement."""
        with _Translated(self.path):
            async with self._writing.turn(first=name in WAITED_FOR):
                return await to_its_end(self._desk.transact(name, function, arguments))

    async def consult(self, function: Callable[..., T], *arguments: Any) -> T:
        """A whole reading in one trip to a thread."""
        with _Translated(self.path):
            return await self._reading.consult(function, arguments)

    async def _writing_connection(self) -> AsyncConnection:
        """One, kept for good: there is one writer at a time, and taking it from a pool each time costs as much as a row."""
        if self._kept is None or self._kept.invalidated:
            if self._kept is not None:
                await self._kept.close()
            self._kept = await self._writer.connect()
        return self._kept

    async def probe(self) -> None:
        """Begin and roll back a write: proves that the file can be locked and written, and writes nothing."""
        async with self._writing.turn():
            connection = await self._writing_connection()
            async with connection.begin() as transaction:
                await connection.exec_driver_sql("SELECT 1")
                await transaction.rollback()

    async def close(self) -> None:
        """Close every connection; the last one folds the write-ahead log into the database file."""
        await self._reading.close()
        await self._desk.close()
        if self._kept is not None:
            await self._kept.close()
        await self._readers.dispose()
        await self._writer.dispose()


def _set_up(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions of its own: we say when, and which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        # FULL: a commit is on the disk when it returns. Promises 1 and 2 stand on this line.
        "synchronous = FULL",
        "foreign_keys = ON",
        # Moving the log into the file costs whoever commits just then: four times as rarely as by default.
        "wal_autocheckpoint = 4000",
        "cache_size = -16000",
        # What is deleted or replaced is overwritten wherever that costs no further page: erased means erased.
        "secure_delete = FAST",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Translated:
    """Turns the driver's errors that an operator can act on into ours."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise DiskFull(say("The database's disk is full; nothing was written. Free some space.")) from error
        if not isinstance(error, (DatabaseError, OperationalError)):
            return
        text = str(error.orig)
        if "disk is full" in text:
            raise DiskFull(say("The database's disk is full; nothing was written. Free some space.")) from error
        if "malformed" in text or "not a database" in text:
            raise DatabaseCorrupt(corruption_sentence(self._path)) from error


def corruption_sentence(path: Path) -> str:
    """What to tell an operator whose database is damaged: the newest backup by name, or that there is none."""
    kinds = (f"{path.stem}*.db", f"{path.stem}-backup-*.tar")
    found = [file for kind in kinds for file in (path.parent / "backups").glob(kind)]
    newest = max(found, key=lambda file: file.stat().st_mtime, default=None)
    if newest is None:
        advice = f"There is no backup beside it ({path.parent / 'backups'} is empty); restore one of your own."
    elif newest.suffix == ".tar":
        advice = (
            f"Stop Reelbot, move the data directory away, and run `reelbot restore` with the newest backup: {newest}."
        )
    else:
        advice = f"Stop Reelbot, move the damaged file away and put the newest backup in its place: {newest}."
    return f"The database {path} is damaged and was not touched. {advice}"
