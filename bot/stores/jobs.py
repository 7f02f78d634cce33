"""Jobs and everything that belongs to one: attempts, evidence, wishes, deliveries, files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.ids import JobId
from bot.jobs.model import Asset, Delivery, Evidence, Job, JobEvent, JobRequest, Submission, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import Capacity, Checkpoint


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

    async def take_over(self, job_id: JobId) -> Job | None:
        """Raise one job's own epoch: whoever had it changes nothing any more. `None` when there is no such job."""
        ...

    async def unattended(self) -> list[JobId]:
        """Jobs that have something to be done: unfinished ones, and ended ones with a wish that is not answered."""
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

    async def children(self, job_id: JobId, *, limit: int = 50) -> list[Job]:
        """What was made from a job, oldest first."""
        ...

    async def in_state(self, *states: State) -> list[Job]:
        """Jobs in these states, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far somebody has looked; opaque to them."""

    event: int
    """Every event up to this number."""
    told: frozenset[int] = frozenset()
    """Events above it."""
    stands: Mapping[JobId, object]
    """What changes of a job under way without an event."""


class ChangeStore(Protocol):
    """Which jobs changed. See `storage.changes.Changes`."""

    async def since(self, seen: Seen | None) -> tuple[Seen, list[Job]]:
        """How things stand, and what changed since."""
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

    async def keep(self, job_id: JobId, role: str, asset: Asset) -> bool:
        """Make a job that waits for its inputs refer to one."""
        ...
