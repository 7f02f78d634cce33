"""Many machines: PostgreSQL, any number of workers, and a media store that all of them share."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from adapters.engine.procrastinate import ProcrastinateEngine
from adapters.engine.queue import Queue
from adapters.engine.queue_schema import prepare_queue
from bot.doctor.finding import Part
from bot.errors import AlreadyRunning, ConfigurationError
from bot.ground.ground import Switchboard, schema_part
from bot.ground.one_machine import DATABASE_FILE
from bot.ground.running import running
from bot.ground.sqlite_file import is_lived_in
from bot.ids import JobId
from bot.keeping.housekeeper import keep_house
from bot.keys import read_keys
from bot.ports import Clock
from bot.settings import Settings
from bot.telemetry.logs import hide
from bot.tracker.ownership import Claims
from storage import data_dir as data_directory
from storage import schema_postgres
from storage.copying_target import refuse_unfinished
from storage.database import Database
from storage.jobs import Jobs
from storage.marks import MediaMarks
from storage.media_store import ObjectMediaStore
from storage.origin import Origin
from storage.postgres import PostgresDatabase, connect_args, libpq_url, secrets_in

if TYPE_CHECKING:
    from bot.installation import App

log = structlog.get_logger(__name__)


class ManyMachines:
    """Implements `bot.ground.ground.Ground`, as one process of many."""

    is_shared = True
    backups = None

    def __init__(self, settings: Settings, url: str, folder: Path, watch: Callable[[str], None]) -> None:
        if settings.secret_key is None:
            raise ConfigurationError(
                "With PostgreSQL every process needs the same REELBOT_SECRET_KEY: set it, for example to the outcome of "
                "`python3 -c 'import secrets; print(secrets.token_urlsafe(32))'`."
            )
        self._url = url
        self.folder = folder
        self.keys = read_keys(settings.secret_key.get_secret_value(), name="REELBOT_SECRET_KEY")
        hide([*self.keys.secrets(), *secrets_in(url)])
        self.database = PostgresDatabase(url, watch=watch)
        self.media = ObjectMediaStore(settings.media_url or (folder / "media").as_uri(), copies=folder / "copies")
        self._shares_media = settings.media_url is not None
        self._queue = Queue(libpq_url(url), options=connect_args("queue"))
        self.switchboard = Switchboard(self._queue)
        self.enqueue = self._queue.enqueue
        self._scratch_lock, self.scratch = _own_folder(folder / "scratch")

    @classmethod
    async def open(cls, settings: Settings, url: str, clock: Clock, watch: Callable[[str], None]) -> ManyMachines:
        """The database, made or upgraded, and a data directory for what this process has under way."""
        if settings.engine == "embedded":
            raise ConfigurationError(
                "REELBOT_ENGINE=embedded runs on SQLite only: unset it, and jobs are run by `reelbot run --roles worker`."
            )
        folder = data_directory.prepare(settings.data_dir, holds_database=False)
        await asyncio.to_thread(prepare_database, url)
        await asyncio.to_thread(refuse_unfinished, url)
        ground = cls(settings, url, folder, watch)
        await ground._queue.open()
        return ground

    def origin(self, database: Database, jobs: Jobs, clock: Clock) -> Origin:
        """By an object in the media store, where that is one that all machines share."""

        async def engine_runs() -> bool:
            return await self._queue.workers_alive() > 0

        marks = MediaMarks(self.media) if self._shares_media else None
        return Origin(database=database, jobs=jobs, clock=clock, marks=marks, engine_runs=engine_runs)

    @asynccontextmanager
    async def run_engine(self, app: App, kind: str) -> AsyncIterator[ProcrastinateEngine]:
        """One worker of many; `animate` runs one only where there is none."""
        if kind != "run" and await self.who_runs() is not None:
            raise AlreadyRunning("Workers run the jobs.")

        async def keep() -> None:
            await app.board.catch_up()
            await keep_house(app.chores(), app.desk.clock)

        chores = keep if kind == "run" else None
        engine = ProcrastinateEngine(
            self._queue, app.tracker, app.stores, app.desk.clock, chores=chores, catch_up=app.board.catch_up
        )
        async with running(app, engine):
            yield engine

    async def who_runs(self) -> str | None:
        """Workers that gave a sign of life lately."""
        alive = await self._queue.workers_alive()
        return None if not alive else "1 worker" if alive == 1 else f"{alive} workers"

    async def hears_at_once(self) -> bool:
        """When there is a worker: it is told by the database."""
        return self.switchboard.engine is not self._queue or await self._queue.workers_alive() > 0

    async def carry_out(self, app: App, job_id: JobId) -> None:
        """Where no worker is alive: the job is taken over, as a worker does."""
        if await self._queue.workers_alive():
            return
        claims = Claims()
        job = await app.stores.jobs.take_over(job_id)
        if job is not None:
            claims.add(job)
            app.tracker.ownership = claims
            await app.tracker.run(job_id)

    async def schema(self) -> Part:
        """One that this version wrote, or can live with."""
        found, fits = await self.database.consult(schema_postgres.fit)
        return schema_part(found, fits=fits)

    async def fault(self) -> str | None:
        """The server's own business."""
        return None

    async def left_behind(self) -> str | None:
        """The SQLite database of before, where it was never moved."""
        path = self.folder / DATABASE_FILE
        if not await asyncio.to_thread(is_lived_in, path):
            return None
        return f"{path} has jobs in it and was not moved; this process works with the PostgreSQL database instead"

    async def close(self) -> None:
        """Close every connection, and leave no files behind."""
        await self._queue.close()
        await self.database.close()
        await asyncio.to_thread(shutil.rmtree, self.scratch, ignore_errors=True)
        os.close(self._scratch_lock)


def prepare_database(url: str) -> str | None:
    """Make the database ready for this version; returns the schema it had. See `storage.schema_postgres`."""
    found = schema_postgres.prepare_server(url)
    prepare_queue(libpq_url(url), connect_args("schema"))
    return found


def _own_folder(parent: Path) -> tuple[int, Path]:
    """A folder for this process, and the lock that says that it lives; those of processes that are gone are removed."""
    parent.mkdir(mode=0o700, exist_ok=True)
    for left in parent.iterdir():
        with contextlib.suppress(OSError):
            lock = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(lock)
    folder = parent / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock, folder
