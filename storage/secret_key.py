"""The installation's secret key where no setting names one: made once, kept in the data directory."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from pathlib import Path

import structlog

from bot.errors import ConfigurationError
from bot.keys import KeyRing, read_keys
from storage.durable import sync_directory

log = structlog.get_logger(__name__)

KEY_FILE = "secret-key"


def load_keys(setting: str | None, data_dir: Path) -> KeyRing:
    """The keys of `REELBOT_SECRET_KEY`, else those of the file `secret-key` in the data directory, made when missing.

    The file is readable by its owner alone, and on the disk before anything is signed with it; of two processes that
    start at once, one makes it and both use it. It may hold several keys, separated by commas, like the setting.
    Raises `ConfigurationError` in one sentence when a key is too short or the file cannot be read or made; one that
    others can read is warned about.
    """
    if setting is not None:
        return read_keys(setting, name="REELBOT_SECRET_KEY")
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        text = path.read_text(encoding="ascii")
        readable_by_others = stat.S_IMODE(path.stat().st_mode) & 0o077
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is not plain text"
        raise ConfigurationError(
            f"The secret key {path} cannot be read or made ({why}); give the file to the user Reelbot runs as, "
            f"or set REELBOT_SECRET_KEY."
        ) from error
    if readable_by_others:
        log.warning("secret_key.readable_by_others", file=str(path), fix=f"chmod 600 {path}")
    return read_keys(text, name=f"The file {path}")


def _make(path: Path) -> None:
    """32 random bytes, complete and durable before they have their name; whoever was first stays."""
    descriptor, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        # A link is refused where the name is taken: a second process must not replace what the first signs with.
        with contextlib.suppress(FileExistsError):
            os.link(half, path)
    finally:
        os.unlink(half)
    sync_directory(path.parent)
