"""What people may ask of a job that exists. Each is a wish: written down, then the engine is woken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import Expired, NotAllowed, NotFound, TooLate
from bot.ids import JobId
from bot.jobs.model import Job, WishKind
from bot.jobs.states import FINAL, State
from bot.ports import Clock, Engine
from bot.stores import Stores
from bot.tracker.schedule import Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Presser:
    """Who presses a button or gives a command."""

    person: str
    is_operator: bool = False
    is_team_lead: bool = False
    is_moderator: bool = False
    """May delete messages where the clip was posted."""


class Actions:
    """Confirm, cancel, resend, resolve: checked for who may, then wished."""

    def __init__(self, stores: Stores, engine: Engine, clock: Clock, times: Times) -> None:
        self._stores = stores
        self._engine = engine
        self._clock = clock
        self._times = times

    async def find(self, job_id: str) -> Job:
        """The job with this id, or the only one whose id begins so (8 characters at least). `NotFound` otherwise."""
        job = await self._stores.jobs.load(job_id)
        if job is not None and job.erased_at is None:
            return job
        candidates = await self._stores.jobs.find(job_id) if len(job_id) >= 8 else []
        if len(candidates) == 1 and candidates[0].erased_at is None:
            return candidates[0]
        if len(candidates) > 1:
            raise NotFound(f"More than one job begins with {job_id}; write more of its id.")
        raise NotFound(f"There is no job {job_id}; `reelbot history` lists them.")

    async def cancel(self, job_id: JobId, presser: Presser) -> Job:
        """Before submitting: at once and free. Later: asked of the provider where it can. Delivering: too late."""
        job = await self.find(job_id)
        _require(presser, job, team_lead=True, what="cancel this job")
        if job.state is State.CANCELLED:
            return job
        if job.state in FINAL or job.state is State.DELIVERING:
            raise TooLate(f"This job is {job.state} already; there is nothing left to cancel.")
        return await self._wish(job, WishKind.CANCEL, presser)

    async def confirm(self, job_id: JobId, presser: Presser) -> Job:
        """Start a quoted job at the price told. The first committed of confirm and cancel wins."""
        job = await self.find(job_id)
        _require(presser, job, team_lead=False, what="start this job")
        if job.state in FINAL:
            raise TooLate(f"This job is {job.state} already; start a new one.")
        if job.state is not State.QUOTED:
            return job
        return await self._wish(job, WishKind.CONFIRM, presser)

    async def resend(self, job_id: JobId, presser: Presser, *, anchor: str | None = None) -> Job:
        """Post a finished clip once more, as a new delivery; to where `anchor` says, else where it was asked for."""
        job = await self.find(job_id)
        _require(presser, job, team_lead=True, what="send this clip again")
        if job.state not in (State.DELIVERED, State.UNDELIVERED) or job.output is None:
            raise TooLate(f"This job is {job.state}; there is no finished clip to send.")
        if job.clip_deleted_at is not None:
            raise Expired(f"The clip was deleted on {job.clip_deleted_at:%Y-%m-%d}, when its time was over.")
        return await self._wish(job, WishKind.RESEND, presser, {"anchor": anchor} if anchor else None)

    async def resolve(
        self, job_id: JobId, presser: Presser, *, decision: str, provider_job_id: str | None = None
    ) -> Job:
        """An operator's word on an unconfirmed job: `lost` (released) or `submitted` (settled, or its id given).

        `TooLate` within 30 seconds of the attempt: its answer may still be on the way.
        """
        job = await self.find(job_id)
        if not presser.is_operator:
            raise NotAllowed("Only an operator can decide this.")
        if job.state is not State.UNCONFIRMED:
            raise TooLate(f"This job is {job.state}; only unconfirmed jobs are resolved by hand.")
        submission = await self._stores.submissions.load(job.attempt_id or "")
        if submission is not None:
            age = self._clock.now() - submission.started_at
            if timedelta(0) <= age < self._times.resolve_after:
                wait = (self._times.resolve_after - age).total_seconds()
                raise TooLate(f"The provider may still answer; decide in {wait:.0f} seconds.")
        details = {"as": decision, "provider_job_id": provider_job_id}
        return await self._wish(job, WishKind.RESOLVE, presser, details)

    async def _wish(
        self, job: Job, kind: WishKind, presser: Presser, details: dict[str, str | None] | None = None
    ) -> Job:
        await self._stores.wishes.add(job.id, kind, presser.person, details)
        await self._engine.wake(job.id)
        return job


def _require(presser: Presser, job: Job, *, team_lead: bool, what: str) -> None:
    if presser.is_operator or presser.person == job.requester.person or (team_lead and presser.is_team_lead):
        return
    who = "the person who asked, or a team lead" if team_lead else "the person who asked"
    raise NotAllowed(f"Only {who} can {what}.")
