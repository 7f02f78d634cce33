"""`delivering`: the clip is ours; it is posted at most once, and kept whatever happens."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from bot.cards.card import under_clip
from bot.cards.messages import delivery_text
from bot.errors import DeliveryDelayed, DeliveryRefused, DeliveryUnclear, Fenced, ProviderUnavailable
from bot.jobs.model import Delivery, Job, JobError, Wish
from bot.jobs.moves import DeliveryFact, Move
from bot.jobs.states import State
from bot.languages.said import say
from bot.ports import Checkpoint, MessageRef, Parcel
from bot.tracker.desk import Desk, Next
from bot.tracker.retry import has_given_up

log = structlog.get_logger(__name__)


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Resume the delivery from its checkpoint. Only proof of a post ends in `delivered`."""
    delivery = await desk.stores.deliveries.load(job.delivery_id or "")
    courier = desk.couriers.get(job.requester.answered_on)
    if delivery is None or job.output is None:
        return _keep(job, None, "undeliverable", say("The clip is kept, but where to post it was not written down."))
    if delivery.outcome == "posted":
        return Move(job=job, to=State.DELIVERED, changes={"error": None})
    if job.forget is not None:
        return _keep(job, delivery, "forgotten", say("Its person asked for it to be deleted; it is not posted."))
    if job.held_back:
        return _keep(job, delivery, "restored", say("This came with a restored database and is not posted by itself."))
    if courier is None:
        away = say("{platform} is not connected at the moment.", platform=job.requester.answered_on)
        return _later(job, delivery, away, None, desk)

    async def save(checkpoint: Checkpoint) -> None:
        await desk.stores.deliveries.save_checkpoint(job, delivery.id, checkpoint)

    part_id = job.output.part_id
    parcel = Parcel(
        delivery_id=delivery.id,
        job_id=job.id,
        requester=job.requester,
        clip=job.output,
        path=await desk.media.local_path(job.output.asset_id),
        filename=f"{job.id}-{delivery.number}.mp4",
        text=delivery_text(job),
        title=job.prompt,
        checkpoint=delivery.checkpoint,
        part=await desk.media.local_path(part_id) if part_id is not None else None,
        part_filename=f"{job.id}-{delivery.number}-part.mp4" if part_id is not None else None,
        buttons=under_clip(job),
        card=await _card(job, desk),
    )
    try:
        delivering = courier.deliver(parcel, save)
        receipt = await desk.outside.call("courier.deliver", delivering, timeout_s=desk.times.transfer_timeout_s)
    except Fenced:
        raise
    except DeliveryUnclear:
        message = say(
            "I may have posted this; the chat cannot tell. Look in the thread; if it is not there, press Send again."
        )
        return _keep(job, delivery, "delivery_unclear", message, outcome="unclear")
    except DeliveryRefused as error:
        return _keep(job, delivery, error.code, str(error), outcome="refused")
    except DeliveryDelayed as error:
        return _later(job, delivery, str(error), error.retry_after_s, desk)
    except ProviderUnavailable as error:
        return _later(job, delivery, str(error), None, desk)
    except Exception:
        # Whatever it was, the checkpoint says how far it came: the same delivery is resumed, never a new one begun.
        log.exception("delivery.unexpected", job_id=job.id)
        return _later(job, delivery, say("Posting the clip failed; trying again."), None, desk)
    posted = DeliveryFact(
        delivery_id=delivery.id,
        outcome="posted",
        method=receipt.method,
        place=receipt.place,
        reference=receipt.reference,
    )
    return Move(job=job, to=State.DELIVERED, changes={"error": None}, ended_delivery=posted)


async def _card(job: Job, desk: Desk) -> MessageRef | None:
    known = await desk.stores.deliveries.card(job.id)
    return MessageRef(platform=job.requester.answered_on, reference=known[0]) if known else None


def _later(job: Job, delivery: Delivery, why: str, asked_s: float | None, desk: Desk) -> Move:
    if has_given_up(job.state_since, desk.clock.now(), desk.times.deliver_within):
        outcome = "unclear" if delivery.checkpoint else "refused"
        message = say("The clip could not be posted within 24 hours: {why} It is kept; press Send again.", why=why)
        return _keep(job, delivery, "delivery_failed", message, outcome=outcome)
    return desk.retry(job, why, asked_s=asked_s)


def _keep(job: Job, delivery: Delivery | None, code: str, message: str, *, outcome: str = "refused") -> Move:
    error = JobError(code=code, message=message, charged=(job.charged or 0) > 0)
    fact = DeliveryFact(delivery_id=delivery.id, outcome=outcome) if delivery else None
    return Move(job=job, to=State.UNDELIVERED, changes={"error": error}, ended_delivery=fact)
