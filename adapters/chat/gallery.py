"""The courier of the CLI, the API and the studio: the clip is in the gallery the moment it is ours; nothing is posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.errors import BadInput
from bot.jobs.model import Asset, InputRef
from bot.ports import Checkpoint, JobCard, MessageRef, Parcel, Receipt


class GalleryCourier:
    """Delivers by leaving the clip where its owner can play and download it."""

    def __init__(self, platform: str) -> None:
        self.platform = platform

    async def collect(self, source: InputRef) -> Asset:
        """Inputs arrive here as assets already; anything else was not made by us."""
        raise BadInput(f"An input of kind {source.source!r} cannot be collected here; attach the picture itself.")

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """No cards: the command line and the page read the job themselves."""
        return None

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Nothing to send: the receipt says where the clip can be had."""
        return Receipt(place="gallery", method="gallery", reference=parcel.job_id)
