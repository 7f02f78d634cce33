"""What people may ask of a job that exists. Each is a wish: written down, then the engine is woken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from bot.errors import Expired, NotAllowed, NotFound, TooLate
from bot.ids import JobId
from bot.jobs.model import Job, WishKind
from bot.jobs.states import FINAL, State
from bot.languages.said import say
from bot.languages.words import state_word
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
            raise NotFound(say("More than one job begins with {id}; write more of its id.", id=job_id))
        raise NotFound(say("There is no job {id}; `reelbot history` lists them.", id=job_id))

    async def cancel(self, job_id: JobId, presser: Presser) -> Job:
        """Before submitting: at once and free. Later: asked of the provider where it can. Delivering: too late."""
        job = await self.find(job_id)
        _require(
            presser, job, team_lead=True, refusal=say("Only the person who asked, or a team lead can cancel this job.")
        )
        if job.state is State.CANCELLED:
            return job
        if job.state in FINAL or job.state is State.DELIVERING:
            raise TooLate(
                say("This job is {state} already; there is nothing left to cancel.", state=state_word(job.state))
            )
        return await self._wish(job, WishKind.CANCEL, presser)

    async def confirm(self, job_id: JobId, presser: Presser) -> Job:
        """Start a quoted job at the price told. The first committed of confirm and cancel wins."""
        job = await self.find(job_id)
        _require(presser, job, team_lead=False, refusal=say("Only the person who asked can start this job."))
        if job.state in FINAL:
            raise TooLate(say("This job is {state} already; start a new one.", state=state_word(job.state)))
        if job.state is not State.QUOTED:
            return job
        return await self._wish(job, WishKind.CONFIRM, presser)

    async def resend(self, job_id: JobId, presser: Presser, *, anchor: str | None = None) -> Job:
        """Post a finished clip once more, as a new delivery; to where `anchor` says, else where it was asked for."""
        job = await self.find(job_id)
        _require(
            presser,
            job,
            team_lead=True,
            refusal=say("Only the person who asked, or a team lead can send this clip again."),
        )
        if job.state not in (State.DELIVERED, State.UNDELIVERED) or job.output is None:
            raise TooLate(say("This job is {state}; there is no finished clip to send.", state=state_word(job.state)))
        if job.clip_deleted_at is not None:
            raise Expired(
                say("The clip was deleted on {day}, when its time was over.", day=f"{job.clip_deleted_at:%Y-%m-%d}")
            )
        return await self._wish(job, WishKind.RESEND, presser, {"anchor": anchor} if anchor else None)

    async def resolve(
        self, job_id: JobId, presser: Presser, *, decision: str, provider_job_id: str | None = None
    ) -> Job:
        """An operator's word on an unconfirmed job: `lost` (released) or `submitted` (settled, or its id given).

        `TooLate` within 30 seconds of the attempt: its answer may still be on the way.
        """
        job = await self.find(job_id)
        if not presser.is_operator:
            raise NotAllowed(say("Only an operator can decide this."))
        if job.state is not State.UNCONFIRMED:
            raise TooLate(
                say("This job is {state}; only unconfirmed jobs are resolved by hand.", state=state_word(job.state))
            )
        submission = await self._stores.submissions.load(job.attempt_id or "")
        if submission is not None:
            age = self._clock.now() - submission.started_at
            if timedelta(0) <= age < self._times.resolve_after:
                wait = (self._times.resolve_after - age).total_seconds()
                raise TooLate(say("The provider may still answer; decide in {seconds:.0f} seconds.", seconds=wait))
        details = {"as": decision, "provider_job_id": provider_job_id}
        return await self._wish(job, WishKind.RESOLVE, presser, details)

    async def _wish(
        self, job: Job, kind: WishKind, presser: Presser, details: dict[str, str | None] | None = None
    ) -> Job:
        await self._stores.wishes.add(job.id, kind, presser.person, details)
        await self._engine.wake(job.id)
        return job


def _require(presser: Presser, job: Job, *, team_lead: bool, refusal: str) -> None:
    if presser.is_operator or presser.person == job.requester.person or (team_lead and presser.is_team_lead):
        return
    raise NotAllowed(refusal)
