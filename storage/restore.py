"""Putting a backup back, into an empty data directory.

The whole archive is read and proven first; then the files are put into the media store, and the database gets its name
last. Until then a mark (`restoring.json`) says that what lies there is not a whole installation: `run` refuses it, and
the next restore clears it away and begins again. The first start is held (`storage.held`): the copy in an archive says
that it is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bot.errors import NO_ROOM, BackupTooNew, BadBackup, DataDirError, DiskFull, NotEmpty, NotFound
from bot.jobs.model import AssetKind
from bot.ports import MediaStore
from storage import schema
from storage.archive import DATABASE, KEY, ArchiveReader, Manifest, moment, verify
from storage.database import unwatched
from storage.durable import sync_directory, write_durably
from storage.marks import RESTORING_FILE
from storage.secret_key import KEY_FILE

DATABASE_FILE = "reelbot.db"
HALF = ".restoring.part"
"""What is being unpacked right now."""
OUR_FOLDERS = ("media", "clips", "renders")
"""Where an installation keeps files: an empty data directory has none in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put back."""

    manifest: Manifest
    key: str | None
    """`restored`; `kept` where the data directory had one of its own; `None` when the archive holds none."""


async def restore_backup(
    archive: Path,
    *,
    data_dir: Path,
    media: MediaStore,
    alone: AbstractContextManager[object] | None = None,
    watch: Callable[[str], None] = unwatched,
) -> Restored:
    """Fill an empty data directory from an archive.

    Only a secret key, settings, backups and files that are not ours may lie there. `alone` is entered once the archive
    is proven: it makes the directory, and keeps others out. Raises `NotFound` without the archive, `BadBackup` and
    `BackupTooNew` for one that is not whole or not ours to read, `NotEmpty`, `DataDirError` and `DiskFull`. Whatever it
    raises, what it wrote is gone again.
    """
    require_empty(data_dir)
    try:
        file = await asyncio.to_thread(archive.open, "rb", buffering=1024 * 1024)
    except OSError as error:
        raise NotFound(f"{archive} cannot be read ({error.strerror}).") from error
    with file:
        with _named(archive):
            manifest = await asyncio.to_thread(verify, file)
            _require_known(manifest)
        watch("verified")
        with alone or contextlib.nullcontext():
            require_empty(data_dir)
            key = await _fill(file, archive, manifest, data_dir, media, watch)
    return Restored(manifest=manifest, key=key)


async def _fill(
    file: BinaryIO,
    archive: Path,
    manifest: Manifest,
    data_dir: Path,
    media: MediaStore,
    watch: Callable[[str], None],
) -> str | None:
    try:
        await asyncio.to_thread(_begin, data_dir, manifest)
        watch("begun")
        key = await _unpack(file, archive, data_dir, media, watch)
    except OSError as error:
        await asyncio.to_thread(_clear, data_dir)
        if error.errno in NO_ROOM:
            what = "nothing was restored, and what was written is gone again"
            raise DiskFull(f"The disk of {data_dir} is full; {what}. Free some space.") from error
        raise DataDirError(f"{data_dir} cannot be written ({error.strerror}).") from error
    except BaseException:
        await asyncio.to_thread(_clear, data_dir)
        raise
    (data_dir / RESTORING_FILE).unlink()
    sync_directory(data_dir)
    watch("done")
    return key


async def _unpack(
    file: BinaryIO, archive: Path, data_dir: Path, media: MediaStore, watch: Callable[[str], None]
) -> str | None:
    """The same bytes once more, this time kept; each is compared again on its way."""
    file.seek(0)
    database, half, key = data_dir / f"{HALF}.db", data_dir / HALF, None
    with _named(archive):
        reader = ArchiveReader(file)
        for name, pieces in reader.members():
            if name == DATABASE:
                await asyncio.to_thread(_write, database, pieces)
                fault = await asyncio.to_thread(schema.check_integrity, database)
                if fault is not None:
                    raise BadBackup(f"holds a damaged database: {fault}.")
            elif name == KEY:
                key = await asyncio.to_thread(_put_key, data_dir / KEY_FILE, b"".join(pieces))
            else:
                await asyncio.to_thread(_write, half, pieces)
                # What it is and how it is served stands in the row that names it.
                await media.put(half, AssetKind.ORIGINAL, "application/octet-stream", consume=True)
                half.unlink(missing_ok=True)
            watch("member restored")
        reader.end()
    try:
        # A second name, not a move: a database that somebody made here meanwhile is not replaced.
        os.link(database, data_dir / DATABASE_FILE)
    except FileExistsError as error:
        raise _not_empty(data_dir, DATABASE_FILE) from error
    sync_directory(data_dir)
    watch("database named")
    database.unlink()
    return key


def _put_key(path: Path, content: bytes) -> str:
    """One that lies there already was put there by the operator, and stays."""
    if path.exists() and path.read_bytes().strip() != content.strip():
        return "kept"
    write_durably(path, content)
    return "restored"


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


# --- the place ----------------------------------------------------------------------------------------------------


def _begin(data_dir: Path, manifest: Manifest) -> None:
    """Clear away what an earlier restore left, and say that another one goes on."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _clear(data_dir)
    write_durably(data_dir / RESTORING_FILE, json.dumps({"backup_of": moment(manifest.created_at)}).encode())


def _clear(data_dir: Path) -> None:
    """Only what a restore wrote: the mark says that nothing else of ours was there before."""
    mark = data_dir / RESTORING_FILE
    if not mark.exists() or (data_dir / DATABASE_FILE).exists():
        return
    shutil.rmtree(data_dir / "media", ignore_errors=True)
    for half in (HALF, f"{HALF}.db"):
        (data_dir / half).unlink(missing_ok=True)
    sync_directory(data_dir)
    mark.unlink()


def require_empty(data_dir: Path) -> None:
    """Raise `NotEmpty` where an installation lies, or files of one; what an unfinished restore left does not count."""
    if not data_dir.exists():
        return
    with contextlib.suppress(NotADirectoryError):
        for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal"):
            if os.path.lexists(data_dir / name):
                raise _not_empty(data_dir, name)
        if (data_dir / RESTORING_FILE).exists():
            return
        for name in OUR_FOLDERS:
            if any(path.is_file() for path in (data_dir / name).rglob("*")):
                raise _not_empty(data_dir, name)
        return
    raise DataDirError(f"{data_dir} is not a directory. Set REELBOT_DATA_DIR to a directory of its own.")


def _not_empty(data_dir: Path, what: str) -> NotEmpty:
    return NotEmpty(
        f"A restore goes into an empty data directory, and {data_dir} holds {what} already; "
        f"set REELBOT_DATA_DIR to a new one, or move what is there away."
    )


def _require_known(manifest: Manifest) -> None:
    if manifest.schema not in schema.known_revisions():
        raise BackupTooNew(
            f"holds a database of a newer Reelbot ({manifest.reelbot}, schema {manifest.schema}; this one knows up to "
            f"{schema.HEAD}); restore it with that version."
        )


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    """The half sentences of `storage.archive` get their beginning."""
    try:
        yield
    except BadBackup as error:
        raise type(error)(f"{archive} {error}") from error
