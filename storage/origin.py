"""Which installation a database is, and whether it still lies in the data directory it belongs to.

A database carries an installation id and a generation (rows of `meta`), its data directory the same in a small file, the
mark. Where they differ, one of them is a copy, and both may be going on with the same jobs: such a start is *held*
(`storage.held`), so that nothing is paid or posted a second time. The mark also remembers the newest engine's epoch: a
database that knows of fewer engines than its directory is an older copy that was put back.

A data directory that was copied as a whole, mark included, while the original goes on, cannot be told from it.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import sqlalchemy as sa
import structlog

from bot.errors import DataDirError
from bot.ports import Clock
from storage import tables
from storage.database import Database
from storage.durable import write_durably
from storage.held import Held, held_because, hold_everything
from storage.jobs import Jobs

log = structlog.get_logger(__name__)

MARK_FILE = "installation.json"
RESTORING_FILE = "restoring.json"
"""Lies in a data directory that a restore has not finished filling."""
INSTALLATION_ID, GENERATION, EPOCH = "installation_id", "generation", "epoch"
COPIED_AT = "copied_at"
"""Set in the copy that a backup holds, never in a database that runs: whoever opens it next has restored it."""
_meta = tables.meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the data directory says."""

    installation_id: str
    generation: int
    epoch: int
    """Of an engine that ran here; the newest, or one not much older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the database says."""

    installation_id: str | None
    generation: int
    epoch: int
    copied_at: str | None
    has_jobs: bool


class Origin:
    """The identity of one database and one data directory."""

    def __init__(
        self, *, database: Database, jobs: Jobs, clock: Clock, folder: Path, engine_runs: Callable[[], bool]
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._folder = folder
        self._engine_runs = engine_runs

    async def settle(self) -> Held | None:
        """Compare database and mark before anything else is done; make both where there are none yet.

        Where they do not belong together, everything that waits is held in one transaction; returns what was. Of two
        processes that start at once one does it. Under a running engine nothing is changed: the next start decides.
        """
        # The mark first: it never runs ahead of a database that was committed before.
        mark = await asyncio.to_thread(read_mark, self._folder)
        async with self._database.read() as connection:
            record = await connection.run_sync(read_record)
        if _belong_together(record, mark) or self._engine_runs():
            return None
        async with self._database.write("origin") as connection:
            held = await connection.run_sync(self._settle)
        if held is not None:
            log.warning("installation.held", **asdict(held), fix="Look at what waited, then run `reelbot resume`.")
        return held

    def _settle(self, connection: sa.Connection) -> Held | None:
        # The database first: its first statement waits for whoever else is settling.
        record = read_record(connection)
        mark = read_mark(self._folder)
        if _belong_together(record, mark):  # another process was faster
            return None
        why, held, epoch = why_held(record, mark), None, record.epoch
        generation = max(record.generation, mark.generation if mark else 0) + 1
        if why is not None:
            epoch = max(record.epoch, mark.epoch if mark else 0) + 1
            put_meta(connection, EPOCH, str(epoch))
            held = hold_everything(connection, self._jobs, epoch=epoch, now=self._clock.now(), why=why)
        named = Mark(installation_id=record.installation_id or str(uuid.uuid4()), generation=generation, epoch=epoch)
        put_meta(connection, INSTALLATION_ID, named.installation_id)
        put_meta(connection, GENERATION, str(generation))
        connection.execute(_meta.delete().where(_meta.c.key == COPIED_AT))
        # The database is here, so the restore that brought it was complete.
        (self._folder / RESTORING_FILE).unlink(missing_ok=True)
        # Before the commit: whoever dies in between finds them different, and begins again.
        write_mark(self._folder, named)
        return held

    async def remember_engine(self) -> None:
        """An engine has begun: from now on a database that does not know of it is an older one."""
        async with self._database.read() as connection:
            record = await connection.run_sync(read_record)
        mark = await asyncio.to_thread(read_mark, self._folder)
        if mark is None or not _belong_together(record, mark) or mark.epoch == record.epoch:
            return
        try:
            await asyncio.to_thread(write_mark, self._folder, replace(mark, epoch=record.epoch))
        except (OSError, DataDirError) as error:
            # An older mark recognises fewer copies, and is no reason to leave jobs undone.
            log.warning("installation.not_remembered", why=str(error))

    async def identity(self) -> str | None:
        """The id of this installation; `None` before it has one."""
        async with self._database.look() as connection:
            return (await connection.execute(sa.select(_meta.c.value).where(_meta.c.key == INSTALLATION_ID))).scalar()

    async def held(self) -> str | None:
        """Why nothing is paid at present, until somebody resumes; `None` when all is as usual."""
        async with self._database.look() as connection:
            return await connection.run_sync(held_because)


def why_held(record: Record, mark: Mark | None) -> str | None:
    """Why this database must not simply go on, in a few words; `None` when it may."""
    if record.copied_at is not None:
        return f"it was restored from a backup of {record.copied_at}"
    if not record.has_jobs:
        return None
    if mark is None:
        # Earlier releases made neither: then this is the first start after an upgrade.
        return None if record.installation_id is None else f"it came without the {MARK_FILE} of its data directory"
    if (record.installation_id, record.generation) != (mark.installation_id, mark.generation):
        return "it does not belong to the data directory it lies in"
    if record.epoch < mark.epoch:
        return "it is older than the data directory it lies in"
    return None


def _belong_together(record: Record, mark: Mark | None) -> bool:
    if mark is None or record.copied_at is not None or record.epoch < mark.epoch:
        return False
    return (record.installation_id, record.generation) == (mark.installation_id, mark.generation)


def read_record(connection: sa.Connection) -> Record:
    """What the database says of itself."""
    found = {row.key: row.value for row in connection.execute(sa.select(_meta))}
    return Record(
        installation_id=found.get(INSTALLATION_ID),
        generation=int(found.get(GENERATION, 0)),
        epoch=int(found.get(EPOCH, 0)),
        copied_at=found.get(COPIED_AT),
        has_jobs=connection.execute(sa.select(tables.jobs.c.seq).limit(1)).first() is not None,
    )


def put_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Set one row of `meta`."""
    connection.execute(_meta.delete().where(_meta.c.key == key))
    connection.execute(_meta.insert().values(key=key, value=value))


def read_mark(folder: Path) -> Mark | None:
    """The mark of a data directory; `None` where there is none, or none that can be understood."""
    try:
        return Mark(**json.loads((folder / MARK_FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    except OSError as error:
        raise DataDirError(f"{folder / MARK_FILE} cannot be read ({error.strerror}).") from error


def write_mark(folder: Path, mark: Mark) -> None:
    """Put the mark there, durably, readable by its owner alone. Raises `DataDirError`; a full disk is an `OSError`."""
    write_durably(folder / MARK_FILE, json.dumps(asdict(mark)).encode())


def refuse_half_restored(folder: Path, database: Path) -> None:
    """Raise `DataDirError` where a restore was cut short: what lies there is not a whole installation."""
    if (folder / RESTORING_FILE).exists() and not database.exists():
        raise DataDirError(
            f"A restore into {folder} was cut short, or is still going on. Run `reelbot restore FILE` again; "
            f"to begin with nothing instead, empty the directory."
        )
