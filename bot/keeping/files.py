"""Removing bytes that no row names: after an erasure, after retention, and what a crash left behind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from bot.errors import AssetStale, NotFound
from bot.jobs.model import Asset
from bot.keeping.stores import ErasureStore
from bot.ports import MediaStore

log = structlog.get_logger(__name__)

FRESH_FOR_S = 2.0
"""After so long a file that was put is made young again before it is named."""
NAMED_WITHIN_S = 10.0
"""Longest from putting a file to naming it in a row; whoever is later puts it once more."""
REMOVED_AFTER_S = 20.0
"""Youngest a file that no row names may be removed: whoever put it has named it by then, or never will."""
ORPHAN_AFTER_S = 3600.0
"""Age at which a file that nobody ever named counts as left behind."""
BATCH = 500


async def as_file(media: MediaStore, asset_id: str, into: Path) -> Path:
    """The asset as a file to read: its own where the store lies on this machine, else a copy at `into`.

    `NotFound` when it is gone.
    """
    path = await media.local_path(asset_id)
    if path is None:
        await media.copy_to(asset_id, into)
    return path or into


async def freshened(media: MediaStore, assets: Sequence[tuple[str, Asset]]) -> tuple[tuple[str, Asset], ...]:
    """The same files by role, those made young again that were put a while ago: to be called right before naming them.

    Between putting the first of them and naming them all, a sound may be downloaded or a clip be joined. `AssetStale` when
    one has been removed meanwhile.
    """
    fresh = []
    for role, asset in assets:
        if asset.stored_at is not None and not 0 <= time.time() - asset.stored_at <= FRESH_FOR_S:
            try:
                asset = await media.touch(asset)  # noqa: PLW2901 - the same file, younger
            except NotFound as error:
                raise AssetStale("This machine was held up while it kept your file. Send it again.") from error
        fresh.append((role, asset))
    return tuple(fresh)


class Files:
    """The one place that removes bytes."""

    def __init__(self, media: MediaStore, erasure: ErasureStore) -> None:
        self._media = media
        self._erasure = erasure

    async def remove_unnamed(self) -> int:
        """Remove what was written down as without a row; returns how many were too young and are still there."""
        left = 0
        for asset_id in await self._erasure.unnamed():
            left += not await self._remove(asset_id, REMOVED_AFTER_S)
        return left

    async def orphans(self) -> list[str]:
        """Files that nobody names and nobody will: a process died between keeping and naming them."""
        found: list[str] = []
        batch: list[str] = []
        async for asset_id, age_s in self._media.ids():
            if age_s >= ORPHAN_AFTER_S:
                batch.append(asset_id)
            if len(batch) >= BATCH:
                found += sorted(await self._erasure.without_row(batch))
                batch = []
        return found + sorted(await self._erasure.without_row(batch))

    async def remove_orphans(self) -> int:
        """Remove them; returns how many there were."""
        orphans = await self.orphans()
        for asset_id in orphans:
            await self._remove(asset_id, ORPHAN_AFTER_S)
        if orphans:
            log.info("media.orphans_removed", count=len(orphans))
        return len(orphans)

    async def _remove(self, asset_id: str, age_s: float) -> bool:
        here = await self._media.local_path(asset_id) is not None
        return await self._erasure.remove_file(asset_id, lambda: self._media.delete_older(asset_id, age_s), here=here)
