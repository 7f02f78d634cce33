"""Pictures and clips into another media store, each proven by its name, which is the SHA-256 of its bytes."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bot.errors import ConfigurationError, NotFound
from bot.jobs.model import AssetKind
from storage.marks import MediaMarks
from storage.media_store import ObjectMediaStore

AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of the files that rows name."""

    copied: int = 0
    copied_bytes: int = 0
    there: int = 0
    """Lay in the new store already."""
    missing: tuple[str, ...] = ()
    """In none of the stores: retention, or an accident, removed them before."""
    damaged: tuple[str, ...] = ()
    """Somewhere, but with other bytes than their name says."""

    def __add__(self, other: Carried) -> Carried:
        """Both together."""
        return Carried(
            copied=self.copied + other.copied,
            copied_bytes=self.copied_bytes + other.copied_bytes,
            there=self.there + other.there,
            missing=self.missing + other.missing,
            damaged=self.damaged + other.damaged,
        )


async def require_own_store(to: ObjectMediaStore, installation: str | None) -> None:
    """Raise `ConfigurationError` for a store that cannot be used, or that belongs to another installation."""
    await to.probe()
    mark = await MediaMarks(to).read()
    if mark is not None and mark.installation_id != installation:
        raise ConfigurationError(
            "The media store belongs to another installation (its installation.json says so): name an empty one."
        )


async def carry(
    files: Iterable[tuple[str, int]], *, stores: Sequence[ObjectMediaStore], to: ObjectMediaStore, folder: Path
) -> Carried:
    """Bring every file (its id and size) that `to` has not, from the first of `stores` that has it whole.

    Harmless to repeat: what lies there in its size is left alone. `folder` holds copies on their way. Without any
    `stores` it only looks whether they are there. A store that does not answer raises `ProviderUnavailable`.
    """
    carried = Carried()
    for batch in _batches(iter(files)):
        try:
            async with asyncio.TaskGroup() as tasks:
                under_way = [tasks.create_task(_one(asset_id, size, stores, to, folder)) for asset_id, size in batch]
        except ExceptionGroup as failed:
            # One sentence says it for all of them.
            raise failed.exceptions[0] from failed
        for task in under_way:
            carried += task.result()
    return carried


def _batches(files: Iterator[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    while batch := list(islice(files, AT_ONCE)):
        yield batch


async def _one(
    asset_id: str, size: int, stores: Sequence[ObjectMediaStore], to: ObjectMediaStore, folder: Path
) -> Carried:
    found = await _size(to, asset_id)
    if found == size:
        return Carried(there=1)
    was_seen = found is not None
    for store in stores:
        half = folder / f".copying-{secrets.token_hex(8)}"
        try:
            own = await store.local_path(asset_id)
            if own is None:
                await store.copy_to(asset_id, half)
            if await asyncio.to_thread(_is_whole, own or half, asset_id):
                # What it is and how it is served stands in the row that names it.
                await to.put(own or half, AssetKind.ORIGINAL, "application/octet-stream", consume=own is None)
                return Carried(copied=1, copied_bytes=size)
            was_seen = True
        except (NotFound, FileNotFoundError):
            continue
        finally:
            half.unlink(missing_ok=True)
    return Carried(damaged=(asset_id,)) if was_seen else Carried(missing=(asset_id,))


async def _size(store: ObjectMediaStore, asset_id: str) -> int | None:
    try:
        return await store.size(asset_id)
    except NotFound:
        return None


def _is_whole(path: Path, asset_id: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == asset_id
