"""The tracker: load a job, do the step of its state, save, go on until it ends or waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from structlog.contextvars import bind_contextvars, unbind_contextvars

from bot.errors import AssetStale, DiskFull, Expired, Fenced, LimitReached
from bot.ids import JobId
from bot.jobs.model import Job, Outcome, Wish
from bot.jobs.moves import AttemptFact, Move
from bot.jobs.states import State
from bot.keeping.files import freshened
from bot.ports import Found, KeepsResults
from bot.tracker.counting import Tally
from bot.tracker.desk import Desk, Next, Wait
from bot.tracker.ownership import OneEngine, Ownership
from bot.tracker.steps import delivering, ended, fetching, queued, quoted, received, rendering, submitting, unconfirmed
from bot.tracker.steps.submit import submit

log = structlog.get_logger(__name__)

Step = Callable[[Job, Sequence[Wish], Desk], Awaitable[Next]]

STEPS: Mapping[State, Step] = {
    State.RECEIVED: received.step,
    State.QUOTED: quoted.step,
    State.QUEUED: queued.step,
    State.SUBMITTING: submitting.step,
    State.UNCONFIRMED: unconfirmed.step,
    State.RENDERING: rendering.step,
    State.FETCHING: fetching.step,
    State.DELIVERING: delivering.step,
    State.DELIVERED: ended.step,
    State.UNDELIVERED: ended.step,
    State.FAILED: ended.step,
    State.CANCELLED: ended.step,
}

RECONCILED_FOR = timedelta(days=7)
"""How long the attempts that an ended job left open are still followed up."""
MOST_STEPS = 100
"""In one run. A job needs about ten; more means two steps disagree, and the engine should come back later."""


class Tracker:
    """Decides the next step of a job and carries it out; the only place that makes transitions."""

    def __init__(
        self,
        desk: Desk,
        changed: Callable[[Job], None] = lambda _job: None,
        erase: Callable[[Job], Awaitable[object]] | None = None,
        ownership: Ownership | None = None,
    ) -> None:
        """`erase` is called with an ended job that somebody asked to be forgotten."""
        self.desk = desk
        self._erase = erase
        self.ownership = ownership or OneEngine(desk.stores.jobs)
        """Which jobs are ours to move; set by the engine this tracker works for."""
        self.stopping = False
        """The engine drains: a job rests after the step it is at."""
        self.moves = 0
        """Transitions made so far; a run that made none changed nothing for the jobs in line."""
        self._changed = changed
        self._tally = Tally(desk.metrics)
        self._polled: dict[JobId, Job] = {}
        """Renders as they stood at their last poll; whoever else moves one makes our next transition fail, not harm."""

    async def run(self, job_id: JobId, *, turn: bool = False, woken: bool = True) -> Wait:
        """Go on with a job until it ends or waits.

        `turn`: the engine found that it is this job's turn at its provider. `woken`: something happened to it; without
        that only its time has come, and a render is polled without asking the database what is known already. A job
        somebody else moved is loaded afresh, with its facts, and gone on with from there.
        """
        # Whoever logs meanwhile, also a library or a thread, says for which job.
        bind_contextvars(job_id=job_id)
        try:
            return await self._run(job_id, turn=turn, woken=woken)
        finally:
            unbind_contextvars("job_id", "provider", "platform")

    async def _run(self, job_id: JobId, *, turn: bool, woken: bool) -> Wait:
        known = self._polled.pop(job_id, None)
        moved: Job | None = None if woken else known
        for _ in range(MOST_STEPS):
            job = moved or await self.desk.stores.jobs.load(job_id)
            if job is None or job.state is not State.RENDERING:
                self.desk.polls.forget(job_id)
            if job is None:
                return Wait()
            moved = None
            bind_contextvars(provider=job.provider, platform=job.requester.platform)
            job = await self.ownership.owned(job)
            if job is None:
                self.desk.polls.forget(job_id)
                return Wait(lost=True)
            try:
                step = await self._next(job, turn=turn)
                if isinstance(step, Wait):
                    if job.state is State.RENDERING and not (job.wished or step.wrote):
                        self._polled[job_id] = job
                    return step
                moved = await self._carry_out(step)
            except Fenced:
                owner = await self.desk.stores.jobs.load(job_id)
                if owner is None or owner.epoch != job.epoch:
                    self.desk.polls.forget(job_id)
                    return Wait(lost=True)
                continue
            except AssetStale:
                # What the step had kept was not named in time; it keeps it anew.
                log.warning("assets.stale", job_id=job_id)
                continue
            stayed = moved.state is job.state
            if not stayed:
                turn = False
                log.info("job.moved", job_id=job_id, state=moved.state.value, was=job.state.value)
            self._changed(moved)
            fetched = job.state is State.FETCHING and moved.output is not None
            if fetched or moved.state in (State.FAILED, State.CANCELLED):
                await self._tidy_up(moved)
            if moved.is_final and moved.forget is not None and self._erase is not None:
                await self._erase(moved)
                return Wait()
            if self.stopping:
                return Wait(until=self.desk.clock.now())
            if stayed and moved.next_at is not None:
                return Wait(until=moved.next_at, for_turn=moved.state is State.QUEUED)
        log.error("job.runs_in_circles", job_id=job_id)
        return Wait(until=self.desk.clock.now() + self.desk.times.retry_longest)

    async def _next(self, job: Job, *, turn: bool) -> Next:
        now, times = self.desk.clock.now(), self.desk.times
        wishes = await self.desk.stores.wishes.waiting(job.id) if job.wished else []
        waits = job.next_at is not None and now < job.next_at <= now + times.longest_wait
        if waits and not wishes and not job.is_final and job.state is not State.QUEUED:
            return Wait(until=job.next_at)
        step = await STEPS[job.state](job, wishes, self.desk)
        if turn and isinstance(step, Wait) and step.for_turn:
            placed = await submit(job, self.desk)
            # Without room it waits on as before: until its turn, and no longer than it may stand in line.
            return step if isinstance(placed, Wait) else placed
        return step

    async def _carry_out(self, move: Move) -> Job:
        store = self.desk.stores.jobs
        self.moves += 1
        if move.assets:
            move = replace(move, assets=await freshened(self.desk.media, move.assets))
        try:
            moved = await store.move(move)
        except LimitReached as error:
            if move.job.state is State.QUOTED:
                wishes = await self.desk.stores.wishes.waiting(move.job.id)
                move = quoted.when_full(move.job, error, wishes)
            else:
                move = received.when_full(move.job, error)
            moved = await store.move(move)
        except Expired as error:
            # Only intake refers to files that were kept before; a sweeper was faster.
            move = received.fail(move.job, error.code, str(error))
            moved = await store.move(move)
        except DiskFull as error:
            log.error("disk.full", job_id=move.job.id, why=str(error))
            raise
        self._tally.add(move, moved)
        return moved

    async def _tidy_up(self, job: Job) -> None:
        """Ours, or never to be: the provider may forget what it kept on this machine. A courtesy; never a condition."""
        provider: object = self.desk.providers.get(job.provider)
        if isinstance(provider, KeepsResults) and job.provider_job_id is not None:
            try:
                await provider.discard(job.provider_job_id)
            except OSError:
                log.warning("provider.not_tidied", job_id=job.id, exc_info=True)

    async def reconcile(self) -> list[JobId]:
        """Follow up what ended jobs left open at their providers; returns the jobs that must be run again.

        An attempt nobody vouched for is looked for once more. One whose id is known is for its job's step to judge.
        """
        found_jobs: list[JobId] = []
        since = self.desk.clock.now() - RECONCILED_FOR
        for submission in await self.desk.stores.submissions.loose_ends(since):
            if submission.provider_job_id is not None:
                found_jobs.append(submission.job_id)
                continue
            provider = self.desk.providers.get(submission.provider)
            if provider is None:
                continue
            try:
                finding = provider.find(submission)
                found = await self.desk.outside.call(
                    "provider.find", finding, timeout_s=self.desk.times.call_timeout_s, at=submission.provider
                )
            except Exception:
                # A look-up that fails is no reason to stop looking for the others.
                log.warning("reconcile.failed", job_id=submission.job_id, exc_info=True)
                continue
            if isinstance(found, Found):
                fact = AttemptFact(
                    attempt_id=submission.attempt_id,
                    outcome=Outcome.ACCEPTED,
                    provider_job_id=found.provider_job_id,
                )
                await self.desk.stores.submissions.record(fact)
                found_jobs.append(submission.job_id)
        return found_jobs
