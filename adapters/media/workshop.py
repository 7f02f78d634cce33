"""The media workshop: everything that decodes, a few at a time, each in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from adapters.media import sandbox
from adapters.media.sandbox import Bounds
from bot.ports import ClipFacts, ImageLimits, PreparedImage


class Workshop:
    """Implements `bot.ports.MediaWorkshop` over the sandbox."""

    def __init__(self, *, max_concurrent: int = 2, bounds: Bounds | None = None) -> None:
        self._room = asyncio.Semaphore(max_concurrent)
        self._bounds = bounds or Bounds()

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        """Decode, rotate, strip, flatten and resize a picture to a JPEG. `BadInput` in one sentence, or `DiskFull`."""
        found = await self._do(
            "prepare_image",
            "picture",
            source=str(source),
            into=str(into),
            min_side=limits.min_side,
            max_side=limits.max_side,
            max_bytes=limits.max_bytes,
        )
        return PreparedImage(path=into, width=found["width"], height=found["height"], changes=tuple(found["changes"]))

    async def probe(self, clip: Path) -> ClipFacts:
        """Measure a video by decoding its first frame and reading to its last. `BadInput` when it is not playable."""
        return ClipFacts(**await self._do("probe", "video", clip=str(clip)))

    async def poster(self, clip: Path, into: Path) -> None:
        """Write the first frame as a JPEG. `BadInput` or `DiskFull`."""
        await self._do("poster", "video", clip=str(clip), into=str(into))

    async def _do(self, operation: str, subject: str, **arguments: Any) -> dict[str, Any]:
        async with self._room:
            return await sandbox.run(operation, subject, arguments, self._bounds)
