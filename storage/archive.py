"""The format of a backup: an uncompressed tar that says what it holds, and proves it.

`manifest.json` comes first and names every member in order; `seal` comes last and holds the SHA-256 of all that stands
before it. Written by us alone, so read strictly: each header has to be, byte for byte, the one we would write for the
member that the manifest names next. A link, a device, a path that climbs, a second member of a name, a member nobody
named, a byte that was changed, an end that is missing: none of them is that header, that hash, that seal.

`tar tf` lists it, `tar xf` takes it apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from bot.errors import BackupTooNew, BadBackup

FORMAT = 1
MANIFEST, DATABASE, KEY, SEAL = "manifest.json", "reelbot.db", "secret-key", "seal"
CHUNK_BYTES = 256 * 1024
MOST_MANIFEST_BYTES = 256 * 1024 * 1024
"""About three million files; whatever claims more is not read into memory."""
_BLOCK = tarfile.BLOCKSIZE
_SPARE = 64
"""Figures in a manifest may grow by a few digits when a file turns out to be missing."""
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The bytes of a member that has no hash for a name."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive holds, and where it comes from."""

    reelbot: str
    schema: str
    installation_id: str | None
    generation: int
    created_at: datetime
    jobs: int
    database: Content
    key: Content | None
    with_media: bool
    media: tuple[tuple[str, int], ...]
    """Id and size of every file in it, in the order in which they follow; an id is the SHA-256 of the bytes."""
    missing: tuple[str, ...]
    """Files that rows name and the media store has not."""

    @property
    def media_bytes(self) -> int:
        """All files together."""
        return sum(size for _, size in self.media)

    def members(self) -> Iterator[tuple[str, Content]]:
        """What follows the manifest, in order."""
        yield DATABASE, self.database
        if self.key is not None:
            yield KEY, self.key
        for asset_id, size in self.media:
            yield f"media/{asset_id}", Content(sha256=asset_id, size_bytes=size)

    def to_bytes(self) -> bytes:
        """JSON. A file that moves from `media` to `missing` never makes it longer by more than a few digits."""
        document = {
            "format": FORMAT,
            "reelbot": self.reelbot,
            "schema": self.schema,
            "installation_id": self.installation_id,
            "generation": self.generation,
            "created_at": moment(self.created_at),
            "counts": {"jobs": self.jobs, "media": len(self.media), "missing": len(self.missing)},
            "database": _content_as_json(self.database),
            "key": _content_as_json(self.key) if self.key else None,
            "with_media": self.with_media,
            "media": [{"id": asset_id, "bytes": size} for asset_id, size in self.media],
            "missing": list(self.missing),
        }
        return json.dumps(document).encode()


def moment(at: datetime) -> str:
    """`2026-01-01T00:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_manifest(content: bytes) -> Manifest:
    """The manifest that was written. Raises `BackupTooNew` and `BadBackup`; a half sentence, without the archive's name."""
    try:
        found = json.loads(content)
        if found["format"] > FORMAT:
            raise BackupTooNew(f"was made by a newer Reelbot ({found['reelbot']}); restore it with that version.")
        manifest = Manifest(
            reelbot=str(found["reelbot"]),
            schema=str(found["schema"]),
            installation_id=found["installation_id"],
            generation=int(found["generation"]),
            created_at=datetime.fromisoformat(found["created_at"]),
            jobs=int(found["counts"]["jobs"]),
            database=_content(found["database"]),
            key=_content(found["key"]) if found["key"] else None,
            with_media=bool(found["with_media"]),
            media=tuple((_hash(each["id"]), _size(each["bytes"])) for each in found["media"]),
            missing=tuple(_hash(each) for each in found["missing"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadBackup("has no manifest that can be read.") from error
    return manifest


class ArchiveWriter:
    """Writes members one after the other; the manifest gets its room first and its content last."""

    def __init__(self, file: BinaryIO, expected: Manifest) -> None:
        """`expected` names everything that may come; in the end some of its files may be missing."""
        self._file = file
        self._at = expected.created_at
        self._room = len(expected.to_bytes()) + _SPARE
        file.write(_header(MANIFEST, self._room, self._at))
        file.write(b" " * self._room + _padding(self._room))

    def begin(self, name: str, size_bytes: int) -> int:
        """A member of exactly this size; its bytes follow by `write`. Returns where it begins, for `take_back`."""
        start = self._file.tell()
        self._file.write(_header(name, size_bytes, self._at))
        return start

    def write(self, piece: bytes) -> None:
        """Some of the member's bytes."""
        self._file.write(piece)

    def end(self, size_bytes: int) -> None:
        """All its bytes were written."""
        self._file.write(_padding(size_bytes))

    def take_back(self, start: int) -> None:
        """It is not what it should be after all: as if it had never begun."""
        self._file.seek(start)
        self._file.truncate()

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, read every member back from the disk, then seal. Raises `BadBackup` when the disk lied."""
        content = manifest.to_bytes()
        if len(content) > self._room:
            raise RuntimeError("the manifest has outgrown its room")
        end = self._file.tell()
        self._file.seek(_BLOCK)
        self._file.write(content.ljust(self._room))
        self._file.flush()
        os.fsync(self._file.fileno())
        if hasattr(os, "posix_fadvise"):
            # Not from memory: what counts is what the disk gives back.
            os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        self._file.seek(0)
        reader = ArchiveReader(self._file)
        for _, pieces in reader.members():
            for _piece in pieces:
                pass
        self._file.seek(end)
        seal = reader.digest.hexdigest().encode()
        self._file.write(_header(SEAL, len(seal), self._at) + seal + _padding(len(seal)) + bytes(2 * _BLOCK))
        self._file.flush()
        os.fsync(self._file.fileno())


class ArchiveReader:
    """Reads members in order. Everything it raises is a `BadBackup` that ends the sentence "FILE …"."""

    def __init__(self, file: BinaryIO) -> None:
        """Reads the manifest."""
        self._file = file
        self.digest = hashlib.sha256()
        """Of everything read so far."""
        block = self._file.read(_BLOCK)
        try:
            first = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise BadBackup("is not a backup that Reelbot made.") from error
        if first.name != MANIFEST or not first.isreg() or not 0 < first.size <= MOST_MANIFEST_BYTES:
            raise BadBackup("is not a backup that Reelbot made.")
        self.digest.update(block)
        self.manifest = read_manifest(self._exactly(first.size))
        self._exactly(len(_padding(first.size)))
        if block != _header(MANIFEST, first.size, self.manifest.created_at):
            raise BadBackup("was changed after it was made.")

    def members(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every member's name and pieces; the pieces must be read to their end, where their hash is compared."""
        for name, content in self.manifest.members():
            self._expect(name, content.size_bytes)
            yield name, self._pieces(name, content)

    def end(self) -> None:
        """After the last member: the seal fits, and nothing follows."""
        sealed = self.digest.hexdigest().encode()
        self._expect(SEAL, len(sealed))
        if self._exactly(len(sealed)) != sealed:
            raise BadBackup("was changed after it was made.")
        rest = self._exactly(len(_padding(len(sealed))) + 2 * _BLOCK)
        if any(rest) or self._file.read(1):
            raise BadBackup("goes on after its end; it was changed after it was made.")

    def _pieces(self, name: str, content: Content) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), content.size_bytes
        while left:
            piece = self._exactly(min(CHUNK_BYTES, left))
            left -= len(piece)
            digest.update(piece)
            yield piece
        self._exactly(len(_padding(content.size_bytes)))
        if digest.hexdigest() != content.sha256:
            raise BadBackup(f"is damaged: its member {name} is not what was put in.")

    def _expect(self, name: str, size_bytes: int) -> None:
        header = self._exactly(_BLOCK)
        if header == _header(name, size_bytes, self.manifest.created_at):
            return
        try:
            found = tarfile.TarInfo.frombuf(header, "utf-8", "strict").name
        except (tarfile.HeaderError, ValueError) as error:
            raise BadBackup(f"is damaged right before its member {name}.") from error
        raise BadBackup(f"holds {found[:80]!r} where its manifest names {name}; it was changed after it was made.")

    def _exactly(self, count: int) -> bytes:
        content = self._file.read(count)
        if len(content) < count:
            raise BadBackup("ends too early: it was cut short.")
        self.digest.update(content)
        return content


def verify(file: BinaryIO) -> Manifest:
    """Read all of it; returns the manifest when every byte is as it was written. Raises `BadBackup`."""
    reader = ArchiveReader(file)
    for _, pieces in reader.members():
        for _piece in pieces:
            pass
    reader.end()
    return reader.manifest


def _header(name: str, size_bytes: int, at: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size_bytes, 0o600, int(at.timestamp())
    return info.tobuf(tarfile.GNU_FORMAT)


def _padding(size_bytes: int) -> bytes:
    return bytes(-size_bytes % _BLOCK)


def _content_as_json(content: Content) -> dict[str, Any]:
    return {"sha256": content.sha256, "bytes": content.size_bytes}


def _content(found: Any) -> Content:
    return Content(sha256=_hash(found["sha256"]), size_bytes=_size(found["bytes"]))


def _hash(found: Any) -> str:
    if not isinstance(found, str) or _HASH.fullmatch(found) is None:
        raise ValueError("not a SHA-256")
    return found


def _size(found: Any) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ValueError("not a size")
    return found
