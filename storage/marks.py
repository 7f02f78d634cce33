"""The mark of an installation: a few words beside what the database does not hold, saying which database belongs to it.

On one machine it lies in the data directory; with PostgreSQL in the media store that all processes share.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from bot.errors import DataDirError
from storage.durable import write_durably
from storage.media_store import ObjectMediaStore

MARK_FILE = "installation.json"
RESTORING_FILE = "restoring.json"
"""Lies in a data directory that a restore has not finished filling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What the place says."""

    installation_id: str
    generation: int
    epoch: int
    """Of an engine that ran here; the newest, or one not much older."""


class Marks(Protocol):
    """Where the mark lies."""

    place: str
    """In words, for an operator."""

    async def read(self) -> Mark | None:
        """The mark; `None` where there is none, or none that can be understood."""
        ...

    async def write(self, mark: Mark) -> None:
        """Put it there, durably. Raises what keeps it from being written."""
        ...

    async def settled(self) -> None:
        """The database is here and belongs to it."""
        ...


class FolderMarks:
    """In a data directory."""

    place = "data directory"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self) -> Mark | None:
        """From a small file."""
        return await asyncio.to_thread(read_mark, self._folder)

    async def write(self, mark: Mark) -> None:
        """Readable by its owner alone."""
        await asyncio.to_thread(write_mark, self._folder, mark)

    async def settled(self) -> None:
        """The restore that brought the database was complete."""
        (self._folder / RESTORING_FILE).unlink(missing_ok=True)


class MediaMarks:
    """In the media store."""

    place = "media store"

    def __init__(self, media: ObjectMediaStore) -> None:
        self._media = media

    async def read(self) -> Mark | None:
        """From a small object."""
        found = await self._media.note(MARK_FILE)
        return None if found is None else _understood(found.decode(errors="replace"))

    async def write(self, mark: Mark) -> None:
        """In place of what was there."""
        await self._media.set_note(MARK_FILE, json.dumps(asdict(mark)).encode())

    async def settled(self) -> None:
        """Nothing to be done."""


def read_mark(folder: Path) -> Mark | None:
    """The mark of a data directory; `None` where there is none, or none that can be understood."""
    try:
        return _understood((folder / MARK_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    except OSError as error:
        raise DataDirError(f"{folder / MARK_FILE} cannot be read ({error.strerror}).") from error


def write_mark(folder: Path, mark: Mark) -> None:
    """Put the mark there, durably, readable by its owner alone. Raises `DataDirError`; a full disk is an `OSError`."""
    write_durably(folder / MARK_FILE, json.dumps(asdict(mark)).encode())


def _understood(text: str) -> Mark | None:
    try:
        return Mark(**json.loads(text))
    except (ValueError, TypeError):
        return None
