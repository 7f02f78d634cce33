"""The chats: what was posted there, and the courier that one process holds. And the files, which are only names here.

A room of the first kind knows a second post by its nonce for the first one, and can be searched. A room of the second kind
knows nothing: whoever is in doubt there must not post again.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.errors import (
    BadInput,
    DeliveryDelayed,
    DeliveryRefused,
    DeliveryUnclear,
    DiskFull,
    ProviderUnavailable,
    ResultGone,
)
from bot.jobs.model import Asset, AssetKind, InputRef
from bot.ports import Checkpoint, ClipFacts, ImageLimits, JobCard, MessageRef, Parcel, PreparedImage, Receipt
from tests.simulation.chance import Chances
from tests.simulation.loop import NOBODY, VirtualLoop
from tests.simulation.vendors import _fail, _sleep, _tell

A_FILE = Path(__file__)
"""Stands for every file: somebody may want to know how large it is."""


class Chat:
    """Every room, for the whole world."""

    def __init__(self, loop: VirtualLoop, chances: Chances, rng: random.Random) -> None:
        self.loop = loop
        self.chances = chances
        self.rng = rng
        self.posts: dict[str, list[str]] = {}
        """By delivery: the clips that people see."""
        self.closed: dict[str, bool] = {}
        """Whether the room takes this delivery; it does not change its mind."""
        self.repeats = 0
        """Second posts that a room knew by their nonce."""
        self.watch_post: Callable[[Parcel, int], None] = lambda _parcel, _seen: None

    def post(self, parcel: Parcel, answer: Any) -> None:
        """A post leaves; it arrives whatever becomes of its sender."""
        drawn, chances = self.rng.random(), self.chances
        later = self.loop.call_later
        way = 0.05 + 0.3 * self.rng.random()
        if drawn < chances.post_lost:
            later(way, _fail, answer, ProviderUnavailable("the chat did not answer"), context=NOBODY)
        elif (drawn := drawn - chances.post_lost) < chances.post_delayed:
            later(way, _fail, answer, DeliveryDelayed("the chat is busy", retry_after_s=2.0), context=NOBODY)
        elif self.closed.setdefault(parcel.delivery_id, self.rng.random() < chances.post_refused):
            later(way, _fail, answer, DeliveryRefused("the room is closed"), context=NOBODY)
        else:
            is_lost = drawn - chances.post_delayed < chances.post_answer_lost
            later(way, self._arrive, parcel, answer, is_lost, context=NOBODY)

    def _arrive(self, parcel: Parcel, answer: Any, is_lost: bool) -> None:
        seen = self.posts.setdefault(parcel.delivery_id, [])
        if seen and not is_blind(parcel):
            self.repeats += 1
        else:
            seen.append(parcel.clip.asset_id)
            self.watch_post(parcel, len(seen))
        if is_lost:
            self.loop.call_later(1.0, _fail, answer, ProviderUnavailable("the chat did not answer"), context=NOBODY)
        else:
            self.loop.call_later(0.05, _tell, answer, f"message-{parcel.delivery_id}", context=NOBODY)


def is_blind(parcel: Parcel) -> bool:
    """Whether this room cannot tell a second post from the first."""
    return parcel.requester.channel == "cellar"


class SimCourier:
    """`bot.ports.Courier`: says that it is about to post, posts, and when in doubt looks first."""

    platform = "sim"

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    async def collect(self, source: InputRef) -> Asset:
        drawn = self._chat.rng.random()
        await _sleep(self._chat.loop, 0.02 + 0.2 * drawn)
        if drawn < 0.01:
            raise ProviderUnavailable("the chat does not hand it out just now")
        if drawn < 0.013:
            raise BadInput("This is not a picture.")
        return Asset(id=f"original-{source.locator}", kind=AssetKind.ORIGINAL, size_bytes=1, content_type="image/png")

    async def show(self, card: JobCard, at: MessageRef | None) -> MessageRef | None:
        return at

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        chat = self._chat
        if (parcel.checkpoint or {}).get("stage") == "posting":
            if is_blind(parcel):
                raise DeliveryUnclear("It may have been posted; this room cannot tell.")
            await _sleep(chat.loop, 0.05)
            if chat.rng.random() < 0.05:
                raise ProviderUnavailable("the room cannot be searched just now")
            if chat.posts.get(parcel.delivery_id):
                return Receipt(place="room", method="attachment", reference=f"message-{parcel.delivery_id}")
        else:
            await save({"stage": "posting"})
        answer = chat.loop.create_future()
        chat.post(parcel, answer)
        try:
            reference: str = await answer
        except DeliveryDelayed:
            # Provably nothing was posted: the next try starts afresh.
            await save({"stage": "ready"})
            raise
        return Receipt(place="room", method="attachment", reference=reference)


class Files:
    """`MediaStore`, `MediaWorkshop` and `Fetcher` in one: files are names that say what is in them."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._held: dict[Path, str] = {}
        self._folders = 0

    @asynccontextmanager
    async def folder(self, parent: Path) -> AsyncIterator[Path]:
        """In the place of `bot.scratch.scratch_folder`, which works in threads."""
        self._folders += 1
        folder = parent / str(self._folders)
        try:
            yield folder
        finally:
            for name in ("clip.mp4", "poster.jpg", "image.jpg"):
                self._held.pop(folder / name, None)

    # --- the fetcher -------------------------------------------------------------------------------------------------

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        drawn = self._chat.rng.random()
        await _sleep(self._chat.loop, 0.1 + drawn)
        if drawn < 0.01:
            raise ProviderUnavailable("the link is slow today")
        if drawn < 0.01 + self._chat.chances.result_gone:
            raise ResultGone("The provider has deleted its result.")
        self._held[into] = url.partition("://")[2]

    # --- the workshop ------------------------------------------------------------------------------------------------

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        self._held[into] = "picture"
        return PreparedImage(path=into, width=1280, height=720)

    async def probe(self, clip: Path) -> ClipFacts:
        return ClipFacts(width=1280, height=720, duration_s=5.0, codec="h264", has_audio=False)

    async def poster(self, clip: Path, into: Path) -> None:
        self._held[into] = f"poster of {self._held[clip]}"

    # --- the media store ---------------------------------------------------------------------------------------------

    async def put(self, path: Path, kind: AssetKind, content_type: str, *, consume: bool = False) -> Asset:
        if self._chat.rng.random() < 0.0005:
            raise DiskFull("There is no room on the disk.")
        return Asset(id=self._held.pop(path), kind=kind, size_bytes=1, content_type=content_type)

    async def local_path(self, asset_id: str) -> Path | None:
        return A_FILE
