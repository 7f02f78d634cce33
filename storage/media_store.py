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
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from bot.errors import NO_ROOM, ConfigurationError, DiskFull, NotFound
from bot.jobs.model import Asset, AssetKind

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK_BYTES = 256 * 1024
STALE_AFTER_S = 24 * 3600
"""A half-written file this old belongs to a process that died; younger ones may be somebody's work in progress."""

_ID = re.compile(r"[0-9a-f]{64}")


class _Shelf(Protocol):
    """Where the bytes lie. Everything here blocks; `FileNotFoundError` means the key is not there."""

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]: ...

    def local_path(self, key: str) -> Path | None: ...

    def size(self, key: str) -> int: ...

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]: ...

    def delete(self, key: str) -> None: ...


class ObjectMediaStore:
    """`bot.ports.MediaStore` over a URL: `file:///…`, `s3://…`, `gs://…`, `az://…` (and `memory:///` for tests).

    Raises `ConfigurationError` for a URL of another kind. Nothing is created or contacted before the first use.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._shelf: _Shelf = _shelf_for(url)

    async def put(self, path: Path, kind: AssetKind, content_type: str, *, consume: bool = False) -> Asset:
        """Copy a local file in, atomically and durably: when this returns, a power cut cannot lose it.

        Putting the same bytes twice is harmless. `DiskFull` when there is no room; then nothing is left behind.
        `consume`: nobody else needs the file, which may be moved instead of copied, and be gone from `path`.
        """
        with _no_room_is_disk_full():
            asset_id, size = await asyncio.to_thread(self._shelf.put, path, consume=consume)
        return Asset(id=asset_id, kind=kind, size_bytes=size, content_type=content_type)

    async def local_path(self, asset_id: str) -> Path | None:
        """The asset as a local file where the store lies on this machine, else `None`."""
        if not _ID.fullmatch(asset_id):
            return None
        return await asyncio.to_thread(self._shelf.local_path, _key(asset_id))

    async def copy_to(self, asset_id: str, path: Path) -> None:
        """Write the asset to a local file. `NotFound` when it is gone; `DiskFull` when there is no room.

        Complete or absent: the bytes are written beside `path` and moved there when all have arrived.
        """
        with _no_room_is_disk_full():
            await asyncio.to_thread(self._copy, asset_id, path)

    async def size(self, asset_id: str) -> int:
        """Bytes. `NotFound` when it is gone."""
        with _gone_is_not_found(asset_id):
            return await asyncio.to_thread(self._shelf.size, _key(asset_id))

    async def read(self, asset_id: str, *, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes `start` to `end` (exclusive), in pieces of a quarter of a mebibyte; what lies past the end is left out.

        `NotFound`, at the first piece, when it is gone. A file that is deleted meanwhile is still read to its end.
        """
        with _gone_is_not_found(asset_id):
            last = min(end, await asyncio.to_thread(self._shelf.size, _key(asset_id)))
            if start >= last:
                return
            pieces = self._shelf.chunks(_key(asset_id), start, last)
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece

    async def delete(self, asset_id: str) -> None:
        """Remove it; harmless when it is gone."""
        if _ID.fullmatch(asset_id):
            with contextlib.suppress(FileNotFoundError):
                await asyncio.to_thread(self._shelf.delete, _key(asset_id))

    def _copy(self, asset_id: str, path: Path) -> None:
        with _gone_is_not_found(asset_id):
            size = self._shelf.size(_key(asset_id))
        # A missing folder at `path` is the caller's mistake and must not read as "the asset is gone".
        with _written_beside(path) as temporary, temporary.open("wb") as out, _gone_is_not_found(asset_id):
            for piece in self._shelf.chunks(_key(asset_id), 0, size):
                out.write(piece)


class _Directory:
    """A shelf in a local directory; see the module's docstring for what it promises about power cuts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._durable: set[Path] = set()
        """Directories whose own entry this process has synced: each is synced once, not once a put."""

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]:
        self._prepare()
        if consume and source.stat().st_dev == self._incoming.stat().st_dev:
            return self._take(source)
        temporary = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with source.open("rb", buffering=0) as file, temporary.open("xb", buffering=0) as out:
                digest, size = hashlib.sha256(), 0
                buffer = memoryview(bytearray(CHUNK_BYTES))
                while count := file.readinto(buffer):
                    digest.update(buffer[:count])
                    _write_all(out.fileno(), buffer[:count])
                    size += count
                os.fsync(out.fileno())
            self._name(temporary, digest.hexdigest())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return digest.hexdigest(), size

    def _take(self, source: Path) -> tuple[str, int]:
        """The file itself, synced and moved into its place: a clip is written once, not twice."""
        with source.open("rb", buffering=0) as file:
            digest, size = hashlib.sha256(), 0
            buffer = memoryview(bytearray(CHUNK_BYTES))
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
                size += count
            os.fsync(file.fileno())
        self._name(source, digest.hexdigest())
        return digest.hexdigest(), size

    def _name(self, file: Path, asset_id: str) -> None:
        target = self._root / _key(asset_id)
        self._make_durable(target.parent)
        # Also when it is there already: replacing it by the same bytes heals one that was damaged.
        os.replace(file, target)
        _sync_directory(target.parent)

    def local_path(self, key: str) -> Path | None:
        path = self._root / key
        return path if path.is_file() else None

    def size(self, key: str) -> int:
        return (self._root / key).stat().st_size

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        with (self._root / key).open("rb", buffering=0) as file:
            file.seek(start)
            while start < end and (piece := file.read(min(CHUNK_BYTES, end - start))):
                start += len(piece)
                yield piece

    def delete(self, key: str) -> None:
        (self._root / key).unlink()

    def _prepare(self) -> None:
        if self._incoming in self._durable and self._incoming.is_dir():
            return
        self._make_durable(self._incoming)
        for leftover in self._incoming.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - leftover.stat().st_mtime > STALE_AFTER_S:
                    leftover.unlink()

    def _make_durable(self, directory: Path) -> None:
        """Make a directory and sync every entry on the way to it, as far up as this process has not done so yet."""
        path_to_it = (directory, *directory.parents)
        made = {inner for inner in path_to_it if not inner.exists()}
        directory.mkdir(parents=True, exist_ok=True)
        for inner in path_to_it:
            ours = inner in made or inner.is_relative_to(self._root)
            if not ours or (inner in self._durable and inner not in made):
                break
            # Existing is not enough: whoever made it may have died before its entry reached the disk.
            _sync_directory(inner.parent)
            self._durable.add(inner)


class _Bucket:
    """A shelf in an object store, where a put that returned is durable by the vendor's word."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]:
        import obstore

        with source.open("rb") as file:
            asset_id = hashlib.file_digest(file, "sha256").hexdigest()
        size = source.stat().st_size
        with contextlib.suppress(FileNotFoundError):
            if self.size(_key(asset_id)) == size:
                return asset_id, size
        # Puts are atomic: readers see the whole object or none, and an abandoned multipart upload is never listed.
        obstore.put(self._store, _key(asset_id), source)
        return asset_id, size

    def local_path(self, key: str) -> Path | None:
        return None

    def size(self, key: str) -> int:
        import obstore

        return obstore.head(self._store, key)["size"]

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        import obstore

        if start >= end:  # an object store calls an empty range an error
            return
        answer = obstore.get(self._store, key, options={"range": (start, end)})
        for piece in answer.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(piece)

    def delete(self, key: str) -> None:
        import obstore

        obstore.delete(self._store, key)


def _shelf_for(url: str) -> _Shelf:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return _Directory(Path(unquote(parts.path)))
    if parts.scheme in ("s3", "gs", "az", "memory"):
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        try:
            return _Bucket(from_url(url))
        except (BaseError, ValueError) as error:
            raise ConfigurationError(f"The media store at {parts.scheme}:// cannot be opened: {error}") from error
    raise ConfigurationError(
        f"The media store must be a URL like file:///var/lib/reelbot/media, s3://bucket/path, gs://… or az://…, not {url!r}"
    )


def _key(asset_id: str) -> str:
    """`ab/<sha256>`. Whatever is no SHA-256 names nothing, so that no id can climb out of the store."""
    if not _ID.fullmatch(asset_id):
        raise FileNotFoundError(asset_id)
    return f"{asset_id[:2]}/{asset_id}"


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
        raise DiskFull("There is no room left on the disk; nothing half-written was kept.") from error


@contextlib.contextmanager
def _gone_is_not_found(asset_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"The file {asset_id[:12]}… is no longer in the media store.") from error
