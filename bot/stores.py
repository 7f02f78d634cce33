"""The stores the product needs: what is remembered, as protocols. `storage` implements them.

They stand beside `bot.ports`, which holds the protocols that people outside implement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from bot.ids import JobId
from bot.jobs.model import Asset, Delivery, Evidence, Job, JobEvent, JobRequest, Requester, Submission, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move
from bot.jobs.states import State
from bot.money.amount import Money
from bot.money.limits import Limit, Standing
from bot.ports import Capacity, Checkpoint
from bot.tracker.breaker import Health
from bot.tracker.render_times import Measured, RenderKey
from bot.workspaces import Permission, Workspace


class JobStore(Protocol):
    """Jobs. See `storage.jobs.Jobs` for the promises of each."""

    async def accept(self, request: JobRequest, quote: Money, assets: Sequence[tuple[str, Asset]]) -> tuple[Job, bool]:
        """Write one row, or return the one the request key names; the second value says whether it is new."""
        ...

    async def load(self, job_id: JobId) -> Job | None:
        """The job as it stands."""
        ...

    async def find(self, prefix: str, *, limit: int = 2) -> list[Job]:
        """Jobs whose id begins so."""
        ...

    async def is_repeated(self, request: JobRequest) -> bool:
        """Whether accepting this would return a job that stands."""
        ...

    async def move(self, move: Move) -> Job:
        """Carry out a transition. `Fenced`: only its facts were written. `LimitReached`: nothing was."""
        ...

    async def claim_all(self, epoch: int) -> list[Job]:
        """Take over every unfinished job."""
        ...

    async def claim(self, job: Job, epoch: int) -> None:
        """Take over one job of an earlier engine."""
        ...

    async def raise_epoch(self) -> int:
        """Begin a new engine; older ones are fenced off from now on."""
        ...

    async def newest(self) -> int:
        """Where `accepted_since` begins for who wants only what is still to come."""
        ...

    async def accepted_since(self, seq: int) -> tuple[int, list[JobId]]:
        """What came in after `seq`."""
        ...

    async def set_progress(self, job: Job, progress: float) -> None:
        """Write down how far a render has come."""
        ...

    async def queue_position(self, job: Job) -> int | None:
        """Place in its provider's line, from 1."""
        ...

    async def events(self, job_id: JobId, *, after: int = 0) -> list[JobEvent]:
        """What happened to a job."""
        ...

    async def in_state(self, *states: State) -> list[Job]:
        """Jobs in these states, oldest first."""
        ...


class SubmissionStore(Protocol):
    """Attempts. See `storage.submissions.Submissions`."""

    async def grant(self, job: Job, submission: Submission, capacity: Capacity, person_concurrent: int) -> Job | None:
        """Write the submission and move to `submitting`, if it is this job's turn; `None` when it is not."""
        ...

    async def still_ours(self, job: Job) -> bool:
        """Read afresh, right before sending."""
        ...

    async def record(self, fact: AttemptFact) -> None:
        """Write down what became known."""
        ...

    async def looked_up(self, attempt_id: str, *, empty: bool = False) -> None:
        """Count one look-up; `empty` when it worked and found nothing."""
        ...

    async def load(self, attempt_id: str) -> Submission | None:
        """One attempt."""
        ...

    async def of_job(self, job_id: JobId) -> list[Submission]:
        """Every attempt of a job."""
        ...

    async def loose_ends(self, since: datetime) -> list[Submission]:
        """Attempts begun after `since` that an ended job left open."""
        ...

    async def loose_ends_of(self, job: Job) -> list[Submission]:
        """The attempts this ended job left open."""
        ...

    async def next_in_line(self, provider: str, capacity: Capacity, person_concurrent: int) -> list[JobId]:
        """Whose turn it is now."""
        ...

    async def by_token(self, token: str) -> Submission | None:
        """The attempt a webhook's address names."""
        ...

    async def known_ids(self, provider: str, ids: Collection[str]) -> set[str]:
        """Which of these ids are ours."""
        ...


class EvidenceStore(Protocol):
    """What the outside told us by itself. See `storage.evidence.EvidenceBook`."""

    async def receive(self, submission: Submission, evidence: Evidence) -> bool:
        """Write it down with what follows from it; False when it was there. `Fenced`: it contradicts what is known."""
        ...

    async def of_attempt(self, attempt_id: str) -> list[Evidence]:
        """What came in for an attempt, oldest first."""
        ...

    async def attempt_of_input(self, asset_id: str, input_url: str) -> Submission | None:
        """The attempt that was given this asset at this address."""
        ...


class WishStore(Protocol):
    """Wishes. See `storage.wishes.Wishes`."""

    async def add(self, job_id: JobId, kind: WishKind, by: str, details: dict[str, Any] | None = None) -> int:
        """Write a wish down."""
        ...

    async def waiting(self, job_id: JobId) -> list[Wish]:
        """Not answered yet, oldest first."""
        ...

    async def unanswered(self) -> list[JobId]:
        """Jobs with wishes not answered yet."""
        ...

    async def newest(self) -> int:
        """Where `added_since` begins for who wants only what is still to come."""
        ...

    async def added_since(self, wish_id: int) -> tuple[int, list[JobId]]:
        """What other processes wished."""
        ...

    async def take(self, wish: Wish) -> None:
        """Mark answered."""
        ...

    async def cancel_requested(self, job_id: JobId) -> bool:
        """Whether a cancel was ever asked."""
        ...


class DeliveryStore(Protocol):
    """Deliveries and cards. See `storage.deliveries.Deliveries`."""

    async def load(self, delivery_id: str) -> Delivery | None:
        """One delivery."""
        ...

    async def of_job(self, job_id: JobId) -> list[Delivery]:
        """Every delivery of a job."""
        ...

    async def save_checkpoint(self, job: Job, delivery_id: str, checkpoint: Checkpoint) -> None:
        """Commit how far it has come, or raise `Fenced`."""
        ...

    async def card(self, job_id: JobId) -> tuple[str, int] | None:
        """The job's card and the version it shows."""
        ...

    async def stale_cards(self, platforms: Collection[str], *, limit: int = 1000) -> list[Job]:
        """Newest ended jobs whose card does not show how they ended."""
        ...

    async def save_card(self, job_id: JobId, reference: str, version: int) -> None:
        """Remember the card."""
        ...


class AssetStore(Protocol):
    """What is known of the files we keep. See `storage.assets.Assets`."""

    async def load(self, asset_id: str) -> Asset | None:
        """One asset."""
        ...

    async def of_job(self, job_id: JobId) -> dict[str, Asset]:
        """A job's files by role."""
        ...


class LedgerStore(Protocol):
    """Money. See `storage.ledger.Ledger`."""

    async def standings(self, requester: Requester) -> list[Standing]:
        """How every scope of this person stands."""
        ...

    async def entries(self, job_id: str) -> list[Mapping[str, Any]]:
        """Every entry of a job."""
        ...

    async def open_holds(self, job_id: str) -> Money:
        """What is reserved for a job."""
        ...

    async def correct(self, job_id: str, amount: Money, *, by: str, reason: str) -> bool:
        """An operator's later entry."""
        ...


class LimitStore(Protocol):
    """Stored limits. See `storage.limits.Limits`."""

    async def put(self, limit: Limit) -> None:
        """Set a rule."""
        ...

    async def remove(self, scope: str) -> int:
        """Remove a scope's rules."""
        ...

    async def stored(self) -> list[Limit]:
        """Every stored rule."""
        ...

    def defaults(self) -> list[Limit]:
        """The settings' figures."""
        ...


class HealthStore(Protocol):
    """Pause and breaker. See `storage.provider_health.ProviderHealth`."""

    async def load(self, provider: str) -> Health:
        """How a provider fares."""
        ...

    async def change(self, provider: str, change: Callable[[Health], Health]) -> None:
        """Apply a pure change."""
        ...

    async def pause(self, provider: str, by: str) -> None:
        """No new creates."""
        ...

    async def resume(self, provider: str) -> None:
        """Creates again."""
        ...

    async def paused(self) -> list[str]:
        """Paused providers."""
        ...


class RenderTimeStore(Protocol):
    """How long renders took. See `storage.render_times.RenderTimes`."""

    async def add(self, provider: str, model: str, duration_s: int, resolution: str, seconds: float) -> None:
        """Remember one."""
        ...

    async def of(self, provider: str, model: str, duration_s: int, resolution: str) -> Measured:
        """What was measured; costs no question to the database in most cases."""
        ...

    async def all(self) -> Mapping[RenderKey, Measured]:
        """Everything measured."""
        ...


class HistoryPage(Protocol):
    """A page of jobs."""

    @property
    def jobs(self) -> list[Job]:
        """Newest first."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """`None` on the last page."""
        ...


class HistoryStore(Protocol):
    """History. See `storage.history.History`."""

    async def page(
        self,
        *,
        q: str | None = None,
        person: str | None = None,
        workspace: str | None = None,
        channel: str | None = None,
        state: State | None = None,
        since: date | None = None,
        until: date | None = None,
        cost_min: Money | None = None,
        cost_max: Money | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> HistoryPage:
        """Newest first."""
        ...


class WorkspaceStore(Protocol):
    """Where money may be spent. See `storage.workspaces.Workspaces`."""

    async def see(self, requester: Requester, name: str | None = None) -> Permission:
        """Whether money may be spent here."""
        ...

    async def put(self, platform: str, workspace: str, permission: Permission) -> None:
        """Allow or block."""
        ...

    async def all(self) -> list[Workspace]:
        """Every workspace."""
        ...

    async def block(self, person: str) -> None:
        """Refuse a person."""
        ...

    async def unblock(self, person: str) -> None:
        """Lift it."""
        ...

    async def is_blocked(self, person: str) -> bool:
        """Whether refused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that is remembered, in one hand."""

    jobs: JobStore
    submissions: SubmissionStore
    evidence: EvidenceStore
    wishes: WishStore
    deliveries: DeliveryStore
    assets: AssetStore
    ledger: LedgerStore
    limits: LimitStore
    health: HealthStore
    render_times: RenderTimeStore
    history: HistoryStore
    workspaces: WorkspaceStore
