"""Small files and names that survive a power cut."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from bot.errors import NO_ROOM, DataDirError


def write_durably(path: Path, content: bytes) -> None:
    """A small file of our own (0600), complete and on the disk before it has its name.

    Raises `DataDirError` when it cannot be written, and the system's own error where there is no room.
    """
    try:
        descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(half, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(half)
            raise
        sync_directory(path.parent)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise DataDirError(f"{path} cannot be written ({error.strerror}).") from error


def sync_directory(folder: Path) -> None:
    """Names that were given or taken in it survive a power cut from here on."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
