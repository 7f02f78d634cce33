"""Every implementation of the store protocols, opened on a folder; and a job's life as short moves.

Another database is one more name in `IMPLEMENTATIONS` and one more branch in `open_stores`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.ids import new_id, new_token
from bot.jobs.model import Delivery, Job, Outcome, Submission
from bot.jobs.moves import AttemptFact, Hold, Move
from bot.jobs.states import State
from bot.keys import KeyRing
from bot.money.amount import Money
from bot.money.limits import DefaultLimits
from bot.ports import Capacity
from bot.stores import Stores
from storage import ledger, schema
from storage.api_tokens import ApiTokens
from storage.assets import Assets
from storage.audit import Audit
from storage.changes import Changes
from storage.database import Database
from storage.deliveries import Deliveries
from storage.entrances import Entrances
from storage.evidence import EvidenceBook
from storage.history import History
from storage.installations import Installations
from storage.jobs import Jobs
from storage.leases import Leases
from storage.limits import Limits
from storage.members import Members
from storage.notes import Notes
from storage.paces import Paces
from storage.postgres import PostgresDatabase
from storage.provider_health import ProviderHealth
from storage.render_times import RenderTimes
from storage.reports import Reports
from storage.sqlite import SqliteDatabase
from storage.submissions import Submissions
from storage.wishes import Wishes
from storage.workspaces import Workspaces
from tests import postgres
from tests.factories import a_request
from tests.fakes.clock import FakeClock

IMPLEMENTATIONS = ("sqlite", "postgresql")

HALF = Money.usd("0.50")
NO_LIMITS = DefaultLimits(
    user_daily_jobs=None, user_daily_usd=None, workspace_monthly_usd=None, installation_monthly_usd=None
)
ROOMY = Capacity()
SECRET_KEY = "the-key-of-the-stores-bench"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBench:
    """The stores under test, and short ways to bring a job where a test needs it."""

    stores: Stores
    clock: FakeClock
    unequal_sums: Callable[[], Awaitable[list[tuple[str, str]]]]

    async def accept(self, **changes: Any) -> Job:
        """Alice's job, just received, at half a dollar."""
        job, _ = await self.stores.jobs.accept(a_request(**changes), HALF, ())
        return job

    async def load(self, job: Job) -> Job:
        """As it stands."""
        found = await self.stores.jobs.load(job.id)
        assert found is not None
        return found

    async def move(self, job: Job, to: State, **more: Any) -> Job:
        """One transition."""
        return await self.stores.jobs.move(Move(job=job, to=to, **more))

    async def queue(self, job: Job, amount: Money = HALF) -> Job:
        """Hold the money."""
        return await self.move(job, State.QUEUED, changes={"queued_at": self.clock.now()}, money=Hold(amount=amount))

    async def queued(self, amount: Money = HALF, **changes: Any) -> Job:
        """A job of Alice's in line."""
        return await self.queue(await self.accept(**changes), amount)

    def attempt(self, job: Job) -> Submission:
        """What would be written down before sending."""
        return Submission(
            attempt_id=new_id(),
            job_id=job.id,
            provider=job.provider,
            model=job.model,
            token=new_token(),
            input_url="https://in.example.net/a",
            started_at=self.clock.now(),
        )

    async def submit(self, job: Job) -> Job:
        """Granted: in `submitting`, with an open attempt."""
        granted = await self.stores.submissions.grant(job, self.attempt(job), ROOMY, 1000)
        assert granted is not None
        return granted

    async def submitting(self, **changes: Any) -> Job:
        """A job of Alice's that is being sent."""
        return await self.submit(await self.queued(**changes))

    async def render(self, job: Job) -> Job:
        """From `submitting`: the provider has it."""
        name = f"theirs-{job.id}"
        fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id=name)
        return await self.move(job, State.RENDERING, changes={"provider_job_id": name}, attempt=fact)

    async def rendering(self, **changes: Any) -> Job:
        """A job of Alice's at its provider."""
        return await self.render(await self.submitting(**changes))

    async def delivering(self, **changes: Any) -> tuple[Job, Delivery]:
        """A job of Alice's that is being posted."""
        job = await self.move(await self.rendering(**changes), State.FETCHING)
        delivery = Delivery(id=new_id(), job_id=job.id, number=1, place="judge:room")
        changed = {"delivery_id": delivery.id}
        return await self.move(job, State.DELIVERING, changes=changed, new_delivery=delivery), delivery

    async def fail(self, job: Job, **more: Any) -> Job:
        """The end, from wherever it may end."""
        return await self.move(job, State.FAILED, **more)


@asynccontextmanager
async def open_stores(
    kind: str,
    folder: Path,
    *,
    limits: DefaultLimits = NO_LIMITS,
    zone: str = "UTC",
    allowed: frozenset[str] = frozenset(),
    clock: FakeClock | None = None,
) -> AsyncIterator[StoreBench]:
    """Stores on `folder`. A second one on the same folder is what another process sees."""
    database = _database(kind, folder)
    clock = clock or FakeClock()
    rules = Limits(database, limits)
    books = ledger.Ledger(database, rules, clock, ZoneInfo(zone))

    async def unequal_sums() -> list[tuple[str, str]]:
        async with database.read() as connection:
            return await ledger.unequal_sums(connection)

    places = Workspaces(database, clock, allowed)
    stores = Stores(
        jobs=Jobs(database, books, clock),
        submissions=Submissions(database, clock),
        evidence=EvidenceBook(database, clock),
        wishes=Wishes(database, clock),
        deliveries=Deliveries(database, clock),
        assets=Assets(database, clock),
        entrances=Entrances(database, books, places),
        ledger=books,
        limits=rules,
        health=ProviderHealth(database, clock),
        render_times=RenderTimes(database, clock),
        history=History(database),
        workspaces=places,
        notes=Notes(database, clock),
        installations=Installations(database, KeyRing([SECRET_KEY])),
        changes=Changes(database),
        tokens=ApiTokens(database, clock),
        members=Members(database, clock),
        audit=Audit(database, clock),
        reports=Reports(database),
        paces=Paces(database, clock),
        leases=Leases(database, clock),
    )
    try:
        yield StoreBench(stores=stores, clock=clock, unequal_sums=unequal_sums)
    finally:
        await database.close()


def _database(kind: str, folder: Path) -> Database:
    if kind == "postgresql":
        return PostgresDatabase(postgres.database_of(folder))
    if kind != "sqlite":
        raise ValueError(f"no stores are called {kind!r}")
    path = folder / "reelbot.db"
    schema.prepare(path)
    return SqliteDatabase(path)
