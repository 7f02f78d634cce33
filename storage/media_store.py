"""Clips and inputs, kept under the SHA-256 of their bytes: in a directory, or in an object store by URL.

Two shelves behind one door. A directory is written by plain system calls, because an object store's idea of a local
file stops at "visible" and ours has to reach "survives a power cut": file and directories are synced before a row may
name them. Everything else (`s3://`, `gs://`, `az://`) goes through obstore, which is only imported when such a URL is
used. Both block, and run in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from bot.errors import NO_ROOM, DiskFull, NotFound
from bot.jobs.model import Asset, AssetKind
from bot.languages.said import say
from storage.asset_keys import is_asset_id, key_of
from storage.shelves import Directory, Shelf, shelf_for

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
"""So many things are asked of a store in a cloud at once."""
COPY_KEPT_S = 24 * 3600.0
"""So long a copy stays that was lent on this machine: longer than any render takes to read it."""


class ObjectMediaStore:
    """`bot.ports.MediaStore` over a URL: `file:///…`, `s3://…`, `gs://…`, `az://…` (and `memory:///` for tests).

    Raises `ConfigurationError` for a URL of another kind. Nothing is created or contacted before the first use. Every
    method raises `MediaUnavailable` while an object store cannot be reached, or refuses us; `probe` says why.
    """

    def __init__(self, url: str, *, copies: Path | None = None) -> None:
        """`copies`: where `on_this_machine` puts what lies elsewhere; only who calls it need name a folder."""
        self.url = url
        self._shelf: Shelf = shelf_for(url)
        self._copies = copies
        # Where the store is silent, its threads are what waits, and not those that everything else shares.
        self._threads = None if isinstance(self._shelf, Directory) else ThreadPoolExecutor(THREADS, "media")

    async def put(self, path: Path, kind: AssetKind, content_type: str, *, consume: bool = False) -> Asset:
        """Copy a local file in, atomically and durably: when this returns, a power cut cannot lose it.

        Putting the same bytes twice is harmless. `DiskFull` when there is no room; then nothing is left behind.
        `consume`: nobody else needs the file, which may be moved instead of copied, and be gone from `path`.
        """
        with _no_room_is_disk_full():
            asset_id, size = await self._aside(self._shelf.put, path, consume=consume)
        return Asset(id=asset_id, kind=kind, size_bytes=size, content_type=content_type, stored_at=time.time())

    async def local_path(self, asset_id: str) -> Path | None:
        """The asset as a local file where the store lies on this machine, else `None`."""
        if not is_asset_id(asset_id):
            return None
        return await self._aside(self._shelf.local_path, key_of(asset_id))

    async def on_this_machine(self, asset_id: str) -> Path:
        """The asset as a local file for whoever must have one: its own, else a copy that stays for a day.

        Not to be written to. `NotFound` when it is gone; `DiskFull` when there is no room for a copy.
        """
        own = await self.local_path(asset_id)
        if own is not None:
            return own
        if self._copies is None or not is_asset_id(asset_id):
            raise _gone(asset_id)
        copy = self._copies / asset_id
        if not await asyncio.to_thread(_is_lent_again, self._copies, copy):
            await self.copy_to(asset_id, copy)
        return copy

    async def copy_to(self, asset_id: str, path: Path) -> None:
        """Write the asset to a local file. `NotFound` when it is gone; `DiskFull` when there is no room.

        Complete or absent: the bytes are written beside `path` and moved there when all have arrived.
        """
        with _no_room_is_disk_full():
            await self._aside(self._copy, asset_id, path)

    async def size(self, asset_id: str) -> int:
        """Bytes. `NotFound` when it is gone."""
        with _gone_is_not_found(asset_id):
            return await self._aside(self._shelf.size, key_of(asset_id))

    async def read(self, asset_id: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes `start` to `end` (exclusive), in pieces of a quarter of a mebibyte; what lies past the end is left out.

        `NotFound`, at the first piece, when it is gone. A file that is deleted meanwhile is still read to its end.
        """
        with _gone_is_not_found(asset_id):
            last = min(end, await self._aside(self._shelf.size, key_of(asset_id)))
            if start >= last:
                return
            pieces = self._shelf.chunks(key_of(asset_id), start, last)
            while piece := await self._aside(next, pieces, b""):
                yield piece

    async def delete(self, asset_id: str) -> None:
        """Remove it; harmless when it is gone."""
        if is_asset_id(asset_id):
            with contextlib.suppress(FileNotFoundError):
                await self._aside(self._shelf.delete, key_of(asset_id))
            await asyncio.to_thread(self._drop_copy, asset_id)

    async def touch(self, asset: Asset) -> Asset:
        """Make a file that was just put young again, while its row is still to be written. `NotFound` when it is gone."""
        with _gone_is_not_found(asset.id):
            await self._aside(self._shelf.touch, key_of(asset.id))
        return replace(asset, stored_at=time.time())

    async def delete_older(self, asset_id: str, age_s: float) -> bool:
        """Remove it unless it was put within `age_s` seconds; says whether it is gone. For files that no row names."""
        if not is_asset_id(asset_id):
            return True
        gone = await self._aside(self._shelf.delete_older, key_of(asset_id), age_s)
        if gone:
            await asyncio.to_thread(self._drop_copy, asset_id)
        return gone

    async def ids(self) -> AsyncIterator[tuple[str, float]]:
        """Every file that is kept, by its id, and how many seconds ago it was put."""
        found = self._shelf.ids()
        while (one := await self._aside(next, found, None)) is not None:
            yield one

    async def note(self, name: str) -> bytes | None:
        """A small object of ours beside the files, like `installation.json`; `None` where there is none."""
        return await self._aside(self._shelf.note, name)

    async def set_note(self, name: str, data: bytes) -> None:
        """Write it in the place of what was there: whole, and as durable as a put. `ids` never names it."""
        with _no_room_is_disk_full():
            await self._aside(self._shelf.set_note, name, data)

    async def probe(self) -> None:
        """Prove that the store can be written, read and tidied. `ConfigurationError` says in one sentence what cannot.

        `MediaUnavailable`, in one sentence too, when it does not answer at present.
        """
        await self._aside(self._shelf.check)

    async def _aside(self, do: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `asyncio.to_thread`, in our own threads where there are any."""
        context = contextvars.copy_context()
        doing = functools.partial(context.run, do, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, doing)

    def _drop_copy(self, asset_id: str) -> None:
        if self._copies is not None:
            (self._copies / asset_id).unlink(missing_ok=True)

    def _copy(self, asset_id: str, path: Path) -> None:
        with _gone_is_not_found(asset_id):
            size = self._shelf.size(key_of(asset_id))
        # A missing folder at `path` is the caller's mistake and must not read as "the asset is gone".
        with _written_beside(path) as temporary, temporary.open("wb") as out, _gone_is_not_found(asset_id):
            for piece in self._shelf.chunks(key_of(asset_id), 0, size):
                out.write(piece)


def _is_lent_again(copies: Path, copy: Path) -> bool:
    """Whether the copy is there, and young from now on; every other that nobody asked for in a day goes."""
    copies.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in copies.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if old != copy and time.time() - old.stat().st_mtime > COPY_KEPT_S:
                old.unlink()
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


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
        raise _gone(asset_id) from error


def _gone(asset_id: str) -> NotFound:
    return NotFound(say("The file {id}… is no longer in the media store.", id=asset_id[:12]))
