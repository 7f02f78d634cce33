"""Bringing a clip into what a place takes, and into what chats play inline: H.264 with its index in front."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.errors import BadInput, NotFound
from bot.keeping.files import as_file
from bot.ports import MediaStore, MediaWorkshop, Parcel

PLAYS_INLINE: Final = "h264"
"""HEVC and AV1 show as a bare file on Discord (seen by others: s9roll7/animatediff-cli-prompt-travel#237)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The files of a parcel as they are sent."""

    clip: Path
    part: Path | None = None
    was_encoded: bool = False

    @property
    def largest_bytes(self) -> int:
        """The limit is per file."""
        return max(each.stat().st_size for each in (self.clip, self.part) if each is not None)

    def named(self, parcel: Parcel) -> list[tuple[Path, str]]:
        """With their names: the clip, and the new part where there is one."""
        files = [(self.clip, parcel.filename)]
        if self.part is not None and parcel.part_filename is not None:
            files.append((self.part, parcel.part_filename))
        return files


async def fitted(parcel: Parcel, limit: int, media: MediaStore, workshop: MediaWorkshop, folder: Path) -> Fitted | None:
    """The parcel's files, each in at most `limit` bytes; `None` when that cannot be done."""
    source = parcel.path or await as_file(media, parcel.clip.asset_id, folder / "clip.mp4")
    try:
        clip, was_encoded = await _fit(source, limit, workshop, folder / "fitted.mp4")
    except BadInput:
        return None
    part: Path | None = None
    if parcel.part_filename is not None and (parcel.part is not None or parcel.clip.part_id is not None):
        try:
            new = parcel.part or await as_file(media, parcel.clip.part_id or "", folder / "part.mp4")
            part, _ = await _fit(new, limit, workshop, folder / "fitted-part.mp4")
        except (BadInput, NotFound):
            # The whole holds it, too.
            part = None
    return Fitted(clip=clip, part=part, was_encoded=was_encoded)


async def _fit(source: Path, limit: int, workshop: MediaWorkshop, into: Path) -> tuple[Path, bool]:
    if source.stat().st_size <= limit and await _plays_inline(source, workshop):
        return source, False
    done = await workshop.fit(source, limit, into)
    return done.path, done.how in {"transcoded", "shrunk"}


async def _plays_inline(source: Path, workshop: MediaWorkshop) -> bool:
    try:
        facts = await workshop.probe(source)
    except BadInput:
        # It was probed when it was fetched. Whatever is odd about it, it is not held back for that.
        return True
    return facts.codec == PLAYS_INLINE and facts.faststart
