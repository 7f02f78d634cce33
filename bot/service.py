"""What every front end is given: the desk to hand requests in, the actions, what is remembered, and a few errands.

Knows no SQL, no codecs and no chats; the composition root fills it in.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.cards.messages import eta_line, resting_line
from bot.errors import BadInput
from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Actions
from bot.jobs.as_json import job_as_json, standing_as_json
from bot.jobs.model import Asset, AssetKind, Delivery, InputRef, Job, Requester
from bot.jobs.states import State
from bot.keys import KeyRing
from bot.money.ledger import user_scope
from bot.ports import Engine, MediaStore, MediaWorkshop, Model
from bot.stores import Stores
from bot.tracker.desk import Desk
from bot.tracker.render_times import eta

LARGEST_INPUT_BYTES = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An input that is checked, normalised and durably kept."""

    ref: InputRef
    assets: tuple[tuple[str, Asset], ...]
    changes: tuple[str, ...]
    """What had to be changed to fit the model, for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Reelbot as front ends see it."""

    front_desk: FrontDesk
    actions: Actions
    engine: Engine
    stores: Stores
    media: MediaStore
    workshop: MediaWorkshop
    desk: Desk
    keys: KeyRing

    async def take_picture(self, source: Path, model: Model, *, filename: str | None = None) -> Picture:
        """Check a local picture, bring it into the model's limits, and keep both the original and the copy.

        `BadInput` in one sentence when it cannot be used: then nothing was kept.
        """
        with tempfile.TemporaryDirectory(dir=self.desk.scratch) as folder:
            prepared = await self.workshop.prepare_image(source, model.image, Path(folder) / "image.jpg")
            if source.stat().st_size > LARGEST_INPUT_BYTES:
                raise BadInput(f"The picture is larger than {LARGEST_INPUT_BYTES // 1_000_000} MB; send a smaller one.")
            original = await self.media.put(source, AssetKind.ORIGINAL, "application/octet-stream")
            kept = await self.media.put(prepared.path, AssetKind.IMAGE, prepared.content_type)
        image = Asset(
            id=kept.id,
            kind=kept.kind,
            size_bytes=kept.size_bytes,
            content_type=kept.content_type,
            width=prepared.width,
            height=prepared.height,
        )
        ref = InputRef(source="asset", locator=original.id, filename=filename)
        return Picture(ref=ref, assets=(("original", original), ("image", image)), changes=prepared.changes)

    async def describe(self, job: Job) -> dict[str, object]:
        """A job in its public JSON shape, with what lies in other tables."""
        deliveries = await self.stores.deliveries.of_job(job.id)
        eta_at = None
        if job.state is State.RENDERING:
            eta_at = eta(job.state_since, await self.desk.measured(job), self.desk.clock.now())
        if job.state is State.QUEUED and job.note is None:
            waits_for = resting_line(await self.stores.health.load(job.provider))
            job = replace(job, note=waits_for or None)
        return job_as_json(
            job,
            deliveries=deliveries,
            cancel_requested=await self.stores.wishes.cancel_requested(job.id),
            queue_position=await self.stores.jobs.queue_position(job),
            eta_at=eta_at,
            video_url=f"/api/v1/jobs/{job.id}/video" if job.output else None,
            video_path=await self._path(job, deliveries),
        )

    async def eta_line(self, job: Job) -> str:
        """One sentence on how long the render will still take; empty where nobody knows. Asks the database rarely."""
        if job.state is not State.RENDERING:
            return ""
        desk = self.desk
        return eta_line(job, await desk.measured(job), desk.typical_s(job), desk.clock.now())

    async def _path(self, job: Job, deliveries: Sequence[Delivery]) -> str | None:
        """Where the clip lies on this machine: under the name its delivery gave it, else in the media store."""
        for delivery in reversed(deliveries):
            if delivery.method == "gallery" and delivery.reference and Path(delivery.reference).is_file():
                return delivery.reference
        path = await self.media.local_path(job.output.asset_id) if job.output else None
        return str(path) if path else None

    async def quota(self, requester: Requester) -> dict[str, object]:
        """How every scope that this person's next job counts in stands."""
        standings = await self.stores.ledger.standings(requester)
        own = user_scope(requester)
        shown = [
            each for each in standings if each.limit_usd is not None or each.limit_jobs is not None or each.scope == own
        ]
        return {"scopes": [standing_as_json(each) for each in shown]}
