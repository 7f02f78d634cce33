"""Installations to back up, and archives to forge: for the tests of `storage.backup` and `storage.restore`."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage import schema
from storage.archive import SEAL, ArchiveReader, Manifest, verify
from storage.backup import Backup, write_backup
from storage.media_store import ObjectMediaStore
from storage.restore import Restored, restore_backup
from tests.fakes.clock import NEW_YEAR

BLOCK = 512
ROW = (
    "INSERT INTO assets (id, kind, size_bytes, content_type, created_at) "
    "VALUES (?, 'clip', ?, 'video/mp4', '2026-01-01 00:00:00')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A data directory without a server."""

    folder: Path

    @property
    def database(self) -> Path:
        """Where it is, or will be."""
        return self.folder / "reelbot.db"

    @property
    def media(self) -> ObjectMediaStore:
        """Its pictures and clips."""
        return ObjectMediaStore((self.folder / "media").as_uri())

    async def back_up(self, target: Path, **more: Any) -> Backup:
        """Into `target`, at New Year."""
        return await write_backup(target, **{"database": self.database, "media": self.media, "now": NEW_YEAR, **more})

    async def restore(self, archive: Path, **more: Any) -> Restored:
        """From `archive`."""
        return await restore_backup(archive, **{"data_dir": self.folder, "media": self.media, **more})

    def ids(self) -> list[str]:
        """What the database names."""
        with sqlite3.connect(self.database) as connection:
            found = [row[0] for row in connection.execute("SELECT id FROM assets ORDER BY id")]
        connection.close()
        return found

    def holds(self, asset_id: str) -> bool:
        """Whether the file is there, and is what its name says."""
        path = self.folder / "media" / asset_id[:2] / asset_id
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == asset_id

    def files(self) -> list[str]:
        """Every file in the directory."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())


def an_installation(folder: Path, *, files: int = 3) -> Place:
    """A database whose rows name so many files, and these files."""
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(folder=folder)
    schema.prepare(place.database)
    with sqlite3.connect(place.database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for number in range(files):
            content = f"file {number} ".encode() * (300 + number)
            asset_id = hashlib.sha256(content).hexdigest()
            file = folder / "media" / asset_id[:2] / asset_id
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            connection.execute(ROW, (asset_id, len(content)))
    connection.close()
    return place


def read(archive: Path) -> Manifest:
    """The manifest of an archive that is proven to be whole."""
    with archive.open("rb") as file:
        return verify(file)


def forged(archive: Path, into: Path, *extra: tuple[tarfile.TarInfo, bytes]) -> Path:
    """The same archive with further members before its seal, and a seal that fits them."""
    with archive.open("rb") as file:
        reader = ArchiveReader(file)
        for _, pieces in reader.members():
            list(pieces)
        content = io.BytesIO(archive.read_bytes()[: file.tell()])
    content.seek(0, io.SEEK_END)
    for info, data in extra:
        info.size, info.mode, info.mtime = len(data), 0o600, int(NEW_YEAR.timestamp())
        content.write(info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % BLOCK))
    seal = hashlib.sha256(content.getvalue()).hexdigest().encode()
    info = tarfile.TarInfo(SEAL)
    info.size, info.mode, info.mtime = len(seal), 0o600, int(NEW_YEAR.timestamp())
    content.write(info.tobuf(tarfile.GNU_FORMAT) + seal + bytes(BLOCK - len(seal)) + bytes(2 * BLOCK))
    into.write_bytes(content.getvalue())
    return into
