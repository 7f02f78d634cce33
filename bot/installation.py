"""A wired Reelbot: what it consists of, on whichever ground it stands."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from bot.cards.board import CardBoard
from bot.doctor.finding import Part
from bot.ground.ground import Ground, Switchboard
from bot.keeping.housekeeper import Chore, keeping_chores
from bot.keys import KeyRing
from bot.readiness import examine
from bot.service import Service
from bot.settings import Settings
from bot.stores import Stores
from bot.telemetry.scrape import Scrape
from bot.tracker.desk import Desk
from bot.tracker.tracker import Tracker
from bot.watch import EVERY_S, Grounds, Watch
from storage.backup_rota import BackupRota
from storage.database import Database
from storage.figures import FigureBook
from storage.ledger import unequal_sums
from storage.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A wired Reelbot. Runs nothing until `run_engine`."""

    settings: Settings
    ground: Ground
    origin: Origin
    service: Service
    tracker: Tracker
    board: CardBoard
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
    def data_dir(self) -> Path:
        """The data directory of this process."""
        return self.ground.folder

    @property
    def database(self) -> Database:
        """Where everything is remembered."""
        return self.ground.database

    @property
    def backups(self) -> BackupRota | None:
        """Backups made by ourselves; with PostgreSQL they are its operator's business."""
        return self.ground.backups

    @property
    def switchboard(self) -> Switchboard:
        """The engine as front ends see it."""
        return self.ground.switchboard

    def run_engine(self, kind: str) -> AbstractAsyncContextManager[Any]:
        """Run an engine while the block lasts; drain when it ends.

        `kind` is `run` (it stays; `AlreadyRunning` names another where there can be only one) or `animate` (ends with its
        job, and hands over to a `run`; `AlreadyRunning` when anybody runs already).
        """
        return self.ground.run_engine(self, kind)

    def chores(self) -> tuple[Chore, ...]:
        """What is to be done again and again, by one process of all."""
        watch = Chore(name="watch", every_s=EVERY_S, do=self.watch().sweep)
        return (*keeping_chores(self.service.forgetting, self.service.sweeper), watch)

    def watch(self) -> Watch:
        """What looks for things that an operator should hear of."""

        async def backup_failure() -> str | None:
            failure = await self.backups.failure() if self.backups is not None else None
            return None if failure is None else failure.why

        grounds = Grounds(
            desk=self.desk,
            figures=self.figures,
            probe=self.database.probe,
            database_fault=self.ground.fault,
            backup_failure=backup_failure,
            data_dir=self.data_dir,
            min_free_bytes=self.settings.disk.min_free_mb * 1_000_000,
        )
        return Watch(self.service.alerts, grounds)

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

    async def unequal_sums(self) -> list[tuple[str, str]]:
        """Scopes and periods whose kept sum differs from the ledger; always empty."""
        async with self.database.read() as connection:
            return await unequal_sums(connection)
