"""Making a backup: one archive (`storage.archive`) of the database, and of every file its rows name.

A reader only, so that it may run beside a server: the database is copied by `VACUUM INTO`, which sees one moment of it,
and then each file is streamed from the media store, wherever that is. A file that is deleted meanwhile is `missing`, as
is one whose bytes are no longer those of its name; that is told, and no reason to have no backup.

What belongs in: the database, pictures and clips, and with `with_key` the secret key. What does not: `admin-token`,
which opens a running installation and is made anew where it is missing; settings, which hold the keys of accounts;
`clips` and `renders`, which are second names of what is in it, or work under way.

All is written into a hidden folder beside the archive and gets its name when it was read back: whoever kills it leaves
no archive, never half of one. The next backup into that place clears such a folder away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bot import __version__
from bot.errors import (
    NO_ROOM,
    BackupFailed,
    BadBackup,
    DatabaseCorrupt,
    DiskFull,
    NotFound,
    ReelbotError,
    SchemaTooNew,
    UsageError,
)
from bot.ports import MediaStore
from storage import schema
from storage.archive import CHUNK_BYTES, DATABASE, KEY, ArchiveWriter, Content, Manifest, moment
from storage.database import unwatched
from storage.durable import sync_directory
from storage.origin import COPIED_AT, GENERATION, INSTALLATION_ID
from storage.sqlite import corruption_sentence

UNFINISHED = ".reelbot-part"
"""How the hidden folders end in which archives come into being."""
STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's machine: so often a copy looks whether it is still wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was made."""

    path: Path
    size_bytes: int
    manifest: Manifest


async def write_backup(
    target: Path,
    *,
    database: Path,
    media: MediaStore | None,
    key: str | None = None,
    now: datetime,
    watch: Callable[[str], None] = unwatched,
) -> Backup:
    """Write an archive that was not there before, complete, verified and on the disk, readable by its owner alone.

    `media`: `None` leaves pictures and clips out. `key`: the secret key, if it is to be in it. `watch` is told what has
    just been done. Raises `UsageError` when the place cannot be used, `NotFound` without a database, `DiskFull`,
    `DatabaseCorrupt`, `SchemaTooNew`, and `BackupFailed` for all else; then nothing is left behind.
    """
    _require_free(target)
    _require_readable(database)
    try:
        with _unfinished(target) as folder:
            watch("begun")
            copy = folder / "database"
            manifest = await _copied(database, copy, now)
            if key is not None:
                manifest = replace(manifest, key=_content_of(key.encode()))
            if media is None:
                manifest = replace(manifest, with_media=False, media=())
            watch("database copied")
            archive = folder / "archive"
            with _own_file(archive) as file:
                manifest = await _filled(file, manifest, copy, media, key, watch)
            watch("sealed")
            size = archive.stat().st_size
            await asyncio.to_thread(_give_name, archive, target)
            watch("named")
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(f"The disk of {target} is full; no backup was made. Free some space.") from error
        raise BackupFailed(f"No backup could be written to {target} ({error.strerror or error}).") from error
    return Backup(path=target, size_bytes=size, manifest=manifest)


async def _filled(
    file: BinaryIO,
    manifest: Manifest,
    copy: Path,
    media: MediaStore | None,
    key: str | None,
    watch: Callable[[str], None],
) -> Manifest:
    writer = await asyncio.to_thread(ArchiveWriter, file, manifest)
    await asyncio.to_thread(_write_database, writer, manifest.database, copy)
    if key is not None:
        _write_key(writer, key.encode())
    watch("database written")
    kept: list[tuple[str, int]] = []
    missing: list[str] = []
    for asset_id, size_bytes in manifest.media:
        is_whole = media is not None and await _write_file(writer, media, asset_id, size_bytes)
        if is_whole:
            kept.append((asset_id, size_bytes))
        else:
            missing.append(asset_id)
        watch("file written")
    manifest = replace(manifest, media=tuple(kept), missing=tuple(missing))
    try:
        await asyncio.to_thread(writer.finish, manifest)
    except BadBackup as error:
        raise BackupFailed(f"What was written could not be read back: it {error} Look after that disk.") from error
    return manifest


async def _write_file(writer: ArchiveWriter, media: MediaStore, asset_id: str, size_bytes: int) -> bool:
    """One picture or clip; `False`, and nothing written, when the store has not these very bytes any more."""
    start, digest, written = await asyncio.to_thread(writer.begin, f"media/{asset_id}", size_bytes), hashlib.sha256(), 0
    try:
        async for piece in media.read(asset_id, start=0, end=size_bytes):
            digest.update(piece)
            written += len(piece)
            await asyncio.to_thread(writer.write, piece)
    except NotFound:
        written = -1
    except (ReelbotError, OSError):
        raise
    except Exception as error:
        # An object store has errors of its own; without its answer nobody can say what is missing.
        raise BackupFailed(f"No backup was made: the media store did not give a file ({error}).") from error
    if written != size_bytes or digest.hexdigest() != asset_id:
        await asyncio.to_thread(writer.take_back, start)
        return False
    await asyncio.to_thread(writer.end, size_bytes)
    return True


def _write_database(writer: ArchiveWriter, content: Content, copy: Path) -> None:
    writer.begin(DATABASE, content.size_bytes)
    with copy.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK_BYTES):
            writer.write(piece)
    writer.end(content.size_bytes)
    copy.unlink()


def _write_key(writer: ArchiveWriter, key: bytes) -> None:
    writer.begin(KEY, len(key))
    writer.write(key)
    writer.end(len(key))


# --- the database -------------------------------------------------------------------------------------------------


async def _copied(database: Path, copy: Path, now: datetime) -> Manifest:
    """Copy it, and say what the copy holds. Cancelled, it stops within a moment."""
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_copy, database, copy, now, stop)
    except asyncio.CancelledError:
        stop.set()
        raise


def _copy(database: Path, copy: Path, now: datetime, stop: threading.Event) -> Manifest:
    with _sqlite_errors(database), _connected(f"{database.absolute().as_uri()}?mode=ro", stop) as source:
        source.execute("VACUUM INTO ?", (str(copy),))
    with _sqlite_errors(database), _connected(copy.absolute().as_uri(), stop) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        fault = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if fault != "ok":
            raise DatabaseCorrupt(corruption_sentence(database))
        # The copy says what it is, however it comes back: out of this archive by `restore`, or by hand.
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (COPIED_AT, moment(now)))
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        jobs = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
        files = connection.execute("SELECT id, size_bytes FROM assets ORDER BY id").fetchall()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Manifest(
        reelbot=__version__,
        schema=str(revision),
        installation_id=meta.get(INSTALLATION_ID),
        generation=int(meta.get(GENERATION, 0)),
        created_at=now,
        jobs=int(jobs),
        database=Content(sha256=digest, size_bytes=copy.stat().st_size),
        key=None,
        with_media=True,
        media=tuple((str(asset_id), int(size_bytes)) for asset_id, size_bytes in files),
        missing=(),
    )


@contextmanager
def _connected(uri: str, stop: threading.Event) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None)
    connection.set_progress_handler(lambda: int(stop.is_set()), STEPS_BETWEEN_LOOKS)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _sqlite_errors(database: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "disk is full" in text:
            raise DiskFull(f"No room is left to copy {database}; no backup was made. Free some space.") from error
        if "malformed" in text or "not a database" in text:
            raise DatabaseCorrupt(corruption_sentence(database)) from error
        raise BackupFailed(f"No backup was made: the database could not be copied ({text}).") from error


# --- the place ----------------------------------------------------------------------------------------------------


def _require_free(target: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already, and a backup never replaces anything; give another name.")
    if not target.parent.is_dir():
        raise UsageError(f"There is no directory {target.parent}; make it first, or name another file.")


def _require_readable(database: Path) -> None:
    revision = schema.current_revision(database)
    if revision is None:
        raise NotFound(f"There is no database at {database}; nothing was made here yet that could be backed up.")
    if revision not in schema.known_revisions():
        raise SchemaTooNew(
            f"The database {database} was written by a newer Reelbot (schema {revision}; this one knows up to "
            f"{schema.HEAD}); make the backup with that version."
        )


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A folder beside `target` that is gone in the end, however it ends, and that nobody takes for abandoned meanwhile."""
    _clear_abandoned(target.parent)
    folder = target.parent / f".{target.name}.{secrets.token_hex(4)}{UNFINISHED}"
    folder.mkdir(mode=0o700)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _clear_abandoned(place: Path) -> None:
    for folder in place.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError):
            lock = os.open(folder, os.O_RDONLY)
            try:
                # The kernel lets go of it when its process ends: whoever still holds it is at work.
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)


def _own_file(path: Path) -> BinaryIO:
    return open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")


def _give_name(archive: Path, target: Path) -> None:
    """The finished file gets its name at once, and never in the place of another."""
    try:
        os.link(archive, target)
    except FileExistsError as error:
        raise UsageError(f"{target} was made by somebody else meanwhile; give another name.") from error
    except OSError:
        # Some file systems know no second names.
        _require_free(target)
        os.rename(archive, target)
    sync_directory(target.parent)


def _content_of(content: bytes) -> Content:
    return Content(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
