"""The database in memory: what `storage` promises of jobs, attempts, wishes and deliveries, as plain functions.

Each method is one transaction: it is carried out whole, between two awaits of anybody. What stands here mirrors
`storage.jobs`, `storage.submissions`, `storage.capacity`, `storage.evidence` and `storage.deliveries` rule by rule;
`test_tables.py` holds both to the same play.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.errors import Fenced, RequestKeyReused
from bot.jobs.model import (
    Asset,
    Delivery,
    Evidence,
    EvidenceKind,
    Job,
    JobRequest,
    Outcome,
    Submission,
    Wish,
    WishKind,
)
from bot.jobs.moves import AttemptFact, DeliveryFact, Hold, Move, Release, Settle
from bot.jobs.states import FINAL, RUNNING, State, require
from bot.money.amount import Money
from bot.money.limits import DefaultLimits
from bot.ports import Capacity, Checkpoint
from bot.tracker.breaker import Health
from bot.tracker.capacity import Queued, next_in_line
from tests.simulation.books import Books
from tests.simulation.capacity import room
from tests.simulation.loop import Process
from tests.simulation.rows import changed

CLEAN = {"tries": 0, "next_at": None, "note": None, "progress": None}


class Witness:
    """Sees every write as it is committed. The judges are one."""

    def claimed(self, job: Job, by: Process | None) -> None: ...
    def moved(self, before: Job, after: Job, move: Move, by: Process | None) -> None: ...
    def granted(self, job: Job, by: Process | None) -> None: ...
    def saved(self, job: Job, by: Process | None) -> None: ...
    def refused(self, what: str, job: Job, stands: Job, by: Process | None) -> None: ...


class Tables:
    """One database, for every process."""

    def __init__(self, limits: DefaultLimits, witness: Witness) -> None:
        self.books = Books(limits)
        self.witness = witness
        self.jobs: dict[str, Job] = {}
        self.by_key: dict[tuple[str, str], tuple[str, JobRequest]] = {}
        self.attempts: dict[str, Submission] = {}
        self.attempts_of: dict[str, list[str]] = {}
        self.by_token: dict[str, str] = {}
        self.by_provider_id: dict[tuple[str, str], str] = {}
        self.evidence: dict[str, list[Evidence]] = {}
        self.wishes: dict[str, list[Wish]] = {}
        """Those not answered yet."""
        self.cancels: set[str] = set()
        """Jobs of which a cancel was ever asked."""
        self.deliveries: dict[str, Delivery] = {}
        self.deliveries_of: dict[str, list[str]] = {}
        self.assets: dict[str, Asset] = {}
        self.assets_of: dict[str, dict[str, str]] = {}
        self.health: dict[str, Health] = {}
        # Indexes.
        self.unfinished: dict[str, None] = {}
        self.queued: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.running: defaultdict[str, int] = defaultdict(int)
        self.occupying: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.recent: defaultdict[str, list[datetime]] = defaultdict(list)
        self.open_attempts: dict[str, None] = {}
        self.given_up: dict[str, None] = {}
        self._wish_id = 0

    # --- jobs --------------------------------------------------------------------------------------------------------

    def accept(
        self, request: JobRequest, quote: Money, assets: Sequence[tuple[str, Asset]], job_id: str, now: datetime
    ) -> tuple[Job, bool]:
        key = (request.requester.person, request.request_key or job_id)
        if key in self.by_key:
            known, asked = self.by_key[key]
            if asked != request:
                raise RequestKeyReused("another request under the same key")
            return self.load(known), False
        job = Job(
            id=job_id, state=State.RECEIVED, version=1, epoch=0, requester=request.requester,
            request_key=request.request_key, prompt=request.prompt, settings=request.settings,
            provider=request.provider, model=request.model, image=request.image, quote=quote,
            confirmed=quote if request.confirmed else None, state_since=now, created_at=now, updated_at=now,
        )  # fmt: skip
        self.by_key[key] = (job_id, request)
        self.jobs[job_id] = job
        self.unfinished[job_id] = None
        return job, True

    def load(self, job_id: str) -> Job:
        job = self.jobs[job_id]
        return changed(job, {"wished": True}) if self.wishes.get(job_id) else job

    def stands(self, job: Job) -> bool:
        """The fence: nobody moved or took over the job since it was read."""
        row = self.jobs[job.id]
        return (row.version, row.epoch) == (job.version, job.epoch)

    def take_over(self, job_id: str, by: Process | None) -> Job:
        """A worker begins to run a job: whoever had it before writes nothing any more."""
        job = self.jobs[job_id]
        self.jobs[job_id] = job = changed(job, {"epoch": job.epoch + 1})
        self.witness.claimed(job, by)
        return self.load(job_id)

    def unattended(self) -> list[str]:
        """Jobs that have something to be done: unfinished ones, and ended ones with a wish that is not answered."""
        return list(dict.fromkeys([*self.unfinished, *self.wishes]))

    def move(self, move: Move, now: datetime, by: Process | None) -> Job:
        row, job = self.jobs[move.job.id], move.job
        fenced = not self.stands(job) or (move.unless_wished and self._is_wished(move))
        hold_id = None
        if isinstance(move.money, Hold) and not fenced:
            # Before the facts: nothing is written when a limit has no room.
            hold_id = self.books.hold(job, move.money.amount, now)
        if move.attempt is not None:
            self.write_fact(move.attempt, now)
        if move.ended_delivery is not None:
            self._end_delivery(move.ended_delivery, now)
        if fenced:
            self.witness.refused("move", job, row, by)
            raise Fenced(f"job {job.id} was moved by somebody else")
        if isinstance(move.money, Settle):
            self.books.settle(job, move.money.amount)
        elif isinstance(move.money, Release):
            self.books.release(job)
        changes = self._changes(move, hold_id, now)
        self._put(row, moved := changed(row, changes))
        for role, asset in move.assets:
            if asset.id not in self.assets:
                self.assets[asset.id] = replace(asset, is_known=True)
            self.assets_of.setdefault(job.id, {})[role] = asset.id
        if move.new_delivery is not None:
            if any(
                self.deliveries[each].number == move.new_delivery.number for each in self.deliveries_of.get(job.id, ())
            ):
                raise ValueError("two deliveries of a job have the same number")
            self.deliveries[move.new_delivery.id] = move.new_delivery
            self.deliveries_of.setdefault(job.id, []).append(move.new_delivery.id)
        # As the database says it: what this very move answers was still waiting when the row was written.
        returned = self.load(job.id)
        if move.taken:
            self.take(job.id, move.taken)
        self.witness.moved(row, moved, move, by)
        return returned

    def _changes(self, move: Move, hold_id: int | None, now: datetime) -> dict[str, Any]:
        changes = dict(move.changes) | {"version": move.job.version + 1, "updated_at": now}
        match move.money:
            case Hold(amount=amount):
                changes |= {"held": amount, "hold_id": hold_id}
            case Settle(amount=amount):
                changes |= {"hold_id": None, "charged": amount}
            case Release():
                changes["hold_id"] = None
            case None:
                pass
        if move.to is not move.job.state:
            require(move.job.state, move.to)
            changes = CLEAN | changes | {"state": move.to, "state_since": now}
        return changes

    def _put(self, before: Job, job: Job) -> None:
        """The row, and every index over it."""
        self.jobs[job.id] = job
        if job.error is not None and job.error.code == "lost_at_provider":
            self.given_up[job.id] = None
        else:
            self.given_up.pop(job.id, None)
        if (before.state, before.provider) == (job.state, job.provider):
            return
        if before.state is State.QUEUED:
            self.queued[before.provider].pop(job.id, None)
        if job.state is State.QUEUED:
            self.queued[job.provider][job.id] = None
        person = job.requester.person
        self.running[person] += (job.state in RUNNING) - (before.state in RUNNING)
        if job.state in FINAL:
            self.unfinished.pop(job.id, None)
        else:
            self.unfinished[job.id] = None

    def _is_wished(self, move: Move) -> bool:
        asked = (WishKind.CANCEL, WishKind.CONFIRM)
        return any(wish.kind in asked and wish.id not in move.taken for wish in self.wishes.get(move.job.id, ()))

    def set_progress(self, job: Job, progress: float) -> None:
        if self.stands(job):
            self.jobs[job.id] = changed(self.jobs[job.id], {"progress": progress})

    # --- attempts ----------------------------------------------------------------------------------------------------

    def grant(
        self, job: Job, submission: Submission, capacity: Capacity, most: int, now: datetime, by: Process | None
    ) -> Job | None:
        row = self.jobs[job.id]
        cancelled = any(wish.kind is WishKind.CANCEL for wish in self.wishes.get(job.id, ()))
        if not self.stands(job) or cancelled:
            self.witness.refused("grant", job, row, by)
            raise Fenced(f"job {job.id} was moved by somebody else")
        if job.state is not State.QUEUED or (job.next_at is not None and job.next_at > now):
            return None
        if self.room(job.provider, capacity, now) <= 0 or self.running[job.requester.person] >= most:
            return None
        attempt = replace(submission, started_at=now)
        self.attempts[attempt.attempt_id] = attempt
        self.attempts_of.setdefault(job.id, []).append(attempt.attempt_id)
        self.by_token[attempt.token] = attempt.attempt_id
        self.occupying[job.provider][attempt.attempt_id] = None
        self.recent[job.provider].append(now)
        self.open_attempts[attempt.attempt_id] = None
        columns = {"state": State.SUBMITTING, "version": row.version + 1, "state_since": now, "updated_at": now}
        columns |= {"attempt_id": attempt.attempt_id, "retries_used": row.retries_used + 1}
        granted = changed(row, columns | {"next_at": None, "note": None, "progress": None})
        self._put(row, granted)
        self.witness.granted(granted, by)
        return self.load(job.id)

    def room(self, provider: str, capacity: Capacity, now: datetime) -> int:
        return room(self, provider, capacity, now)

    def write_fact(self, fact: AttemptFact, now: datetime) -> None:
        before = self.attempts.get(fact.attempt_id)
        if before is None:
            return
        is_open = before.outcome in (None, Outcome.UNCONFIRMED) and fact.outcome is not None
        doubt = before.refund_expected if fact.refund_expected is None else fact.refund_expected
        attempt = replace(
            before,
            outcome=fact.outcome if is_open else before.outcome,
            provider_job_id=before.provider_job_id or fact.provider_job_id,
            ended_at=before.ended_at or (now if fact.ended else None),
            refund_expected=doubt,
            likely_refused=before.likely_refused or fact.likely_refused,
        )
        self.attempts[attempt.attempt_id] = attempt
        if attempt.provider_job_id is not None:
            self.by_provider_id[(attempt.provider, attempt.provider_job_id)] = attempt.attempt_id
        holds_place = attempt.outcome in (None, Outcome.ACCEPTED, Outcome.UNCONFIRMED) and attempt.ended_at is None
        _mark(self.occupying[attempt.provider], attempt.attempt_id, holds_place)
        _mark(self.open_attempts, attempt.attempt_id, attempt.ended_at is None or attempt.refund_expected)

    def looked_up(self, attempt_id: str, *, empty: bool) -> None:
        attempt = self.attempts[attempt_id]
        self.attempts[attempt_id] = replace(
            attempt, lookups=attempt.lookups + 1, lookups_empty=attempt.lookups_empty + int(empty)
        )

    def loose_ends(self, since: datetime) -> list[Submission]:
        given_up = [attempt for job_id in self.given_up for attempt in self.attempts_of.get(job_id, ())]
        found = [self.attempts[each] for each in dict.fromkeys([*self.open_attempts, *given_up])]
        return [each for each in found if each.started_at > since and self._is_loose(each)]

    def loose_ends_of(self, job_id: str) -> list[Submission]:
        return [
            each for each in map(self.attempts.__getitem__, self.attempts_of.get(job_id, ())) if self._is_loose(each)
        ]

    def _is_loose(self, attempt: Submission) -> bool:
        job = self.jobs[attempt.job_id]
        is_open = attempt.ended_at is None or attempt.refund_expected or job.id in self.given_up
        return job.state in (State.FAILED, State.CANCELLED) and is_open

    def next_in_line(self, provider: str, capacity: Capacity, most: int, now: datetime) -> list[str]:
        waiting = self.queued[provider]
        if not waiting or (left := self.room(provider, capacity, now)) <= 0:
            return []
        jobs = [job for job in map(self.jobs.__getitem__, waiting) if job.next_at is None or job.next_at <= now]
        line = [Queued(job_id=job.id, person=job.requester.person, since=job.queued_at or now) for job in jobs]
        counts = {queued.person: self.running[queued.person] for queued in line}
        return next_in_line(line, counts, room=left, person_concurrent=most, now=now)

    # --- wishes, evidence, deliveries --------------------------------------------------------------------------------

    def wish(self, job_id: str, kind: WishKind, by: str, details: dict[str, Any] | None, now: datetime) -> int:
        self._wish_id += 1
        wish = Wish(id=self._wish_id, job_id=job_id, kind=kind, by=by, at=now, details=details or {})
        self.wishes.setdefault(job_id, []).append(wish)
        if kind is WishKind.CANCEL:
            self.cancels.add(job_id)
        return wish.id

    def take(self, job_id: str, taken: Sequence[int]) -> None:
        left = [wish for wish in self.wishes.get(job_id, ()) if wish.id not in taken]
        if left:
            self.wishes[job_id] = left
        else:
            self.wishes.pop(job_id, None)

    def receive(self, submission: Submission, evidence: Evidence, now: datetime) -> bool:
        told = self.evidence.get(submission.attempt_id, [])
        if evidence in told:
            return False
        attempt = self.attempts[submission.attempt_id]
        if evidence.kind is EvidenceKind.WEBHOOK:
            owner = self.by_provider_id.get((attempt.provider, evidence.provider_job_id))
            if attempt.provider_job_id is None and owner is not None:
                raise Fenced("another attempt has this id")
            if attempt.provider_job_id not in (None, evidence.provider_job_id):
                raise Fenced("this attempt has another id")
            self.write_fact(AttemptFact(attempt_id=attempt.attempt_id, provider_job_id=evidence.provider_job_id), now)
            details = {"provider_job_id": evidence.provider_job_id, "status": evidence.status}
            self.wish(attempt.job_id, WishKind.HINT, attempt.provider, details, now)
        self.evidence[submission.attempt_id] = [*told, evidence]
        return True

    def save_checkpoint(self, job: Job, delivery_id: str, checkpoint: Checkpoint, by: Process | None) -> None:
        if not self.stands(job):
            self.witness.refused("checkpoint", job, self.jobs[job.id], by)
            raise Fenced(f"job {job.id} was moved by somebody else")
        self.witness.saved(job, by)
        self.deliveries[delivery_id] = replace(self.deliveries[delivery_id], checkpoint=checkpoint)

    def _end_delivery(self, fact: DeliveryFact, now: datetime) -> None:
        delivery = self.deliveries[fact.delivery_id]
        if delivery.outcome is None:
            self.deliveries[fact.delivery_id] = replace(
                delivery,
                outcome=fact.outcome,
                method=fact.method,
                reference=fact.reference,
                place=fact.place or delivery.place,
                posted_at=now if fact.outcome == "posted" else None,
            )

    def change_health(self, provider: str, change: Callable[[Health], Health]) -> None:
        self.health[provider] = change(self.health.get(provider) or Health(provider=provider))


def _mark(index: dict[str, None], key: str, belongs: bool) -> None:
    if belongs:
        index[key] = None
    else:
        index.pop(key, None)
