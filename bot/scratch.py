"""A folder of our own for a while. Made and removed off the event loop: on a disk that is busy, both may take long."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def scratch_folder(parent: Path) -> AsyncIterator[Path]:
    """An empty folder in `parent`, gone with everything in it when the block ends, however it ends."""
    made = await asyncio.to_thread(tempfile.TemporaryDirectory[str], dir=parent)
    try:
        yield Path(made.name)
    finally:
        removing = asyncio.ensure_future(asyncio.to_thread(made.cleanup))
        try:
            await asyncio.shield(removing)
        except asyncio.CancelledError:
            # Whoever gave up still leaves nothing behind.
            await removing
            raise
