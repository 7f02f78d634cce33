"""Clips and inputs, kept under the SHA-256 of their bytes: in a directory, or in an object store by URL.

Two shelves behind one door. A directory is written by plain system calls, because an object store's idea of a local
file stops at "visible" and ours has to reach "survives a power cut": file and directories are synced before a row may
name them. Everything else (`s3://`, `gs://`, `az://`) goes through obstore, which is only imported when such a URL is
used. Its blocking functions run in threads: its asynchronous ones, seen with 0.12.1 on Python 3.11, now and then abort
the interpreter while it exits.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from bot.errors import NO_ROOM, DiskFull, NotFound
from bot.jobs.model import Asset, AssetKind
from bot.languages.said import say
from storage.shelves import Shelf, is_asset_id, key_of, shelf_for


class ObjectMediaStore:
    """`bot.ports.MediaStore` over a URL: `file:///…`, `s3://…`, `gs://…`, `az://…` (and `memory:///` for tests).

    Raises `ConfigurationError` for a URL of another kind. Nothing is created or contacted before the first use.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._shelf: Shelf = shelf_for(url)

    async def put(self, path: Path, kind: AssetKind, content_type: str, *, consume: bool = False) -> Asset:
        """Copy a local file in, atomically and durably: when this returns, a power cut cannot lose it.

        Putting the same bytes twice is harmless. `DiskFull` when there is no room; then nothing is left behind.
        `consume`: nobody else needs the file, which may be moved instead of copied, and be gone from `path`.
        """
        with _no_room_is_disk_full():
            asset_id, size = await asyncio.to_thread(self._shelf.put, path, consume=consume)
        return Asset(id=asset_id, kind=kind, size_bytes=size, content_type=content_type, stored_at=time.time())

    async def local_path(self, asset_id: str) -> Path | None:
        """The asset as a local file where the store lies on this machine, else `None`."""
        if not is_asset_id(asset_id):
            return None
        return await asyncio.to_thread(self._shelf.local_path, key_of(asset_id))

    async def copy_to(self, asset_id: str, path: Path) -> None:
        """Write the asset to a local file. `NotFound` when it is gone; `DiskFull` when there is no room.

        Complete or absent: the bytes are written beside `path` and moved there when all have arrived.
        """
        with _no_room_is_disk_full():
            await asyncio.to_thread(self._copy, asset_id, path)

    async def size(self, asset_id: str) -> int:
        """Bytes. `NotFound` when it is gone."""
        with _gone_is_not_found(asset_id):
            return await asyncio.to_thread(self._shelf.size, key_of(asset_id))

    async def read(self, asset_id: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes `start` to `end` (exclusive), in pieces of a quarter of a mebibyte; what lies past the end is left out.

        `NotFound`, at the first piece, when it is gone. A file that is deleted meanwhile is still read to its end.
        """
        with _gone_is_not_found(asset_id):
            last = min(end, await asyncio.to_thread(self._shelf.size, key_of(asset_id)))
            if start >= last:
                return
            pieces = self._shelf.chunks(key_of(asset_id), start, last)
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece

    async def delete(self, asset_id: str) -> None:
        """Remove it; harmless when it is gone."""
        if is_asset_id(asset_id):
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(self._shelf.delete, key_of(asset_id))

    async def touch(self, asset: Asset) -> Asset:
        """Make a file that was just put young again, while its row is still to be written. `NotFound` when it is gone."""
        with _gone_is_not_found(asset.id):
            await asyncio.to_thread(self._shelf.touch, key_of(asset.id))
        return replace(asset, stored_at=time.time())

    async def delete_older(self, asset_id: str, age_s: float) -> bool:
        """Remove it unless it was put within `age_s` seconds; says whether it is gone. For files that no row names."""
        if not is_asset_id(asset_id):
            return True
        return await asyncio.to_thread(self._shelf.delete_older, key_of(asset_id), age_s)

    async def ids(self) -> AsyncIterator[tuple[str, float]]:
        """Every file that is kept, by its id, and how many seconds ago it was put."""
        found = self._shelf.ids()
        while (one := await asyncio.to_thread(next, found, None)) is not None:
            yield one

    def _copy(self, asset_id: str, path: Path) -> None:
        with _gone_is_not_found(asset_id):
            size = self._shelf.size(key_of(asset_id))
        # A missing folder at `path` is the caller's mistake and must not read as "the asset is gone".
        with _written_beside(path) as temporary, temporary.open("wb") as out, _gone_is_not_found(asset_id):
            for piece in self._shelf.chunks(key_of(asset_id), 0, size):
                out.write(piece)


@contextlib.contextmanager
def _written_beside(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _no_room_is_disk_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise DiskFull(say("There is no room left on the disk; nothing half-written was kept.")) from error


@contextlib.contextmanager
def _gone_is_not_found(asset_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(say("The file {id}… is no longer in the media store.", id=asset_id[:12])) from error
