"""The courier of the CLI, the API and the studio: nothing is posted; the clip gets a name a player understands."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bot.errors import BadInput
from bot.ids import JobId
from bot.jobs.model import Asset, Delivery, InputRef, Requester
from bot.languages.said import say
from bot.ports import Checkpoint, JobCard, MessageRef, Parcel, Receipt


class GalleryCourier:
    """Delivers by leaving the clip where its owner can play and download it."""

    def __init__(self, platform: str, clips: Path) -> None:
        """`clips` is the directory where a clip appears as `<job>-<n>.mp4`."""
        self.platform = platform
        self._clips = clips

    async def collect(self, source: InputRef) -> Asset:
        """Inputs arrive here as assets already; anything else was not made by us."""
        raise BadInput(
            say(
                "An input of kind {kind} cannot be collected here; attach the picture itself.", kind=repr(source.source)
            )
        )

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """No cards: the command line and the page read the job themselves."""
        return None

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Give the clip its name; the receipt's reference is that file, or the job where the store is elsewhere."""
        if parcel.path is None:
            return Receipt(place="gallery", method="gallery", reference=parcel.job_id)
        if parcel.part is not None and parcel.part_filename is not None:
            await asyncio.to_thread(self._name, parcel.part, parcel.part_filename)
        named = await asyncio.to_thread(self._name, parcel.path, parcel.filename)
        return Receipt(place="gallery", method="gallery", reference=str(named))

    async def retract(self, delivery: Delivery, requester: Requester) -> bool:
        """Remove the names of a delivery's files."""
        await asyncio.to_thread(self._drop, f"{delivery.job_id}-{delivery.number}*.mp4")
        return True

    async def take_down(self, at: MessageRef, requester: Requester) -> bool:
        """No cards here."""
        return True

    async def drop_names(self, job_ids: Sequence[JobId]) -> None:
        """Remove every name of these jobs' clips, which are deleted."""
        for job_id in job_ids:
            await asyncio.to_thread(self._drop, f"{job_id}-*.mp4")

    def _drop(self, pattern: str) -> None:
        for named in self._clips.glob(pattern):
            named.unlink(missing_ok=True)

    def _name(self, clip: Path, filename: str) -> Path:
        self._clips.mkdir(mode=0o700, exist_ok=True)
        named = self._clips / filename
        half = named.with_suffix(".part")
        with contextlib.suppress(FileNotFoundError):
            half.unlink()
        try:
            # The same bytes under a second name: no room taken.
            os.link(clip, half)
        except OSError:
            shutil.copyfile(clip, half)
        half.replace(named)
        return named
