"""`rendering`: the provider has it. Ask when it is worth asking; a poll that learns nothing writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import assert_never

from bot.errors import ProviderUnavailable
from bot.jobs.model import Job, JobError, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move, Settle
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import Cancelled, CheckResult, Failed, Provider, Rendering, Succeeded, Unknown
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.retry import has_given_up
from bot.tracker.schedule import next_poll

PROGRESS_STEP = 0.05
"""Progress is written down when it moved by this much; less tells nobody anything."""


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """One look at the render, after passing on a cancel."""
    provider = desk.providers.get(job.provider)
    if provider is None or job.provider_job_id is None:
        return _wait(job, desk)
    cancel = first_of(wishes, WishKind.CANCEL)
    if cancel is not None:
        return await _ask_to_cancel(job, wishes, provider, desk)
    try:
        checking = provider.check(job.provider_job_id)
        result = await desk.outside.call("provider.check", checking, timeout_s=desk.times.call_timeout_s)
    except ProviderUnavailable as error:
        return _late(job, desk) or Wait(until=desk.clock.now() + _patience(job, desk, error.retry_after_s))
    return await _decide(job, wishes, result, desk)


async def _decide(job: Job, wishes: Sequence[Wish], result: CheckResult, desk: Desk) -> Next:
    match result:
        case Rendering(progress=progress):
            if progress is not None and abs(progress - (job.progress or 0.0)) >= PROGRESS_STEP:
                await desk.stores.jobs.set_progress(job, progress)
            if job.tries:
                return Move(job=job, to=job.state, changes={"tries": 0, "note": None})
            return _late(job, desk) or _wait(job, desk)
        case Succeeded(url=url, price=price, flagged=flagged):
            price = job.held if price is None else price
            changes = {"result_url": url}
            details = {"charged": price.to_usd(), "flagged": flagged}
            return Move(
                job=job, to=State.FETCHING, changes=changes, details=details, money=Settle(amount=price),
                attempt=_ended(job), taken=ids(wishes, WishKind.HINT),
            )  # fmt: skip
        case Failed(code=code, message=message, charged=charged):
            charged = job.held if charged is None else charged
            error = JobError(code=code, message=message, charged=charged > 0)
            return _end(job, State.FAILED, error, charged, ids(wishes))
        case Cancelled(charged=charged):
            charged = job.held if charged is None else charged
            asked = await desk.stores.wishes.cancel_requested(job.id)
            if asked:
                return _end(job, State.CANCELLED, None, charged, ids(wishes))
            error = JobError(
                code="cancelled_at_provider", message="The provider stopped this render.", charged=charged > 0
            )
            return _end(job, State.FAILED, error, charged, ids(wishes))
        case Unknown(reason=reason):
            return _unknown(job, reason, desk)
        case _:
            assert_never(result)


def _ended(job: Job) -> AttemptFact:
    return AttemptFact(attempt_id=job.attempt_id or "", ended=True)


def _end(job: Job, to: State, error: JobError | None, charged: Money, taken: tuple[int, ...]) -> Move:
    settled = Settle(amount=charged)
    return Move(job=job, to=to, changes={"error": error}, money=settled, attempt=_ended(job), taken=taken)


async def _ask_to_cancel(job: Job, wishes: Sequence[Wish], provider: Provider, desk: Desk) -> Next:
    """Pass the wish on once. The render may still finish: then the clip is kept and the person told what it cost."""
    try:
        asking = provider.cancel(job.provider_job_id or "")
        honoured = await desk.outside.call("provider.cancel", asking, timeout_s=desk.times.call_timeout_s)
    except ProviderUnavailable as error:
        return desk.retry(job, "Asking the provider to stop.", asked_s=error.retry_after_s)
    note = "The provider was asked to stop."
    if not honoured:
        note = "The provider cannot stop this render; the clip will be kept for you, and it is charged."
    return Move(job=job, to=job.state, changes={"note": note}, taken=ids(wishes))


def _unknown(job: Job, reason: str, desk: Desk) -> Next:
    """The provider does not know the id, for now. Ten minutes of that, and the render is lost there.

    The first time is written down (`tries`, and with it `updated_at`); the following ones only wait.
    """
    if job.tries == 0:
        return desk.retry(job, "The provider does not know this render at the moment; still asking.")
    if has_given_up(job.updated_at, desk.clock.now(), desk.times.unknown_within):
        message = f"The provider lost this render ({reason}). Its id there is {job.provider_job_id}."
        return _end(job, State.FAILED, JobError(code="lost_at_provider", message=message, charged=True), job.held, ())
    return _wait(job, desk)


def _late(job: Job, desk: Desk) -> Move | None:
    """A render that takes too long: said so, capacity freed, asked ever more rarely; seven days, and it is lost."""
    now = desk.clock.now()
    if has_given_up(job.state_since, now, desk.times.render_within):
        message = f"The provider never finished this render. Its id there is {job.provider_job_id}."
        return _end(job, State.FAILED, JobError(code="lost_at_provider", message=message, charged=True), job.held, ())
    if has_given_up(job.state_since, now, desk.times.render_slow_after) and job.note is None:
        note = "This takes unusually long. Reelbot goes on asking, and delivers the clip if it comes."
        return Move(job=job, to=job.state, changes={"note": note}, attempt=_ended(job))
    return None


def _wait(job: Job, desk: Desk) -> Wait:
    now = desk.clock.now()
    return Wait(until=now + next_poll(now - job.state_since, desk.times, desk.rng))


def _patience(job: Job, desk: Desk, asked_s: float | None) -> timedelta:
    """The wait after a poll that failed: at least as long as they ask, at most a quarter of an hour."""
    asked = timedelta(seconds=min(asked_s or 0.0, 900.0))
    return max(asked, next_poll(desk.clock.now() - job.state_since, desk.times, desk.rng))
