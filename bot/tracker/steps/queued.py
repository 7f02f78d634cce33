"""`queued`: money is held; the job waits for its turn. What ends the wait without a turn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.errors import UsageError
from bot.jobs.model import Job, JobError, Wish, WishKind
from bot.jobs.moves import Move, Release
from bot.jobs.states import State
from bot.languages.said import say
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.retry import has_given_up

RELEASED = "nothing was sent"


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Cancelled, timed out, dearer now, or waiting for the engine to say that it is this job's turn."""
    if first_of(wishes, WishKind.CANCEL):
        return Move(job=job, to=State.CANCELLED, money=Release(reason=RELEASED), taken=ids(wishes))
    now = desk.clock.now()
    if has_given_up(job.queued_at or job.state_since, now, desk.times.queue_within):
        return _fail(job, "queue_timeout", say("It could not be started within 24 hours; nothing was charged."))
    try:
        price = await desk.price_now(job)
    except UsageError as error:
        return _fail(job, error.code, str(error))
    if price > max(job.held, job.confirmed or job.held):
        note = say(
            "The price went up from {before} to {price}; press Start if that is fine.", before=job.held, price=price
        )
        changes = {"quote": price, "note": note}
        return Move(job=job, to=State.QUOTED, changes=changes, money=Release(reason="dearer now"), taken=ids(wishes))
    deadline = (job.queued_at or job.state_since) + desk.times.queue_within + timedelta(milliseconds=10)
    later = job.next_at if job.next_at is not None and now < job.next_at < deadline else deadline
    return Wait(until=later, for_turn=True)


def _fail(job: Job, code: str, message: str) -> Move:
    error = JobError(code=code, message=message)
    return Move(job=job, to=State.FAILED, changes={"error": error}, money=Release(reason=RELEASED))
