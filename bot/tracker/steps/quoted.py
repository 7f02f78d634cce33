"""`quoted`: the price is told; the person decides within fifteen minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bot.errors import LimitReached, UsageError
from bot.jobs.model import Job, JobError, Wish, WishKind
from bot.jobs.moves import Move
from bot.jobs.states import State
from bot.languages.said import say
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.retry import has_given_up
from bot.tracker.steps.received import enqueue

ASKED = (WishKind.CONFIRM, WishKind.CANCEL)


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """The first committed of confirm and cancel wins; without either the job is cancelled, free."""
    wish = first_of(wishes, *ASKED)
    if wish is None:
        if has_given_up(job.state_since, desk.clock.now(), desk.times.confirm_within):
            error = JobError(
                code="not_confirmed", message=say("Nobody pressed Start within 15 minutes; nothing was charged.")
            )
            return Move(job=job, to=State.CANCELLED, changes={"error": error}, taken=ids(wishes))
        return Wait(until=job.state_since + desk.times.confirm_within + timedelta(milliseconds=10))
    if wish.kind is WishKind.CANCEL:
        return Move(job=job, to=State.CANCELLED, taken=ids(wishes))
    try:
        price = await desk.price_now(job)
    except UsageError as error:
        gone = JobError(code=error.code, message=str(error))
        return Move(job=job, to=State.CANCELLED, changes={"error": gone}, taken=ids(wishes))
    if price > job.quote:
        # Dearer than what the person saw when pressing Start: ask again, with the new figure.
        note = say("The price is now {price}; press Start again if that is fine.", price=price)
        return Move(job=job, to=State.QUOTED, changes={"quote": price, "note": note}, taken=ids(wishes))
    return enqueue(job, price, desk, changes={"confirmed": job.quote}, taken=ids(wishes, WishKind.CONFIRM))


def when_full(job: Job, error: LimitReached, wishes: Sequence[Wish]) -> Move:
    """A full limit: the job stays quoted and says which; Start may be pressed again once there is room."""
    return Move(job=job, to=State.QUOTED, changes={"note": str(error)}, taken=ids(wishes, WishKind.CONFIRM))
