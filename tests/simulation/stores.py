"""What one process sees of the database: the ports of `bot.stores`, each question sent over its wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from bot.jobs.model import Asset, Delivery, Evidence, Job, JobRequest, Submission, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move
from bot.money.amount import Money
from bot.ports import Capacity, Checkpoint
from bot.stores import Entrance, Stores
from bot.tracker.breaker import Health
from bot.tracker.render_times import COUNTED, Measured
from bot.workspaces import Permission
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.tables import Tables
from tests.simulation.wire import SkewedClock, Wire


class JobsSeen:
    """`JobStore`, as much of it as anybody asks here."""

    def __init__(
        self, wire: Wire, tables: Tables, clock: SkewedClock, process: Process, new_id: Callable[[], str]
    ) -> None:
        self._wire, self._tables, self._clock, self._process, self._new_id = wire, tables, clock, process, new_id

    def accept(self, request: JobRequest, quote: Money, assets: Sequence[tuple[str, Asset]]) -> Any:
        return self._wire.write(lambda: self._tables.accept(request, quote, assets, self._new_id(), self._clock.now()))

    def load(self, job_id: str) -> Any:
        return self._wire.read(self._tables.load, job_id)

    def move(self, move: Move) -> Any:
        return self._wire.write(lambda: self._tables.move(move, self._clock.now(), self._process))

    def take_over(self, job_id: str) -> Any:
        return self._wire.write(self._tables.take_over, job_id, self._process)

    def unattended(self) -> Any:
        return self._wire.read(self._tables.unattended)

    def set_progress(self, job: Job, progress: float) -> Any:
        return self._wire.write(self._tables.set_progress, job, progress)

    async def is_repeated(self, request: JobRequest) -> bool:
        return (request.requester.person, request.request_key) in self._tables.by_key


class SubmissionsSeen:
    """`SubmissionStore`."""

    def __init__(self, wire: Wire, tables: Tables, clock: SkewedClock, process: Process) -> None:
        self._wire, self._tables, self._clock, self._process = wire, tables, clock, process

    def grant(self, job: Job, submission: Submission, capacity: Capacity, most: int) -> Any:
        tables, clock = self._tables, self._clock
        return self._wire.write(lambda: tables.grant(job, submission, capacity, most, clock.now(), self._process))

    def still_ours(self, job: Job) -> Any:
        return self._wire.read(self._tables.stands, job)

    def record(self, fact: AttemptFact) -> Any:
        return self._wire.write(self._tables.write_fact, fact, self._clock.now())

    def looked_up(self, attempt_id: str, *, empty: bool = False) -> Any:
        return self._wire.write(lambda: self._tables.looked_up(attempt_id, empty=empty))

    def load(self, attempt_id: str) -> Any:
        return self._wire.read(self._tables.attempts.get, attempt_id)

    def loose_ends(self, since: datetime) -> Any:
        return self._wire.read(self._tables.loose_ends, since)

    def loose_ends_of(self, job: Job) -> Any:
        return self._wire.read(self._tables.loose_ends_of, job.id)

    def next_in_line(self, provider: str, capacity: Capacity, most: int) -> Any:
        return self._wire.read(lambda: self._tables.next_in_line(provider, capacity, most, self._clock.now()))

    def by_token(self, token: str) -> Any:
        return self._wire.read(lambda: self._tables.attempts.get(self._tables.by_token.get(token, "")))


class EvidenceSeen:
    """`EvidenceStore`."""

    def __init__(self, wire: Wire, tables: Tables, clock: SkewedClock) -> None:
        self._wire, self._tables, self._clock = wire, tables, clock

    def receive(self, submission: Submission, evidence: Evidence) -> Any:
        return self._wire.write(lambda: self._tables.receive(submission, evidence, self._clock.now()))

    def of_attempt(self, attempt_id: str) -> Any:
        return self._wire.read(lambda: list(self._tables.evidence.get(attempt_id, ())))


class WishesSeen:
    """`WishStore`."""

    def __init__(self, wire: Wire, tables: Tables, clock: SkewedClock) -> None:
        self._wire, self._tables, self._clock = wire, tables, clock

    def add(self, job_id: str, kind: WishKind, by: str, details: dict[str, Any] | None = None) -> Any:
        return self._wire.write(lambda: self._tables.wish(job_id, kind, by, details, self._clock.now()))

    def waiting(self, job_id: str) -> Any:
        return self._wire.read(lambda: list(self._tables.wishes.get(job_id, ())))

    def take(self, wish: Wish) -> Any:
        return self._wire.write(self._tables.take, wish.job_id, (wish.id,))

    def cancel_requested(self, job_id: str) -> Any:
        return self._wire.read(self._tables.cancels.__contains__, job_id)


class DeliveriesSeen:
    """`DeliveryStore`."""

    def __init__(self, wire: Wire, tables: Tables, process: Process) -> None:
        self._wire, self._tables, self._process = wire, tables, process

    def load(self, delivery_id: str) -> Any:
        return self._wire.read(self._tables.deliveries.get, delivery_id)

    def of_job(self, job_id: str) -> Any:
        return self._wire.read(self._deliveries_of, job_id)

    def _deliveries_of(self, job_id: str) -> list[Delivery]:
        return [self._tables.deliveries[each] for each in self._tables.deliveries_of.get(job_id, ())]

    def save_checkpoint(self, job: Job, delivery_id: str, checkpoint: Checkpoint) -> Any:
        return self._wire.write(self._tables.save_checkpoint, job, delivery_id, checkpoint, self._process)

    async def card(self, job_id: str) -> None:
        """Nobody draws cards here."""


class AssetsSeen:
    """`AssetStore`."""

    def __init__(self, wire: Wire, tables: Tables) -> None:
        self._wire, self._tables = wire, tables

    def load(self, asset_id: str) -> Any:
        return self._wire.read(self._tables.assets.get, asset_id)

    def of_job(self, job_id: str) -> Any:
        roles, assets = self._tables.assets_of, self._tables.assets
        return self._wire.read(lambda: {role: assets[each] for role, each in roles.get(job_id, {}).items()})


class HealthSeen:
    """`HealthStore`."""

    def __init__(self, wire: Wire, tables: Tables) -> None:
        self._wire, self._tables = wire, tables

    async def load(self, provider: str) -> Health:
        return self._tables.health.get(provider) or Health(provider=provider)

    async def change(self, provider: str, change: Callable[[Health], Health]) -> None:
        before = await self.load(provider)
        if change(before) != before:
            await self._wire.write(self._tables.change_health, provider, change)


class RenderTimes:
    """`RenderTimeStore`, one for all: what was measured is reckoned anew once a minute, as far as processes hear of it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._seconds: dict[Any, deque[float]] = {}
        self._known: dict[Any, tuple[float, Measured]] = {}

    async def add(self, provider: str, model: str, duration_s: int, resolution: str, seconds: float) -> None:
        key = (provider, model, duration_s, resolution)
        self._seconds.setdefault(key, deque(maxlen=COUNTED)).append(seconds)

    async def of(self, provider: str, model: str, duration_s: int, resolution: str) -> Measured:
        key = (provider, model, duration_s, resolution)
        known = self._known.get(key)
        if known is None or self._loop.time() - known[0] >= 60.0:
            known = self._known[key] = (self._loop.time(), Measured.of(self._seconds.get(key, ())))
        return known[1]


class EntrancesSeen:
    """`EntranceStore`: everybody may."""

    def __init__(self, wire: Wire, tables: Tables, clock: SkewedClock) -> None:
        self._wire, self._tables, self._clock = wire, tables, clock

    def look(self, requester: Any) -> Any:
        return self._wire.read(self._look, requester)

    def _look(self, requester: Any) -> Entrance:
        standings = tuple(self._tables.books.standings(requester, self._clock.now()))
        return Entrance(is_blocked=False, permission=Permission.ALLOWED, standings=standings)


class _Nobody:
    """A store that nobody asks here."""

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)


def stores_for(
    process: Process, wire: Wire, tables: Tables, clock: SkewedClock, times: RenderTimes, new_id: Callable[[], str]
) -> Stores:
    """The database as this process sees it."""
    nobody: Any = _Nobody()
    seen: dict[str, Any] = {
        "jobs": JobsSeen(wire, tables, clock, process, new_id),
        "submissions": SubmissionsSeen(wire, tables, clock, process),
        "evidence": EvidenceSeen(wire, tables, clock),
        "wishes": WishesSeen(wire, tables, clock),
        "deliveries": DeliveriesSeen(wire, tables, process),
        "assets": AssetsSeen(wire, tables),
        "entrances": EntrancesSeen(wire, tables, clock),
        "health": HealthSeen(wire, tables),
        "render_times": times,
    }
    return Stores(**(dict.fromkeys(Stores.__dataclass_fields__, nobody) | seen))
