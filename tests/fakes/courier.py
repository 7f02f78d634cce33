"""A chat in memory: remembers what was posted, and fails as it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.ids import new_id
from bot.jobs.model import Asset, AssetKind, InputRef
from bot.ports import Checkpoint, JobCard, MediaStore, MessageRef, Parcel, Receipt
from tests.emulators.judge_chat import PICTURE_MAGIC


class FakeCourier:
    """`bot.ports.Courier`."""

    platform = "judge"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.media: MediaStore | None = None
        self.posts: list[str] = []
        """File names, in the order in which they were posted."""
        self.failures: list[Exception] = []
        """What the next deliveries raise; those of `after_posting` come after the post."""
        self.after_posting = False
        self.cards: list[JobCard] = []
        self.collected: list[str] = []

    async def collect(self, source: InputRef) -> Asset:
        """A picture of its own for each locator."""
        self.collected.append(source.locator)
        file = self._folder / f"attachment-{new_id()}"
        file.write_bytes(PICTURE_MAGIC + source.locator.encode())
        assert self.media is not None
        return await self.media.put(file, AssetKind.ORIGINAL, "image/png")

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        """Remembered."""
        self.cards.append(card)
        return at or MessageRef(platform=self.platform, reference=f"card-{card.job_id}")

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        """Posts once per checkpoint, as a good courier does."""
        if parcel.checkpoint is not None and parcel.filename in self.posts:
            return Receipt(place="room", method="attachment", reference=parcel.filename)
        await save({"stage": "posting"})
        failure = self.failures.pop(0) if self.failures else None
        if failure is None or self.after_posting:
            self.posts.append(parcel.filename)
        if failure is not None:
            raise failure
        return Receipt(place="room", method="attachment", reference=parcel.filename)
