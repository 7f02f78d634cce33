"""`submitting`, found and not brought there in this run: never send. The facts decide, else nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import Refused
from bot.jobs.model import Job, Outcome, Wish
from bot.jobs.moves import AttemptFact, Move
from bot.jobs.states import State
from bot.languages.said import say
from bot.tracker.desk import Desk, Next
from bot.tracker.steps.submit import again, refused, unconfirmed


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """An id that is known goes to `rendering`, whoever wrote it; a proof that nothing was sent back to `queued`."""
    submission = await desk.stores.submissions.load(job.attempt_id or "")
    if submission is not None and submission.provider_job_id is not None:
        fact = AttemptFact(attempt_id=submission.attempt_id, outcome=Outcome.ACCEPTED)
        changes = {"provider_job_id": submission.provider_job_id}
        return Move(job=job, to=State.RENDERING, changes=changes, attempt=fact)
    match submission.outcome if submission else None:
        case Outcome.NOT_SENT | Outcome.THROTTLED:
            fact = AttemptFact(attempt_id=job.attempt_id or "", ended=True)
            return again(job, fact, desk.times.retry_first, say("It was not sent; in line again."), desk)
        case Outcome.REFUSED:
            return await refused(job, Refused(say("The provider refused the request.")), desk)
        case _:
            return unconfirmed(job, "the process ended between writing and answering", desk)
