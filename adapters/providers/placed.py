"""What an attempt of ours ordered, read back from what is stored: for a provider that can make a lost render again."""

from __future__ import annotations

from dataclasses import dataclass

from bot.ids import JobId
from bot.jobs.model import Asset, RenderSettings
from bot.jobs.states import State
from bot.stores import Stores

_AWAITED = frozenset({State.UNCONFIRMED, State.RENDERING, State.FETCHING})
"""A job in one of these still needs the result of its attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order whose result its job still waits for; the same words and inputs as when it was placed."""

    attempt_id: str
    job_id: JobId
    model: str
    prompt: str
    """As the person wrote it; a model without a real camera is told more (`bot.prompts.check.compose`)."""
    settings: RenderSettings
    image: Asset | None
    """`None` when it is no longer kept."""
    audio: Asset | None
    wants_audio: bool
    is_cancelled: bool
    """Its person asked to stop while it was rendered. Once it was finished it is too late for that, here as anywhere."""


class PlacedOrders:
    """The open orders of one installation, by their attempt."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def __call__(self, provider: str, attempt_id: str) -> Placed | None:
        """`None` for an attempt that is not ours, or not this provider's, or whose job has gone on, or was erased."""
        submission = await self._stores.submissions.load(attempt_id)
        if submission is None or submission.provider != provider:
            return None
        job = await self._stores.jobs.load(submission.job_id)
        if job is None or job.attempt_id != attempt_id or job.state not in _AWAITED or job.erased_at is not None:
            return None
        asked_to_stop = await self._stores.wishes.cancel_requested(job.id)
        return Placed(
            attempt_id=attempt_id,
            job_id=job.id,
            model=submission.model,
            prompt=job.prompt,
            settings=job.settings,
            image=await self._asset(job.image_asset),
            audio=await self._asset(job.audio_asset),
            wants_audio=job.audio_asset is not None,
            is_cancelled=asked_to_stop and job.state is not State.FETCHING,
        )

    async def _asset(self, asset_id: str | None) -> Asset | None:
        return None if asset_id is None else await self._stores.assets.load(asset_id)
