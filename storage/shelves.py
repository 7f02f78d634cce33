"""Where the bytes of the media store lie: a directory, or an object store (`storage.buckets`). Everything here blocks.

A file that no row names may be removed by the sweeper at any time once it is old enough, so every `put` makes the file
young again, also when the same bytes are there already (see `storage.assets`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from bot.errors import ConfigurationError
from storage.asset_keys import CHUNK_BYTES, is_asset_id, key_of, require_note
from storage.buckets import Bucket
from storage.clouds import OBJECT_STORES
from storage.durable import sync_directory, write_durably

STALE_AFTER_S = 24 * 3600
"""A half-written file this old belongs to a process that died; younger ones may be somebody's work in progress."""


class Shelf(Protocol):
    """Where the bytes lie. `FileNotFoundError` means the key is not there."""

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]:
        """Copy a file in, or move it (`consume`); its id and its bytes."""
        ...

    def local_path(self, key: str) -> Path | None:
        """The file itself, where there is one on this machine."""
        ...

    def size(self, key: str) -> int:
        """Bytes."""
        ...

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end`, in pieces."""
        ...

    def delete(self, key: str) -> None:
        """Remove it, at any age."""
        ...

    def touch(self, key: str) -> None:
        """Make it young again."""
        ...

    def delete_older(self, key: str, age_s: float) -> bool:
        """Remove it unless it was put within `age_s` seconds; says whether it is gone."""
        ...

    def ids(self) -> Iterator[tuple[str, float]]:
        """Every file by its id, and how many seconds ago it was put."""
        ...

    def note(self, name: str) -> bytes | None:
        """A small named file beside the others; `None` where there is none."""
        ...

    def set_note(self, name: str, data: bytes) -> None:
        """Write it, whole and durably, in the place of what was there."""
        ...

    def check(self) -> None:
        """Write, read and delete something small. `ConfigurationError` says in one sentence what does not work."""
        ...


class Directory:
    """A shelf in a local directory; `storage.media_store` says what it promises about power cuts."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._durable: set[Path] = set()
        """Directories whose own entry this process has synced: each is synced once, not once a put."""

    def put(self, source: Path, *, consume: bool) -> tuple[str, int]:
        """Copy a file in, or move it (`consume`); its id and its bytes."""
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
        target = self._root / key_of(asset_id)
        self._make_durable(target.parent)
        # However long ago it was written: it is put now, and young from now on.
        os.utime(file)
        # Also when it is there already: replacing it by the same bytes heals one that was damaged.
        os.replace(file, target)
        sync_directory(target.parent)

    def local_path(self, key: str) -> Path | None:
        """The file itself, where there is one on this machine."""
        path = self._root / key
        return path if path.is_file() else None

    def size(self, key: str) -> int:
        """Bytes."""
        return (self._root / key).stat().st_size

    def chunks(self, key: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to `end`, in pieces."""
        with (self._root / key).open("rb", buffering=0) as file:
            file.seek(start)
            while start < end and (piece := file.read(min(CHUNK_BYTES, end - start))):
                start += len(piece)
                yield piece

    def delete(self, key: str) -> None:
        """Remove it, at any age."""
        (self._root / key).unlink()

    def touch(self, key: str) -> None:
        """Make it young again, as if it were put now."""
        os.utime(self._root / key)

    def delete_older(self, key: str, age_s: float) -> bool:
        """Remove a file unless it was put within `age_s` seconds; says whether it is gone."""
        target = self._root / key
        try:
            if _age_s(target) < age_s:
                return False
            aside = self._incoming / f"gone-{os.getpid()}-{secrets.token_hex(8)}"
            self._prepare()
            os.rename(target, aside)
        except FileNotFoundError:
            return True
        if _age_s(aside) >= age_s:
            aside.unlink()
            return True
        # Put again between the look and the move: back in its place, unless it was put once more meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(aside, target)
        aside.unlink()
        return False

    def ids(self) -> Iterator[tuple[str, float]]:
        """Every file by its id, and how many seconds ago it was put."""
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if is_asset_id(path.name):
                    with contextlib.suppress(FileNotFoundError):
                        yield path.name, _age_s(path)

    def note(self, name: str) -> bytes | None:
        """A small named file beside the others; `None` where there is none."""
        require_note(name)
        try:
            return (self._root / name).read_bytes()
        except FileNotFoundError:
            return None

    def set_note(self, name: str, data: bytes) -> None:
        """Write it, whole and durably, in the place of what was there."""
        require_note(name)
        self._prepare()
        write_durably(self._root / name, data)

    def check(self) -> None:
        """Write, read and delete something small. `ConfigurationError` says in one sentence what does not work."""
        content = secrets.token_bytes(16)
        try:
            self._prepare()
            probe = self._incoming / f"probe-{os.getpid()}-{secrets.token_hex(8)}"
            try:
                write_durably(probe, content)
                is_whole = probe.read_bytes() == content
            finally:
                probe.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"The media store {self._root} cannot be written ({error.strerror}); correct its owner and rights, free "
                f"some space, or name another place in REELBOT_MEDIA_URL."
            ) from error
        if not is_whole:
            raise ConfigurationError(f"The media store {self._root} does not give back what was put into it.")

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
            sync_directory(inner.parent)
            self._durable.add(inner)


def shelf_for(url: str) -> Shelf:
    """The shelf a URL names. `ConfigurationError` for another kind."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return Directory(Path(unquote(parts.path)))
    if parts.scheme in OBJECT_STORES:
        return Bucket.at(url)
    raise ConfigurationError(
        f"The media store must be a URL like file:///var/lib/reelbot/media, s3://bucket/path, gs://… or az://…, not {url!r}"
    )


def _write_all(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _age_s(path: Path) -> float:
    return time.time() - path.stat().st_mtime
