"""`received`: copy the inputs, check them, name the price, hold the money."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import DiskFull, LimitReached, NotFound, ProviderUnavailable, UsageError
from bot.jobs.model import Asset, Job, JobError, Wish, WishKind
from bot.jobs.moves import Hold, Move
from bot.jobs.states import State
from bot.languages.said import say
from bot.money.amount import Money
from bot.tracker.desk import Desk, Next, first_of, ids
from bot.tracker.intake import collect
from bot.tracker.retry import has_given_up


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Intake. Ends in `quoted`, `queued`, `failed` or `cancelled`, or is tried again for a passing reason."""
    if first_of(wishes, WishKind.CANCEL):
        return Move(job=job, to=State.CANCELLED, taken=ids(wishes))
    try:
        taken_in = await collect(job, desk)
        price = await desk.price_now(job)
    except (ProviderUnavailable, DiskFull) as error:
        if has_given_up(job.created_at, desk.clock.now(), desk.times.intake_within):
            return fail(job, "input_unavailable", say("The picture could not be copied: {error}", error=error))
        return desk.retry(job, str(error))
    except (UsageError, NotFound) as error:
        return fail(job, error.code, str(error))
    assets = taken_in.assets
    changes: dict[str, object] = {"quote": price, "adjustments": (*job.adjustments, *taken_in.adjustments)}
    changes |= {f"{role}_asset": asset.id for role, asset in assets if role in ("image", "audio")}
    if needs_confirmation(job.confirmed, price, desk):
        return Move(job=job, to=State.QUOTED, changes=changes, assets=assets, details={"price": price.to_usd()})
    return enqueue(job, price, desk, changes=changes, assets=assets)


def needs_confirmation(confirmed: Money | None, price: Money, desk: Desk) -> bool:
    """Whether the person must be asked: above the threshold, or dearer than what was confirmed."""
    if confirmed is not None:
        return price > confirmed
    return price > desk.confirm_above


def enqueue(
    job: Job,
    price: Money,
    desk: Desk,
    *,
    changes: dict[str, object] | None = None,
    assets: tuple[tuple[str, Asset], ...] = (),
    taken: tuple[int, ...] = (),
) -> Move:
    """The move to `queued`, holding `price`."""
    return Move(
        job=job,
        to=State.QUEUED,
        changes=(changes or {}) | {"quote": price, "queued_at": desk.clock.now()},
        money=Hold(amount=price),
        assets=assets,
        taken=taken,
        details={"held": price.to_usd()},
    )


def when_full(job: Job, error: LimitReached) -> Move:
    """A limit was reached between asking and holding."""
    return fail(job, error.code, str(error))


def fail(job: Job, code: str, message: str) -> Move:
    """End a job for which nothing was charged."""
    return Move(job=job, to=State.FAILED, changes={"error": JobError(code=code, message=message)})


__all__ = ["enqueue", "fail", "needs_confirmation", "step", "when_full"]
