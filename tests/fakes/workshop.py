"""`bot.ports.MediaWorkshop` that decodes nothing: it believes what starts with a judge's magic words."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bot.errors import BadInput
from bot.ports import ClipFacts, ImageLimits, PreparedImage
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.judge_provider import CLIP_MAGIC


class FakeWorkshop:
    """Fixed facts for a judge's files, `BadInput` for all else."""

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        """Copies."""
        if not await asyncio.to_thread(_starts_with, source, PICTURE_MAGIC):
            raise BadInput("This is not a picture.")
        await asyncio.to_thread(shutil.copyfile, source, into)
        return PreparedImage(path=into, width=1280, height=720)

    async def probe(self, clip: Path) -> ClipFacts:
        """Five seconds of 720p."""
        if not await asyncio.to_thread(_starts_with, clip, CLIP_MAGIC):
            raise BadInput("This is not a playable video.")
        return ClipFacts(width=1280, height=720, duration_s=5.0, codec="h264", has_audio=False)

    async def poster(self, clip: Path, into: Path) -> None:
        """A few bytes."""
        await asyncio.to_thread(into.write_bytes, b"JUDGE-POSTER\n")


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
