"""The media workshop: everything that decodes, a few at a time, each in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from adapters.media import sandbox
from adapters.media.sandbox import Bounds, Standby
from bot.languages.stored import unpack
from bot.ports import ClipFacts, FittedClip, ImageLimits, PreparedAudio, PreparedImage

ENCODING = Bounds(timeout_s=300.0, memory_bytes=3 * 1024**3)
"""For what encodes a whole clip: a minute of 1080p takes one."""


class Workshop:
    """Implements `bot.ports.MediaWorkshop` over the sandbox."""

    def __init__(self, *, max_concurrent: int = 2, bounds: Bounds | None = None) -> None:
        self._room = asyncio.Semaphore(max_concurrent)
        self._bounds = bounds or Bounds()
        self._encoding = bounds or ENCODING
        self._pictures: Standby | None = None

    def keep_ready(self) -> None:
        """Have a process for the next picture ready from now on: where people wait for the answer."""
        if self._pictures is None:
            self._pictures = Standby("prepare_image", self._bounds)
            self._pictures.prepare()

    async def rest(self) -> None:
        """No longer: end what waits."""
        if self._pictures is not None:
            standby, self._pictures = self._pictures, None
            await standby.aclose()

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        """Decode, rotate, strip, flatten and resize a picture to a JPEG. `BadInput` in one sentence, or `DiskFull`."""
        bounds = {"min_side": limits.min_side, "max_side": limits.max_side, "max_bytes": limits.max_bytes}
        arguments = {"source": str(source), "into": str(into), **bounds}
        async with self._room:
            found = await sandbox.run("prepare_image", "picture", arguments, self._bounds, self._pictures)
        changes = tuple(unpack(each) for each in found["changes"])
        return PreparedImage(path=into, width=found["width"], height=found["height"], changes=changes)

    async def prepare_audio(self, source: Path, seconds: int, into: Path) -> PreparedAudio:
        """Cut a WAV or MP3 to a clip's length and write it as a WAV. `BadInput` in one sentence, or `DiskFull`."""
        found = await self._do("prepare_audio", "sound", source=str(source), into=str(into), seconds=seconds)
        changes = tuple(unpack(each) for each in found["changes"])
        return PreparedAudio(path=into, duration_s=found["duration_s"], changes=changes)

    async def probe(self, clip: Path) -> ClipFacts:
        """Measure a video by decoding its first frame and reading to its last. `BadInput` when it is not playable."""
        return ClipFacts(**await self._do("probe", "video", clip=str(clip)))

    async def poster(self, clip: Path, into: Path) -> None:
        """Write the first frame as a JPEG. `BadInput` or `DiskFull`."""
        await self._do("poster", "video", clip=str(clip), into=str(into))

    async def last_frame(self, clip: Path, into: Path) -> None:
        """Write the very last frame as a lossless PNG. `BadInput` or `DiskFull`."""
        await self._do("last_frame", "video", clip=str(clip), into=str(into))

    async def contact_sheet(self, clip: Path, into: Path) -> None:
        """Write twelve evenly spaced frames side by side as a JPEG. `BadInput` or `DiskFull`."""
        await self._do("contact_sheet", "video", clip=str(clip), into=str(into))

    async def remux(self, clip: Path, into: Path) -> None:
        """Pack pictures and sound anew, untouched, with the index in front. `BadInput` or `DiskFull`."""
        await self._do("remux", "video", clip=str(clip), into=str(into))

    async def mux_audio(self, clip: Path, audio: Path, into: Path) -> None:
        """Put a WAV or MP3 beside a clip's untouched pictures, as long as they are. `BadInput` or `DiskFull`."""
        await self._do("mux_audio", "video", clip=str(clip), audio=str(audio), into=str(into))

    async def fit(self, clip: Path, max_bytes: int, into: Path) -> FittedClip:
        """Write the clip in at most so many bytes. `BadInput` when that cannot be done, or `DiskFull`."""
        found = await self._encode("fit", clip=str(clip), into=str(into), max_bytes=max_bytes)
        return FittedClip(path=into, **found)

    async def join(self, first: Path, second: Path, into: Path) -> None:
        """Write a clip and its continuation as one, the shared picture once. `BadInput` or `DiskFull`."""
        await self._encode("join", first=str(first), second=str(second), into=str(into))

    async def loop(self, clip: Path, into: Path) -> None:
        """Write a clip whose end flows into its beginning. `BadInput` or `DiskFull`."""
        await self._encode("loop", clip=str(clip), into=str(into))

    async def _do(self, operation: str, subject: str, **arguments: Any) -> dict[str, Any]:
        async with self._room:
            return await sandbox.run(operation, subject, arguments, self._bounds)

    async def _encode(self, operation: str, **arguments: Any) -> dict[str, Any]:
        async with self._room:
            return await sandbox.run(operation, "video", arguments, self._encoding)
