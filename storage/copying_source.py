"""The SQLite database that is moved away: seen at one moment, and marked as moved only if nothing was written since.

Both are one transaction. It begins as a reading, and SQLite refuses to let it write when anybody else has written since
it began: what raced is never lost. A process that had the database open all the while could still write into it after
the mark; so the mark stands only once nobody else has it open, and whoever opens it from then on finds the mark.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bot.errors import AlreadyRunning, ConfigurationError, DatabaseCorrupt, UsageError
from bot.keys import KeyRing
from storage import schema, tables
from storage.installations import Installations
from storage.origin import INSTALLATION_ID, MOVED_TO, put_meta
from storage.restore import DATABASE_FILE
from storage.sqlite import SqliteDatabase, corruption_sentence

MOVED_AT = "moved_at"
"""Beside `MOVED_TO`: which of several copies it was, by the moment that the copy carries, too."""
PATIENCE_S = 5.0
"""So long short commands that have the database open are waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a database says that was moved."""

    to: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The tokens of workspaces in a database, and whether some keys open them."""

    total: int
    closed: frozenset[str]
    """Workspaces whose token they do not open."""


def source_path(address: str) -> Path:
    """The file of `sqlite:////srv/reelbot/reelbot.db`. `UsageError` unless it is the database of a data directory."""
    begins = "sqlite:///"
    if not address.startswith(begins) or "?" in address:
        raise UsageError(
            f"SOURCE is the SQLite database of a data directory, like sqlite:////srv/reelbot/{DATABASE_FILE}."
        )
    path = Path(address.removeprefix(begins)).absolute()
    if path.name != DATABASE_FILE:
        raise UsageError(
            f"SOURCE must be the {DATABASE_FILE} of a data directory: its key and its files lie beside it."
        )
    if not path.is_file():
        raise UsageError(f"There is no database at {path}.")
    if schema.current_revision(path) is None:
        raise UsageError(f"{path} is no database of Reelbot's.")
    return path


def require_alone(path: Path, *, patience_s: float = PATIENCE_S) -> None:
    """Raise `AlreadyRunning` while another process has the database open; short commands are waited for."""
    end = time.monotonic() + patience_s
    while not _is_alone(path):
        if time.monotonic() >= end:
            raise AlreadyRunning(
                f"Another process has {path} open: stop everything that works with it (web, chats, a replication of the "
                f"file), then run this again. Nothing was moved."
            )
        time.sleep(0.05)


def _is_alone(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            # Leaving the write-ahead log needs the file for oneself.
            if connection.execute("PRAGMA journal_mode = DELETE").fetchone() != ("delete",):
                return False
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return False
        connection.execute("PRAGMA journal_mode = WAL")
    return True


def require_whole(path: Path) -> None:
    """Raise `DatabaseCorrupt` for a damaged file, or one whose rows name rows that are not there."""
    if schema.check_integrity(path) is not None:
        raise DatabaseCorrupt(corruption_sentence(path))
    with closing(sqlite3.connect(path)) as connection:
        orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
    if orphan is not None:
        raise DatabaseCorrupt(
            f"Row {orphan[1]} of `{orphan[0]}` in {path} names a row of `{orphan[2]}` that is not there; look at "
            f"`reelbot doctor`, or restore a backup."
        )


@contextmanager
def seen(path: Path) -> Iterator[sa.Connection]:
    """The database as it is now, whoever writes meanwhile; `mark_moved` ends it."""
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    try:
        with engine.connect() as connection:
            # The view begins with the first reading.
            connection.execute(sa.select(tables.meta).limit(1)).all()
            yield connection
    finally:
        engine.dispose()


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("busy_timeout = 10000", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def installation_of(connection: sa.Connection) -> str | None:
    """Which installation it is; `None` before its first start."""
    return connection.execute(sa.select(tables.meta.c.value).where(tables.meta.c.key == INSTALLATION_ID)).scalar()


def moved(path: Path) -> Moved | None:
    """Where the installation lives since it was moved; `None` when it lives here."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        found = dict(connection.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", (MOVED_TO, MOVED_AT)))
    return Moved(to=str(found[MOVED_TO]), at=str(found.get(MOVED_AT, ""))) if MOVED_TO in found else None


def mark_moved(connection: sa.Connection, what: Moved) -> None:
    """End the view by a mark. `AlreadyRunning` when anything was written since it began; then there is none."""
    try:
        put_meta(connection, MOVED_TO, what.to)
        put_meta(connection, MOVED_AT, what.at)
        connection.commit()
    except sa.exc.OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0)
        if code & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise AlreadyRunning(
            "Something was written into the database while it was copied: stop everything that works with it (web, chats, "
            "commands), then run this again. Nothing was moved."
        ) from error


def unmark(path: Path) -> None:
    """The installation lives here again."""
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("DELETE FROM meta WHERE key IN (?, ?)", (MOVED_TO, MOVED_AT))


def require_lives_here(path: Path) -> None:
    """Raise `ConfigurationError` for a database that was moved."""
    if (found := moved(path)) is not None:
        raise ConfigurationError(
            f"This installation was moved to {found.to} on {found.at}; what lies in {path.parent} is only a copy of how it "
            f"was then. If it was never started there, `reelbot db copy SOURCE TARGET --undo` takes it back."
        )


async def sealed(path: Path, keys: KeyRing | None) -> Sealed:
    """Which tokens of workspaces these keys open; none without keys."""
    database = SqliteDatabase(path)
    try:
        async with database.look() as connection:
            found = (await connection.execute(sa.select(tables.installations))).mappings().all()
        places = {str(row["workspace"] or row["enterprise"]) for row in found}
        if keys is None:
            return Sealed(total=len(found), closed=frozenset(places))
        book = Installations(database, keys)
        closed = {place for kind in {row["platform"] for row in found} for place in await book.unopenable(kind)}
        return Sealed(total=len(found), closed=frozenset(closed))
    finally:
        await database.close()
