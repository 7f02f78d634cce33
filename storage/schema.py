"""Bringing the database file to this version's schema: created, upgraded after a backup, or refused.

Alembic is imported only when there is something to do.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import DatabaseCorrupt, SchemaTooNew
from storage.sqlite import corruption_sentence

if TYPE_CHECKING:
    import sqlalchemy as sa

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0007"
"""The newest revision; a test compares it with Alembic's own idea."""
KEPT_BACKUPS = 5


def prepare(path: Path) -> Path | None:
    """Make the file at `path` ready for this version. Returns the backup made before a migration, if one was.

    Raises `SchemaTooNew` when a newer Reelbot wrote it and `DatabaseCorrupt` when it is damaged; both leave it untouched.
    """
    revision = current_revision(path)
    if revision == HEAD:
        return None
    if revision is not None and revision not in known_revisions():
        raise SchemaTooNew(
            f"The database {path} was written by a newer Reelbot (schema {revision}; this one knows up to {HEAD}). "
            f"Install that version again, or restore a backup made before the upgrade."
        )
    backup = backup_before_migration(path) if revision is not None else None
    _upgrade(path=path)
    return backup


def current_revision(path: Path) -> str | None:
    """The schema the file has; `None` for a new one. Raises `DatabaseCorrupt`."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    try:
        connection = sqlite3.connect(path, timeout=10)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
            found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            if found is None:
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise
        raise DatabaseCorrupt(corruption_sentence(path)) from error


def known_revisions() -> set[str]:
    """Every revision this version can upgrade from."""
    return {file.name.partition("_")[0] for file in (MIGRATIONS / "versions").glob("[0-9]*.py")}


def backup_before_migration(path: Path) -> Path:
    """A consistent copy beside the database, made before its schema changes; the newest few are kept."""
    folder = path.parent / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.db"
    connection = sqlite3.connect(path, timeout=10)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    finally:
        connection.close()
    for old in sorted(folder.glob(f"{path.stem}-*.db"))[:-KEPT_BACKUPS]:
        old.unlink()
    return target


def upgrade_to_head(connection: sa.Connection) -> None:
    """Carry out every migration that is missing, inside the caller's transaction."""
    _upgrade(connection=connection)


def _upgrade(**on: object) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes.update(on)
    command.upgrade(config, "head")


def check_integrity(path: Path) -> str | None:
    """What SQLite finds wrong with the file; `None` when nothing."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        return None if found == "ok" else found
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()
