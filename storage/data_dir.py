"""The data directory: made, checked, and refused where a database must not live."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from bot.errors import DataDirError, DiskFull
from bot.languages.said import say

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "9p", "ceph"}
)
"""SQLite's locks and its write-ahead log do not hold across a network (sqlite.org/useovernet.html)."""


def prepare(path: Path, mounts: Path = Path("/proc/self/mounts"), *, holds_database: bool = True) -> Path:
    """Make the directory (0700) if it is missing, and prove that it can be written.

    Raises `DataDirError` saying who owns it and the command that fixes it, or that it lies on a network file system
    although it `holds_database`.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise DataDirError(_cannot_write(path, error)) from error
    kind = file_system(path, mounts)
    if holds_database and kind in NETWORK_FILE_SYSTEMS:
        raise DataDirError(
            f"The data directory {path} lies on a network file system ({kind}), where SQLite loses data. "
            f"Set REELBOT_DATA_DIR to a directory on a local disk."
        )
    return path


def require_room(path: Path, min_free_mb: int) -> None:
    """Raise `DiskFull` when less than `min_free_mb` is free where `path` lies: what is under way needs the rest."""
    free = shutil.disk_usage(path).free
    if free < min_free_mb * 1_000_000:
        raise DiskFull(
            say(
                "Reelbot's disk is nearly full ({free:.0f} MB left, {kept} are kept free), so no new jobs are taken; "
                "an operator has to make room.",
                free=free / 1e6,
                kept=min_free_mb,
            )
        )


def file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The kind of file system `path` lies on, where the system tells."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    real, best, kind = path.resolve(), "", None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if real.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _cannot_write(path: Path, error: OSError) -> str:
    nearest = path
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    why = f"The data directory {path} cannot be written ({error.strerror})"
    if not nearest.is_dir():
        return f"{why}: {nearest} is not a directory. Set REELBOT_DATA_DIR to a directory of its own."
    owner = nearest.stat()
    return (
        f"{why}: {nearest} belongs to {owner.st_uid}:{owner.st_gid} and Reelbot runs as {os.getuid()}:{os.getgid()}. "
        f"Run `sudo chown -R {os.getuid()}:{os.getgid()} {nearest}`, or set REELBOT_DATA_DIR to a directory of yours."
    )
