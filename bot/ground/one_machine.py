"""One machine: an SQLite file in a data directory, the embedded engine, and backups made by ourselves."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from adapters.engine.embedded import EmbeddedEngine
from adapters.engine.lock import EngineLock
from bot.doctor.finding import Part
from bot.errors import AlreadyRunning, ConfigurationError
from bot.ground.ground import Switchboard, schema_part
from bot.ground.running import running
from bot.ground.sqlite_file import refuse_moved
from bot.ids import JobId
from bot.keeping.housekeeper import keep_house
from bot.ports import Clock
from bot.settings import Settings
from bot.telemetry.logs import hide
from bot.tracker.ownership import OneEngine
from storage import data_dir as data_directory
from storage import schema
from storage.backup_rota import BackupRota, Plan
from storage.database import Database
from storage.jobs import Jobs
from storage.marks import FolderMarks
from storage.media_store import ObjectMediaStore
from storage.origin import Origin, refuse_half_restored
from storage.secret_key import load_keys
from storage.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from bot.installation import App

log = structlog.get_logger(__name__)

DATABASE_FILE = "reelbot.db"


class OneMachine:
    """Implements `bot.ground.ground.Ground`."""

    is_shared = False
    enqueue = None

    def __init__(self, settings: Settings, folder: Path, clock: Clock, watch: Callable[[str], None]) -> None:
        self.folder = folder
        self.path = folder / DATABASE_FILE
        self.keys = load_keys(settings.secret_key.get_secret_value() if settings.secret_key else None, folder)
        hide(self.keys.secrets())
        self.database = SqliteDatabase(self.path, watch=watch)
        self.media = ObjectMediaStore(settings.media_url or (folder / "media").as_uri(), copies=folder / "copies")
        self.switchboard = Switchboard()
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        self.backups = BackupRota(
            plan=_backup_plan(settings, folder),
            data_dir=folder,
            database=self.database,
            media=self.media,
            clock=clock,
        )

    @classmethod
    async def open(cls, settings: Settings, clock: Clock, watch: Callable[[str], None]) -> OneMachine:
        """The data directory and its database, made or upgraded. `ConfigurationError` when they cannot be used."""
        _require_embedded(settings)
        folder = data_directory.prepare(settings.data_dir)
        path = folder / DATABASE_FILE
        refuse_half_restored(folder, path)
        # Before it is upgraded: what was moved away stays as it was then.
        await asyncio.to_thread(refuse_moved, path)
        backup = await asyncio.to_thread(schema.prepare, path)
        if backup is not None:
            log.info("database.upgraded", backup=str(backup))
        return cls(settings, folder, clock, watch)

    def origin(self, database: Database, jobs: Jobs, clock: Clock) -> Origin:
        """By a small file in the data directory."""

        async def engine_runs() -> bool:
            return self.lock("observer").holder() is not None

        marks = FolderMarks(self.folder)
        return Origin(database=database, jobs=jobs, clock=clock, marks=marks, engine_runs=engine_runs)

    def lock(self, kind: str) -> EngineLock:
        """The lock of this data directory."""
        return EngineLock(self.folder, kind)

    @asynccontextmanager
    async def run_engine(self, app: App, kind: str) -> AsyncIterator[EmbeddedEngine]:
        """The one engine of this data directory."""
        lock = self.lock(kind)
        if kind == "run":
            await asyncio.to_thread(lock.acquire_from_short_lived)
        elif not lock.acquire():
            raise AlreadyRunning("Another process runs the engine.")
        _empty(self.scratch)
        handing_over = (lambda: lock.handover_asked) if kind != "run" else (lambda: False)
        engine = EmbeddedEngine(app.tracker, app.stores, app.desk.clock, should_hand_over=handing_over)
        # The lock is let go when the engine has ended: where it hands over, before the block does.
        async with running(app, engine, ended=lock.release):
            housekeeping = asyncio.create_task(keep_house(app.chores() if kind == "run" else (), app.desk.clock))
            try:
                async with self.backups.kept_up() if kind == "run" else contextlib.nullcontext():
                    yield engine
            finally:
                housekeeping.cancel()
                await asyncio.gather(housekeeping, return_exceptions=True)

    async def who_runs(self) -> str | None:
        """The process that holds the lock."""
        holder = self.lock("observer").holder()
        return None if holder is None else f"process {holder.pid}"

    async def hears_at_once(self) -> bool:
        """When the engine is in this process."""
        return self.switchboard.engine is not None

    async def take_over(self, app: App) -> None:
        """With the lock in hand: fence off whatever ran before."""
        app.tracker.ownership, _ = await OneEngine.begin(app.stores.jobs)

    async def carry_out(self, app: App, job_id: JobId) -> None:
        """Under the lock, where nobody holds it."""
        lock = self.lock("animate")
        try:
            if lock.acquire():
                await self.take_over(app)
                await app.tracker.run(job_id)
        finally:
            lock.release()

    async def schema(self) -> Part:
        """The file's."""
        found = await asyncio.to_thread(schema.current_revision, self.path)
        return schema_part(found, fits=found == schema.HEAD)

    async def fault(self) -> str | None:
        """What SQLite finds wrong with the file."""
        return await asyncio.to_thread(schema.check_integrity, self.path)

    async def left_behind(self) -> str | None:
        """What lies here is what is used."""
        return None

    async def close(self) -> None:
        """Close the database."""
        await self.database.close()


def _require_embedded(settings: Settings) -> None:
    if settings.engine == "procrastinate":
        raise ConfigurationError(
            "REELBOT_ENGINE=procrastinate needs PostgreSQL: set REELBOT_DATABASE_URL, or unset it."
        )
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if url is not None and url.partition(":///")[2] != str((settings.data_dir / DATABASE_FILE).absolute()):
        raise ConfigurationError(
            f"The SQLite database lies in the data directory ({settings.data_dir / DATABASE_FILE}): set REELBOT_DATA_DIR "
            f"to move it, and unset REELBOT_DATABASE_URL."
        )


def _backup_plan(settings: Settings, folder: Path) -> Plan:
    chosen = settings.backup
    return Plan(
        every=timedelta(hours=chosen.every_hours),
        directory=chosen.directory.expanduser().absolute() if chosen.directory else folder / "backups",
        keep=chosen.keep,
        with_media=chosen.media,
    )


def _empty(scratch: Path) -> None:
    """Whatever lies in the scratch directory belongs to a process that is gone: the lock says so."""
    for left in scratch.iterdir():
        with contextlib.suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
