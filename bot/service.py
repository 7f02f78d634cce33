"""What every front end is given: the desk to hand requests in, the actions, what is remembered, and a few errands.

Knows no SQL, no codecs and no chats; the composition root fills it in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from bot.alerts import Alerts
from bot.cards.messages import eta_line, resting_line
from bot.errors import BadPrompt
from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Actions
from bot.jobs.as_json import job_as_json, standing_as_json
from bot.jobs.lineage import Lineage
from bot.jobs.model import Asset, Delivery, InputRef, Job, Requester
from bot.jobs.states import State
from bot.keeping.export import Exporter
from bot.keeping.forgetting import Forgetting
from bot.keeping.sweeper import Sweeper
from bot.keys import KeyRing
from bot.languages.said import say
from bot.money.ledger import user_scope
from bot.operating import Operating
from bot.ports import Engine, MediaStore, MediaWorkshop, Model
from bot.scratch import scratch_folder
from bot.stores import Stores
from bot.tracker.desk import Desk
from bot.tracker.intake import TakenIn, keep_picture, keep_sound
from bot.tracker.render_times import eta

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInput:
    """An input that is checked, normalised and durably kept."""

    ref: InputRef
    assets: tuple[tuple[str, Asset], ...]
    adjustments: tuple[str, ...]
    """What had to be changed to fit the model, as sentences for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Reelbot as front ends see it."""

    front_desk: FrontDesk
    actions: Actions
    lineage: Lineage
    operating: Operating
    forgetting: Forgetting
    sweeper: Sweeper
    engine: Engine
    stores: Stores
    media: MediaStore
    workshop: MediaWorkshop
    desk: Desk
    keys: KeyRing
    alerts: Alerts
    redraw: Callable[[Job], None]
    """Draws a job's card soon; returns at once."""
    engine_hears_at_once: Callable[[], Awaitable[bool]]
    """Whether somebody begins with a new job within the moment."""

    @property
    def exporter(self) -> Exporter:
        """Writes out what is kept."""
        return Exporter(self.stores, self.media, self.desk.clock, self.desk.scratch, self.describe)

    async def copy_inputs(self, job: Job) -> None:
        """Copy what a new job's person left on a chat, where no engine does so at once.

        Addresses of attachments do not live long, and the process that works may be down. A courtesy: what fails here
        is tried again by the engine.
        """
        if await self.engine_hears_at_once():
            return
        for role, ref in (("original", job.image), ("sound", job.audio)):
            courier = self.desk.couriers.get(ref.source) if ref is not None else None
            if ref is None or courier is None:
                continue
            try:
                await self.stores.assets.keep(job.id, role, await courier.collect(ref))
            except Exception as error:
                log.info("input.not_copied", job_id=job.id, role=role, why=str(error))

    async def take_picture(self, source: Path, model: Model, *, filename: str | None = None) -> KeptInput:
        """Check a local picture, bring it into the model's limits, and keep both the original and the copy.

        `BadInput` in one sentence when it cannot be used: then nothing was kept.
        """
        async with scratch_folder(self.desk.scratch) as folder:
            taken = await keep_picture(source, None, model, self.workshop, self.media, folder)
        return _as_input(taken, "original", filename)

    async def take_sound(self, source: Path, model: Model, seconds: int, *, filename: str | None = None) -> KeptInput:
        """Check a local sound, cut or pad it for a clip of `seconds`, and keep both the original and the copy.

        `BadPrompt` when the model takes none, `BadInput` when it cannot be used: then nothing was kept.
        """
        if not model.takes_audio:
            raise BadPrompt(say("{model} takes no sound; leave it out, or choose another model.", model=model.title))
        async with scratch_folder(self.desk.scratch) as folder:
            taken = await keep_sound(source, None, seconds, self.workshop, self.media, folder)
        return _as_input(taken, "sound", filename)

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


def _as_input(taken: TakenIn, role: str, filename: str | None) -> KeptInput:
    original = dict(taken.assets)[role]
    ref = InputRef(source="asset", locator=original.id, filename=filename)
    return KeptInput(ref=ref, assets=taken.assets, adjustments=taken.adjustments)
