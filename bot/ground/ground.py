"""The protocol of a ground, and the engine as front ends see it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from bot.doctor.finding import Part
from bot.ids import JobId
from bot.keys import KeyRing
from bot.ports import Clock, Engine
from storage.backup_rota import BackupRota
from storage.database import Database
from storage.jobs import Enqueue
from storage.media_store import ObjectMediaStore
from storage.origin import Origin
from storage.schema import HEAD

if TYPE_CHECKING:
    from bot.installation import App


class Switchboard:
    """The engine as front ends see it: the one of this process, or, through the database, another's."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine

    async def start(self, job_id: JobId) -> None:
        """Run a job here, or leave it to the process that runs the engine: it hears of it within a second."""
        if self.engine is not None:
            await self.engine.start(job_id)

    async def wake(self, job_id: JobId) -> None:
        """Wake a job here, or leave it to the process that runs the engine."""
        if self.engine is not None:
            await self.engine.wake(job_id)


class Ground(Protocol):
    """What an installation stands on."""

    is_shared: bool
    """Whether other processes may be parts of the same installation on other machines."""
    folder: Path
    """The data directory of this process."""
    scratch: Path
    """For files under way; nobody else's."""
    keys: KeyRing
    media: ObjectMediaStore
    switchboard: Switchboard

    @property
    def database(self) -> Database:
        """Where everything is remembered."""
        ...

    @property
    def backups(self) -> BackupRota | None:
        """Backups made by ourselves, where there are any."""
        ...

    @property
    def enqueue(self) -> Enqueue | None:
        """Queues a job in the transaction that accepts it."""
        ...

    def origin(self, database: Database, jobs: Any, clock: Clock) -> Origin:
        """Which installation this is."""
        ...

    def run_engine(self, app: App, kind: str) -> AbstractAsyncContextManager[Any]:
        """Run an engine while the block lasts; drain when it ends. See `App.run_engine`."""
        ...

    async def who_runs(self) -> str | None:
        """Who runs jobs at present, in words; `None` when nobody does."""
        ...

    async def hears_at_once(self) -> bool:
        """Whether somebody begins with a new job within the moment."""
        ...

    async def carry_out(self, app: App, job_id: JobId) -> None:
        """With nobody running jobs, take one as far as it goes."""
        ...

    async def schema(self) -> Part:
        """Whether the database's schema is one that this version works with."""
        ...

    async def fault(self) -> str | None:
        """What is wrong with the database's files; `None` when nothing is, or when others look after them."""
        ...

    async def left_behind(self) -> str | None:
        """Another database of ours that lies here with jobs in it and is not used, in words; `None` when none does."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


def schema_part(found: str | None, *, fits: bool) -> Part:
    """What `Ground.schema` says of the schema that was found."""
    if fits:
        return Part(status="ok", what=f"schema {found}")
    what = f"the database has schema {found}, and this version {HEAD}"
    return Part(status="fail", what=f"{what}: restart with the version that upgraded it")
