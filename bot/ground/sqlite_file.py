"""What an SQLite file says of itself before anybody opens it as the database: read only, whatever its schema is."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from bot.errors import ConfigurationError
from storage.origin import moved_to


def refuse_moved(path: Path) -> None:
    """Raise `ConfigurationError` where the installation lives elsewhere by now."""
    if (where := _moved_to(path)) is not None:
        raise ConfigurationError(
            f"This installation was moved to {where}. Set REELBOT_DATABASE_URL to that database; what lies in "
            f"{path.parent} is only a copy of how it was then."
        )


def is_lived_in(path: Path) -> bool:
    """Whether it has jobs, and was never moved elsewhere."""
    if not path.is_file() or _moved_to(path) is not None:
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT 1 FROM jobs LIMIT 1").fetchone() is not None
    except sqlite3.Error:
        return False


def _moved_to(path: Path) -> str | None:
    """`None` also of a file that is not there yet, has no `meta`, or is no database: whoever opens it says so."""
    try:
        return moved_to(path) if path.is_file() else None
    except sqlite3.Error:
        return None
