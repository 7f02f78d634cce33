"""The final states: answer wishes that come afterwards, and act on evidence that arrives late."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import ProviderUnavailable
from bot.jobs.model import Job, Outcome, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move, Settle
from bot.jobs.states import State
from bot.ports import Succeeded
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.steps.fetching import next_delivery


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Send again makes a new delivery; late proof of a charge books it and fetches the clip; the rest is too late."""
    posted = job.state in (State.DELIVERED, State.UNDELIVERED)
    if posted and first_of(wishes, WishKind.RESEND) and job.output is not None:
        delivery = await next_delivery(job, desk)
        changes = {"delivery_id": delivery.id, "held_back": False, "error": None}
        return Move(job=job, to=State.DELIVERING, changes=changes, new_delivery=delivery, taken=ids(wishes))
    if not posted and job.output is None:
        late = await _late_proof(job, wishes, desk)
        if late is not None:
            return late
    for wish in wishes:
        await desk.stores.wishes.take(wish)
    return Wait()


async def _late_proof(job: Job, wishes: Sequence[Wish], desk: Desk) -> Move | None:
    """An attempt that turned out accepted after the job had ended: what it cost is booked, its clip still fetched."""
    for submission in await desk.stores.submissions.of_job(job.id):
        if submission.provider_job_id is None or submission.provider_job_id == job.provider_job_id:
            continue
        provider = desk.providers.get(submission.provider)
        if provider is None:
            continue
        try:
            checking = provider.check(submission.provider_job_id)
            result = await desk.outside.call("provider.check", checking, timeout_s=desk.times.call_timeout_s)
        except ProviderUnavailable:
            continue
        if isinstance(result, Succeeded):
            price = job.held if result.price is None else result.price
            changes = {
                "result_url": result.url, "provider_job_id": submission.provider_job_id, "error": None,
                "attempt_id": submission.attempt_id,
            }  # fmt: skip
            fact = AttemptFact(attempt_id=submission.attempt_id, outcome=Outcome.ACCEPTED, ended=True)
            booked = Settle(amount=price)
            return Move(job=job, to=State.FETCHING, changes=changes, money=booked, attempt=fact, taken=ids(wishes))
    return None
