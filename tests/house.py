"""A whole Reelbot in one test: real database and media store in a temporary directory, an outside of fakes, our clock.

No engine runs: a test drives the tracker itself, so that every step happens when the test says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.app import App, Parts, open_app
from bot.jobs.actions import Presser
from bot.jobs.model import Job, Requester
from bot.jobs.states import State
from bot.money.amount import Money
from bot.settings import load_settings
from bot.tracker.desk import Wait
from bot.tracker.ownership import OneEngine
from bot.tracker.polls import PollLog
from bot.tracker.tracker import Tracker
from tests import postgres
from tests.factories import ALICE, a_request
from tests.fakes.clock import FakeClock
from tests.fakes.courier import FakeCourier
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop

OPERATOR = Presser(person="cli:local", is_operator=True)
GROUNDS = ("sqlite", "postgresql")
GROUND = "sqlite"
"""What a house stands on, unless a suite plays on both."""
GENEROUS = {
    "limits": {"user_daily_jobs": 1000, "user_daily_usd": "1000", "confirm_above_usd": "100"},
    "allowed_workspaces": "*",
}


class House:
    """An App and everything around it."""

    def __init__(self, app: App, provider: FakeProvider, courier: FakeCourier, clock: FakeClock) -> None:
        self.app = app
        self.provider = provider
        self.courier = courier
        self.clock = clock
        self.fetcher = FakeFetcher()

    @property
    def tracker(self) -> Tracker:
        """The one of this process."""
        return self.app.tracker

    async def ask(self, **changes: Any) -> Job:
        """Accept a request of Alice's."""
        job, _ = await self.app.service.front_desk.accept(a_request(**changes))
        return job

    async def step(self, job: Job) -> Wait:
        """Run the job until it waits, giving it its turn when the line says so."""
        wait = await self.tracker.run(job.id)
        while wait.for_turn and job.id in await self.line(job.provider):
            before = await self.load(job)
            wait = await self.tracker.run(job.id, turn=True)
            if (await self.load(job)).version == before.version:
                break
        return wait

    async def line(self, provider: str) -> list[str]:
        """Whose turn it is."""
        desk = self.app.desk
        capacity = desk.providers[provider].capacity
        return await self.app.stores.submissions.next_in_line(provider, capacity, desk.person_concurrent)

    async def run(self, job: Job, *, hours: float = 48) -> Job:
        """Go on with a job, letting time pass, until it ends or waits for a person."""
        end = self.clock.now().timestamp() + hours * 3600
        while self.clock.now().timestamp() < end:
            wait = await self.step(job)
            job = await self.load(job)
            if job.is_final or job.state in (State.QUOTED, State.UNCONFIRMED):
                return job
            until = wait.until or job.next_at
            pause = (until - self.clock.now()).total_seconds() if until else 60.0
            await self.clock.advance(max(pause, 0.0) + 0.001)
        return job

    async def load(self, job: Job) -> Job:
        """As it stands."""
        found = await self.app.stores.jobs.load(job.id)
        assert found is not None
        return found

    async def used(self, requester: Requester = ALICE, scope: str = "installation", period: str = "month") -> Money:
        """What counts as spent or held in a scope."""
        standings = await self.app.stores.ledger.standings(requester)
        return next(each.used_usd for each in standings if (each.scope, each.period) == (scope, period))


@asynccontextmanager
async def a_house(
    folder: Path, *, providers: list[FakeProvider] | None = None, **settings: Any
) -> AsyncIterator[House]:
    """A Reelbot on an empty directory."""
    offers = providers or [FakeProvider()]
    courier, clock, fetcher = FakeCourier(folder), FakeClock(), FakeFetcher()
    parts = Parts(
        clock=clock,
        providers={provider.name: provider for provider in offers},
        couriers={"judge": courier},
        workshop=FakeWorkshop(),
        fetchers={"fake": fetcher},
    )
    chosen = load_settings(
        {**GENEROUS, "data_dir": folder / "data", **_ground(folder), **settings}, environ={}, cwd=folder
    )
    async with open_app(chosen, parts) as app:
        courier.media = app.service.media
        await take_over(app)
        house = House(app, offers[0], courier, clock)
        house.fetcher = fetcher
        yield house
        await app.board.settle()


def _ground(folder: Path) -> dict[str, Any]:
    if GROUND == "sqlite":
        return {}
    return {"database_url": postgres.database_of(folder), "secret_key": "k" * 40}


async def take_over(app: App) -> None:
    """As an engine that begins: whatever ran before changes nothing any more."""
    app.tracker.ownership, _ = await OneEngine.begin(app.stores.jobs)


def later_tracker(house: House) -> Tracker:
    """The tracker of a process that started after a crash: the same data, nothing remembered."""
    return Tracker(replace(house.app.desk, polls=PollLog()))
