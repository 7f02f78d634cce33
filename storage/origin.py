"""Which installation a database is, and whether it is still the one that belongs to what lies beside it.

A database carries an installation id and a generation (rows of `meta`), the place beside it the same in a small file, the
mark (`storage.marks`): the data directory, or the media store that many machines share. Where they differ, one of them
is a copy, and both may be going on with the same jobs: such a start is *held* (`storage.held`), so that nothing is paid
or posted a second time. The mark also remembers the newest engine's epoch: a database that knows of fewer engines than
its mark is an older copy that was put back.

A data directory that was copied as a whole, mark included, while the original goes on, cannot be told from it.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import sqlalchemy as sa
import structlog

from bot.errors import DataDirError
from bot.ports import Clock
from storage import tables
from storage.database import Database
from storage.held import Held, held_because, hold_everything
from storage.jobs import Jobs
from storage.marks import MARK_FILE, RESTORING_FILE, Mark, Marks

log = structlog.get_logger(__name__)

INSTALLATION_ID, GENERATION, EPOCH = "installation_id", "generation", "epoch"
COPIED_AT = "copied_at"
"""Set in the copy that a backup holds, never in a database that runs: whoever opens it next has restored it."""
COPIED_FROM = "copied_from"
MOVED_TO = "moved_to"
"""Set in a database whose installation lives in another one since."""
_meta = tables.meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the database says."""

    installation_id: str | None
    generation: int
    epoch: int
    copied_at: str | None
    copied_from: str | None = None
    """Where `db copy` took it from; `None` for a backup."""
    has_jobs: bool


class Origin:
    """The identity of one database and of what belongs to it."""

    def __init__(
        self,
        *,
        database: Database,
        jobs: Jobs,
        clock: Clock,
        marks: Marks | None,
        engine_runs: Callable[[], Awaitable[bool]],
    ) -> None:
        """`marks` is `None` where nothing beside the database is shared: then it only knows when it was copied."""
        self._database = database
        self._jobs = jobs
        self._clock = clock
        self._marks = marks
        self._engine_runs = engine_runs

    async def settle(self) -> Held | None:
        """Compare database and mark before anything else is done; make both where there are none yet.

        Where they do not belong together, everything that waits is held in one transaction; returns what was. Of two
        processes that start at once one does it. Under a running engine nothing is changed: the next start decides.
        """
        # The mark first: it never runs ahead of a database that was committed before.
        mark = await self._mark()
        async with self._database.read() as connection:
            record = await connection.run_sync(read_record)
        if self._belong_together(record, mark) or await self._engine_runs():
            return None
        held = None
        async with self._database.write("origin") as connection:
            # The database first: its first statement waits for whoever else is settling.
            record = await connection.run_sync(read_record)
            mark = await self._mark()
            if not self._belong_together(record, mark):  # else another process was faster
                held, named = await connection.run_sync(self._settle, record, mark)
                if self._marks is not None:
                    await self._marks.settled()
                    # Before the commit: whoever dies in between finds them different, and begins again.
                    await self._marks.write(named)
        if held is not None:
            log.warning("installation.held", **asdict(held), fix="Look at what waited, then run `reelbot resume`.")
        return held

    def _settle(self, connection: sa.Connection, record: Record, mark: Mark | None) -> tuple[Held | None, Mark]:
        why, held, epoch = self._why_held(record, mark), None, record.epoch
        generation = max(record.generation, mark.generation if mark else 0) + 1
        if why is not None:
            epoch = max(record.epoch, mark.epoch if mark else 0) + 1
            put_meta(connection, EPOCH, str(epoch))
            held = hold_everything(connection, self._jobs, epoch=epoch, now=self._clock.now(), why=why)
        named = Mark(installation_id=record.installation_id or str(uuid.uuid4()), generation=generation, epoch=epoch)
        put_meta(connection, INSTALLATION_ID, named.installation_id)
        put_meta(connection, GENERATION, str(generation))
        connection.execute(_meta.delete().where(_meta.c.key.in_([COPIED_AT, COPIED_FROM])))
        return held, named

    async def _mark(self) -> Mark | None:
        return None if self._marks is None else await self._marks.read()

    def _belong_together(self, record: Record, mark: Mark | None) -> bool:
        if self._marks is None:
            return record.installation_id is not None and record.copied_at is None
        return _belong_together(record, mark)

    def _why_held(self, record: Record, mark: Mark | None) -> str | None:
        if self._marks is None:
            return None if record.copied_at is None else why_held(record, mark)
        return why_held(record, mark, self._marks.place)

    async def remember_engine(self) -> None:
        """An engine has begun: from now on a database that does not know of it is an older one."""
        async with self._database.read() as connection:
            record = await connection.run_sync(read_record)
        mark = await self._mark()
        if mark is None or self._marks is None or not _belong_together(record, mark) or mark.epoch == record.epoch:
            return
        try:
            await self._marks.write(replace(mark, epoch=record.epoch))
        except Exception as error:
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


def why_held(record: Record, mark: Mark | None, place: str = "data directory") -> str | None:
    """Why this database must not simply go on, in a few words; `None` when it may."""
    if record.copied_at is not None:
        return (
            f"it was restored from a backup of {record.copied_at}"
            if record.copied_from is None
            else (f"it was copied from {record.copied_from} on {record.copied_at}")
        )
    if not record.has_jobs:
        return None
    if mark is None:
        # Earlier releases made neither: then this is the first start after an upgrade.
        return None if record.installation_id is None else f"it came without the {MARK_FILE} of its {place}"
    if (record.installation_id, record.generation) != (mark.installation_id, mark.generation):
        return f"it does not belong to the {place} it is used with"
    if record.epoch < mark.epoch:
        return f"it is older than the {place} it is used with"
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
        copied_from=found.get(COPIED_FROM),
        has_jobs=connection.execute(sa.select(tables.jobs.c.seq).limit(1)).first() is not None,
    )


def put_meta(connection: sa.Connection, key: str, value: str) -> None:
    """Set one row of `meta`."""
    connection.execute(_meta.delete().where(_meta.c.key == key))
    connection.execute(_meta.insert().values(key=key, value=value))


def refuse_half_restored(folder: Path, database: Path) -> None:
    """Raise `DataDirError` where a restore was cut short: what lies there is not a whole installation."""
    if (folder / RESTORING_FILE).exists() and not database.exists():
        raise DataDirError(
            f"A restore into {folder} was cut short, or is still going on. Run `reelbot restore FILE` again; "
            f"to begin with nothing instead, empty the directory."
        )


def moved_to(path: Path) -> str | None:
    """Where the installation of this SQLite file lives since it was moved; `None` when it lives here."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (MOVED_TO,)).fetchone()
        return None if row is None else str(row[0])
    finally:
        connection.close()
