"""The final states: answer wishes that come afterwards, and act on evidence that arrives late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import assert_never

from bot.errors import ProviderUnavailable
from bot.jobs.model import Job, JobError, Outcome, Submission, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move, Settle
from bot.jobs.states import State
from bot.languages.said import say
from bot.money.amount import Money
from bot.ports import Cancelled, CheckResult, Failed, Rendering, Succeeded, Unknown
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.retry import LONGEST_RETRY_AFTER, has_given_up
from bot.tracker.schedule import next_poll
from bot.tracker.steps.fetching import next_delivery

REFUND_AFTER = timedelta(minutes=30)
"""Whether a failed render was paid back is not asked in the minute after."""
LOST = "lost_at_provider"
"""The error of jobs whose attempt is followed up although it was given up."""
COMING_AFTER_ALL = say(
    "The provider had taken this after all; its clip is delivered when it is done, and it is charged."
)


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Send again makes a new delivery; late proof of a charge books it and fetches the clip; the rest is too late."""
    posted = job.state in (State.DELIVERED, State.UNDELIVERED)
    resend = first_of(wishes, WishKind.RESEND) if posted else None
    if resend is not None and job.output is not None:
        delivery = await next_delivery(job, desk)
        changes = {"delivery_id": delivery.id, "held_back": False, "error": None}
        if anchor := resend.details.get("anchor"):
            # Asked for from somewhere else: that is where it goes.
            changes |= {"anchor": anchor}
        return Move(job=job, to=State.DELIVERING, changes=changes, new_delivery=delivery, taken=ids(wishes))
    late: Next = Wait()
    if not posted and job.output is None:
        late = await _follow_up(job, desk)
    if isinstance(late, Wait):
        for wish in wishes:
            await desk.stores.wishes.take(wish)
    return late


async def _follow_up(job: Job, desk: Desk) -> Next:
    """What became of the attempts the job had given up. The hold is long gone: what they cost is booked as it is found."""
    for submission in await desk.stores.submissions.loose_ends_of(job):
        provider = desk.providers.get(submission.provider)
        if provider is None or submission.provider_job_id is None:
            continue
        if submission.refund_expected and not has_given_up(job.state_since, desk.clock.now(), REFUND_AFTER):
            continue
        try:
            checking = provider.check(submission.provider_job_id)
            result = await desk.outside.call(
                "provider.check", checking, timeout_s=desk.times.call_timeout_s, at=submission.provider
            )
        except ProviderUnavailable as error:
            return await _later(job, submission, desk, asked_s=error.retry_after_s)
        return await _decide(job, submission, result, desk)
    return Wait()


async def _decide(job: Job, submission: Submission, result: CheckResult, desk: Desk) -> Next:
    match result:
        case Succeeded(url=url, price=price, flagged=flagged):
            changes: dict[str, object] = {"result_url": url, "error": None, "flagged": flagged}
            return _book(job, submission, State.FETCHING, price, changes)
        case Failed(refund_expected=True):
            # Booked as given back already; the next round asks whether it was.
            return Wait()
        case Failed(code=code, message=message, charged=charged):
            charged = job.expected_charge if charged is None else charged
            code = "provider_failed" if code == LOST else code
            return _close(job, submission, charged, JobError(code=code, message=message, charged=charged > 0))
        case Cancelled(charged=charged):
            charged = job.expected_charge if charged is None else charged
            message = say("The provider stopped this render.")
            error = JobError(code="cancelled_at_provider", message=message, charged=charged > 0)
            return _close(job, submission, charged, error)
        case Rendering():
            later = await _later(job, submission, desk)
            if job.note == COMING_AFTER_ALL:
                return later
            return Move(job=job, to=job.state, changes={"note": COMING_AFTER_ALL, "next_at": later.until})
        case Unknown():
            return Wait()
        case _:
            assert_never(result)


def _close(job: Job, submission: Submission, charged: Money, error: JobError) -> Move:
    """It stays ended, for another reason than was thought; a job its person cancelled stays cancelled without one."""
    because = {"error": error} if job.state is State.FAILED else {}
    return _book(job, submission, job.state, charged, {"note": None, **because})


def _book(job: Job, submission: Submission, to: State, price: Money | None, changes: dict[str, object]) -> Move:
    theirs = {"provider_job_id": submission.provider_job_id, "attempt_id": submission.attempt_id, "next_at": None}
    fact = AttemptFact(attempt_id=submission.attempt_id, outcome=Outcome.ACCEPTED, ended=True, refund_expected=False)
    settled = Settle(amount=job.expected_charge if price is None else price)
    return Move(job=job, to=to, changes=changes | theirs, money=settled, attempt=fact)


async def _later(job: Job, submission: Submission, desk: Desk, *, asked_s: float | None = None) -> Wait:
    """As often as a job in `rendering` would be asked about, and not before they want to be asked again."""
    now, settings = desk.clock.now(), job.settings
    times = desk.stores.render_times
    measured = await times.of(submission.provider, submission.model, settings.duration_s, settings.resolution)
    pause = next_poll(now - submission.started_at, measured, None, desk.times, desk.rng)
    asked = min(timedelta(seconds=asked_s or 0.0), LONGEST_RETRY_AFTER)
    return Wait(until=now + max(pause, asked))
