"""`fetching`: the provider has a result; it is copied into the media store, checked, and only then called ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from bot.errors import BadInput, DiskFull, NotFound, ProviderUnavailable, ResultGone
from bot.ids import new_id
from bot.jobs.model import Asset, AssetKind, Clip, Delivery, Job, JobError, Wish, WishKind
from bot.jobs.moves import Move
from bot.jobs.states import State
from bot.keeping.files import as_file
from bot.languages.said import joined, say
from bot.ports import Succeeded
from bot.scratch import scratch_folder
from bot.tracker.desk import Desk, Next, ids
from bot.tracker.retry import has_given_up

log = structlog.get_logger(__name__)

REREAD_EVERY = 3
"""After so many failed downloads the link is read from the provider again: it may have moved."""


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Copy, measure, keep. A clip that was paid for is never lost for a passing reason, unless nobody may keep it."""
    if job.forget is not None or job.erased_at is not None:
        return Move(job=job, to=State.CANCELLED, taken=ids(wishes))
    try:
        copied = await _copy(job, desk)
    except (ProviderUnavailable, DiskFull, BadInput) as error:
        if not has_given_up(job.state_since, desk.clock.now(), desk.times.fetch_within):
            return await _try_again(job, error, desk)
        return _gone(job, say("The clip could not be copied from the provider: {error}", error=error))
    except ResultGone as error:
        return _gone(job, str(error))
    changes: dict[str, object] = {"output": copied.clip}
    if copied.said:
        changes["adjustments"] = (*job.adjustments, copied.said)
    if await desk.stores.wishes.cancel_requested(job.id):
        return Move(job=job, to=State.CANCELLED, changes=changes, assets=copied.assets, taken=ids(wishes))
    delivery = await next_delivery(job, desk)
    return Move(
        job=job, to=State.DELIVERING, changes=changes | {"delivery_id": delivery.id}, assets=copied.assets,
        new_delivery=delivery, taken=ids(wishes, WishKind.HINT),
    )  # fmt: skip


async def next_delivery(job: Job, desk: Desk) -> Delivery:
    """A new delivery, numbered after the ones before."""
    earlier = await desk.stores.deliveries.of_job(job.id) if job.delivery_id is not None else []
    requester = job.requester
    place = ":".join(part for part in (requester.answered_on, requester.channel, requester.thread) if part)
    return Delivery(id=new_id(), job_id=job.id, number=len(earlier) + 1, place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copied:
    clip: Clip
    assets: tuple[tuple[str, Asset], ...]
    said: str = ""
    """What the person must know of it."""


async def _copy(job: Job, desk: Desk) -> _Copied:
    url = job.result_url or ""
    fetcher = desk.fetchers.get(urlsplit(url).scheme)
    if fetcher is None:
        raise ResultGone(
            say("The provider named a result that cannot be downloaded ({scheme}:).", scheme=urlsplit(url).scheme)
        )
    async with scratch_folder(desk.scratch) as folder:
        file = folder / "clip.mp4"
        fetching = fetcher.fetch(url, job.provider, file)
        await desk.outside.call("fetcher.fetch", fetching, timeout_s=desk.times.transfer_timeout_s)
        facts = await desk.workshop.probe(file)
        whole, said = await _joined(job, file, folder, desk)
        if whole is not None:
            facts = await desk.workshop.probe(whole)
        poster = folder / "poster.jpg"
        await desk.workshop.poster(whole or file, poster)
        kept = await desk.media.put(whole or file, AssetKind.CLIP, "video/mp4", consume=True)
        part = await desk.media.put(file, AssetKind.CLIP, "video/mp4", consume=True) if whole is not None else None
        kept_poster = await desk.media.put(poster, AssetKind.POSTER, "image/jpeg", consume=True)
    measured = replace(kept, width=facts.width, height=facts.height, duration_s=facts.duration_s)
    clip = Clip(
        asset_id=kept.id,
        size_bytes=kept.size_bytes,
        width=facts.width,
        height=facts.height,
        duration_s=facts.duration_s,
        poster_id=kept_poster.id,
        flagged=job.flagged,
        part_id=part.id if part is not None else None,
    )
    assets = (("clip", measured), ("poster", kept_poster)) + ((("part", part),) if part is not None else ())
    return _Copied(clip=clip, assets=assets, said=said)


async def _joined(job: Job, part: Path, folder: Path, desk: Desk) -> tuple[Path | None, str]:
    """An extension together with the clip it goes on from; else `None`, and why the part stands alone, if it should not."""
    if job.relation is None:
        return None, ""
    source = (await desk.stores.assets.of_job(job.id)).get("source")
    if source is None:
        return None, ""
    whole = folder / "whole.mp4"
    try:
        first = await as_file(desk.media, source.id, folder / "first.mp4")
        await desk.workshop.join(first, part, whole)
    except (BadInput, NotFound) as error:
        # The part is paid for and plays: it is not held back for the sake of the joint.
        log.warning("clip.not_joined", job_id=job.id, why=str(error))
        return None, say("Clip: only the new part; it could not be joined to the clip before it.")
    return whole, ""


async def _try_again(job: Job, error: Exception, desk: Desk) -> Move:
    changes: dict[str, object] = {}
    if (job.tries + 1) % REREAD_EVERY == 0 and (provider := desk.providers.get(job.provider)):
        try:
            checking = provider.check(job.provider_job_id or "")
            result = await desk.outside.call(
                "provider.check", checking, timeout_s=desk.times.call_timeout_s, at=job.provider
            )
        except ProviderUnavailable:
            pass
        else:
            if isinstance(result, Succeeded):
                changes["result_url"] = result.url
    asked = error.retry_after_s if isinstance(error, ProviderUnavailable) else None
    why = say("The clip is finished; copying it failed so far ({error})", error=error)
    move = desk.retry(job, why, asked_s=asked)
    return replace(move, changes=dict(move.changes) | changes)


def _gone(job: Job, why: str) -> Move:
    message = joined((why, say("Its id at the provider is {id}.", id=job.provider_job_id)))
    error = JobError(code="result_gone", message=message, charged=(job.charged or 0) > 0)
    return Move(job=job, to=State.FAILED, changes={"error": error})
