"""A wired Reelbot on one data directory: what it consists of, and the engine that makes it run."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from adapters.engine.embedded import EmbeddedEngine
from adapters.engine.lock import EngineLock
from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from bot.cards.board import CardBoard
from bot.doctor.finding import Part
from bot.errors import AlreadyRunning
from bot.ids import JobId
from bot.keeping.housekeeper import Chore, keep_house, keeping_chores
from bot.keys import KeyRing
from bot.ports import Engine, HasProcesses
from bot.readiness import examine
from bot.service import Service
from bot.settings import Settings
from bot.stores import Stores
from bot.telemetry.scrape import Scrape
from bot.tracker.desk import Desk
from bot.tracker.tracker import Tracker
from bot.watch import EVERY_S, Grounds, Watch
from storage import schema
from storage.backup_rota import BackupRota
from storage.database import Database
from storage.figures import FigureBook
from storage.ledger import unequal_sums
from storage.origin import Origin

log = structlog.get_logger(__name__)

DATABASE_FILE = "reelbot.db"


class Switchboard:
    """The engine as front ends see it: the one of this process, or, through the database, another's."""

    def __init__(self) -> None:
        self.engine: Engine | None = None

    async def start(self, job_id: JobId) -> None:
        """Run a job here, or leave it to the process that runs the engine: it hears of it within a second."""
        if self.engine is not None:
            await self.engine.start(job_id)

    async def wake(self, job_id: JobId) -> None:
        """Wake a job here, or leave it to the process that runs the engine."""
        if self.engine is not None:
            await self.engine.wake(job_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A wired Reelbot on one data directory. Runs nothing until `run_engine`."""

    settings: Settings
    data_dir: Path
    database: Database
    origin: Origin
    backups: BackupRota
    service: Service
    tracker: Tracker
    board: CardBoard
    switchboard: Switchboard
    http: HttpClient
    figures: FigureBook = field(init=False)
    """How everything stands."""
    scrape: Scrape = field(init=False)

    def __post_init__(self) -> None:
        defaults = self.stores.limits.defaults()
        figures = FigureBook(self.database, defaults, self.desk.clock, ZoneInfo(self.settings.timezone))
        desk = self.desk
        scrape = Scrape(
            desk.metrics,
            figures,
            desk.connections,
            desk.clock,
            data_dir=self.data_dir,
            providers=tuple(desk.providers),
        )
        object.__setattr__(self, "figures", figures)
        object.__setattr__(self, "scrape", scrape)

    @property
    def stores(self) -> Stores:
        """What is remembered."""
        return self.service.stores

    @property
    def keys(self) -> KeyRing:
        """The installation's secret keys."""
        return self.service.keys

    @property
    def desk(self) -> Desk:
        """What every step works with."""
        return self.service.desk

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / DATABASE_FILE

    @asynccontextmanager
    async def run_engine(self, kind: str) -> AsyncIterator[EmbeddedEngine]:
        """Run the embedded engine while the block lasts; drain when it ends.

        `kind` is `run` (the one engine of this data directory; `AlreadyRunning` names another) or `animate` (ends with
        its job and hands over to a `run`; `AlreadyRunning` when anybody runs already).
        """
        lock = EngineLock(self.data_dir, kind)
        if kind == "run":
            await asyncio.to_thread(lock.acquire_from_short_lived)
        elif not lock.acquire():
            raise AlreadyRunning("Another process runs the engine.")
        _empty(self.desk.scratch)
        handing_over = (lambda: lock.handover_asked) if kind != "run" else (lambda: False)
        engine = EmbeddedEngine(self.tracker, self.stores, self.desk.clock, should_hand_over=handing_over)
        running = asyncio.create_task(self._run(engine, lock))
        chores = self._chores() if kind == "run" else ()
        housekeeping = asyncio.create_task(keep_house(chores, self.desk.clock))
        try:
            ready = asyncio.create_task(engine.ready())
            await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                ready.cancel()
                running.result()
            async with self.backups.kept_up() if kind == "run" else contextlib.nullcontext():
                yield engine
        finally:
            housekeeping.cancel()
            engine.stop()
            await running
            await asyncio.gather(housekeeping, return_exceptions=True)

    async def _run(self, engine: EmbeddedEngine, lock: EngineLock) -> None:
        """From taking over the unfinished jobs to the last drained step; the lock is let go in the end, however it ends."""
        try:
            await engine.begin()
            await self.origin.remember_engine()
            if (held := await self.origin.held()) is not None:
                log.warning("start.held", why=held)
            await self.board.catch_up()
            self.switchboard.engine = engine
            await engine.run()
            await self.board.settle()
        finally:
            self.switchboard.engine = None
            for provider in self.desk.providers.values():
                if isinstance(provider, HasProcesses):
                    await provider.aclose()
            lock.release()

    def _chores(self) -> tuple[Chore, ...]:
        watch = Chore(name="watch", every_s=EVERY_S, do=self.watch().sweep)
        return (*keeping_chores(self.service.forgetting, self.service.sweeper), watch)

    def watch(self) -> Watch:
        """What looks for things that an operator should hear of."""

        async def backup_failure() -> str | None:
            failure = await self.backups.failure()
            return None if failure is None else failure.why

        grounds = Grounds(
            desk=self.desk,
            figures=self.figures,
            probe=self.database.probe,
            database_fault=self.database_fault,
            backup_failure=backup_failure,
            data_dir=self.data_dir,
            min_free_bytes=self.settings.disk.min_free_mb * 1_000_000,
        )
        return Watch(self.service.alerts, grounds)

    def engine_lock(self, kind: str = "observer") -> EngineLock:
        """The lock of this data directory: to look who runs the engine, or to take it for one step."""
        return EngineLock(self.data_dir, kind)

    async def parts(self) -> dict[str, Part]:
        """Whether jobs would be carried out, part by part."""
        return await examine(self)

    async def readiness(self) -> dict[str, str]:
        """The same in short, for chats: each check by name, `ok` or what is wrong."""
        parts = await self.parts()
        checks = {name: "ok" if parts[name].status == "ok" else parts[name].what for name in ("database", "engine")}
        wrong = {name: part.what for name, part in parts.items() if part.status == "fail"}
        resting = [
            name for name in self.desk.providers if (part := parts.get(f"provider.{name}")) and part.status == "warn"
        ]
        return checks | wrong | {f"provider.{name}": parts[f"provider.{name}"].what for name in resting}

    async def schema_revisions(self) -> tuple[str | None, str]:
        """The schema the database has, and the one this version knows."""
        return await asyncio.to_thread(schema.current_revision, self.database_path), schema.HEAD

    async def exposition(self) -> tuple[bytes, str]:
        """The metrics of this process in Prometheus' text form, and its content type."""
        return await self.scrape.exposition()

    async def answer_at(self, url: str) -> tuple[int, str] | None:
        """Status and content type that our own public address answers a POST at `url` with; `None` without an answer."""
        try:
            answer = await self.http.ask("POST", url, home=url, deadline_s=10.0)
        except NoAnswer:
            return None
        return answer.status, answer.headers.get("content-type", "").partition(";")[0]

    async def database_fault(self) -> str | None:
        """What SQLite finds wrong with the database file; `None` when nothing."""
        return await asyncio.to_thread(schema.check_integrity, self.database_path)

    async def unequal_sums(self) -> list[tuple[str, str]]:
        """Scopes and periods whose kept sum differs from the ledger; always empty."""
        async with self.database.read() as connection:
            return await unequal_sums(connection)

    async def take_over(self) -> None:
        """With the lock in hand: fence off whatever ran before."""
        self.tracker.epoch = epoch = await self.stores.jobs.raise_epoch()
        await self.stores.jobs.claim_all(epoch)


def _empty(scratch: Path) -> None:
    """Whatever lies in the scratch directory belongs to a process that is gone: the lock says so."""
    for left in scratch.iterdir():
        with contextlib.suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
