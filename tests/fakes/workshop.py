"""`bot.ports.MediaWorkshop` that decodes nothing: it believes what starts with a judge's magic words."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from bot.errors import BadInput
from bot.ports import ClipFacts, FittedClip, ImageLimits, PreparedAudio, PreparedImage
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.judge_provider import CLIP_MAGIC

SOUND_MAGIC = b"JUDGE-SOUND\n"


class FakeWorkshop:
    """Fixed facts for a judge's files, `BadInput` for all else. What it makes of a clip is a judge's clip again."""

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        """Copies."""
        if not await asyncio.to_thread(_starts_with, source, PICTURE_MAGIC):
            raise BadInput("This is not a picture.")
        await asyncio.to_thread(shutil.copyfile, source, into)
        return PreparedImage(path=into, width=1280, height=720)

    async def prepare_audio(self, source: Path, seconds: int, into: Path) -> PreparedAudio:
        """Copies; the sound is as long as the clip."""
        if not await asyncio.to_thread(_starts_with, source, SOUND_MAGIC):
            raise BadInput("This is not a sound.")
        await asyncio.to_thread(shutil.copyfile, source, into)
        return PreparedAudio(path=into, duration_s=float(seconds))

    async def probe(self, clip: Path) -> ClipFacts:
        """Five seconds of 720p."""
        await asyncio.to_thread(_read_clip, clip)
        return ClipFacts(width=1280, height=720, duration_s=5.0, codec="h264", has_audio=False)

    async def poster(self, clip: Path, into: Path) -> None:
        """A few bytes."""
        await asyncio.to_thread(into.write_bytes, b"JUDGE-POSTER\n")

    async def last_frame(self, clip: Path, into: Path) -> None:
        """A judge's picture that names its clip's bytes."""
        await asyncio.to_thread(_make, into, PICTURE_MAGIC + b"last frame of\n", clip)

    async def contact_sheet(self, clip: Path, into: Path) -> None:
        """A judge's picture that names its clip's bytes."""
        await asyncio.to_thread(_make, into, PICTURE_MAGIC + b"sheet of\n", clip)

    async def join(self, first: Path, second: Path, into: Path) -> None:
        """A clip with both clips' bytes in it."""
        await asyncio.to_thread(_make, into, CLIP_MAGIC + b"joined\n", first, second)

    async def loop(self, clip: Path, into: Path) -> None:
        """A clip with the clip's bytes in it."""
        await asyncio.to_thread(_make, into, CLIP_MAGIC + b"looped\n", clip)

    async def remux(self, clip: Path, into: Path) -> None:
        """Copies."""
        await asyncio.to_thread(_make, into, b"", clip)

    async def mux_audio(self, clip: Path, audio: Path, into: Path) -> None:
        """A clip with the clip's and the sound's bytes in it."""
        if not await asyncio.to_thread(_starts_with, audio, SOUND_MAGIC):
            raise BadInput("This is not a sound.")
        await asyncio.to_thread(_make, into, CLIP_MAGIC + b"with sound\n" + audio.read_bytes(), clip)

    async def fit(self, clip: Path, max_bytes: int, into: Path) -> FittedClip:
        """Copies what fits; of what does not it keeps as much as fits."""
        await asyncio.to_thread(_make, into, b"", clip)
        data = await asyncio.to_thread(into.read_bytes)
        if max_bytes < len(CLIP_MAGIC):
            raise BadInput("The clip cannot be made that small.")
        await asyncio.to_thread(into.write_bytes, data[:max_bytes])
        how = "as_is" if len(data) <= max_bytes else "transcoded"
        return FittedClip(path=into, size_bytes=min(len(data), max_bytes), width=1280, height=720, how=how)


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _read_clip(path: Path) -> bytes:
    if not _starts_with(path, CLIP_MAGIC):
        raise BadInput("This is not a playable video.")
    return path.read_bytes()


def _make(into: Path, head: bytes, *clips: Path) -> None:
    into.write_bytes(head + b"".join(_read_clip(clip) for clip in clips))
