"""`reelbot backup` and `restore`: everything in one file, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from bot.cli.output import show

if TYPE_CHECKING:
    from bot.settings import Settings
    from storage.archive import Manifest

Flag = Annotated[bool, Parameter(negative=())]


async def backup(file: Path, *, no_media: Flag = False, with_key: Flag = False, json: Flag = False) -> int:
    """Copy everything into one file, also while Reelbot runs: the database, pictures and clips.

    The file must not be there yet. It is read back before it gets its name, and only you can read it.

    Parameters
    ----------
    file
        Where to put it; a tar.
    no_media
        Leave pictures and clips out.
    with_key
        Put the secret key in, too: whoever has the file can then make links that this Reelbot takes for its own.
    json
        Print the outcome as JSON.
    """
    from bot.clock import SystemClock
    from storage.backup import write_backup
    from storage.media_store import ObjectMediaStore
    from storage.restore import DATABASE_FILE
    from storage.secret_key import KEY_FILE

    settings = _settings()
    folder = settings.data_dir
    key = _key(settings, folder / KEY_FILE) if with_key else None
    made = await write_backup(
        file.absolute(),
        database=folder / DATABASE_FILE,
        media=None if no_media else ObjectMediaStore(settings.media_url or (folder / "media").as_uri()),
        key=key,
        now=SystemClock().now(),
    )
    manifest = made.manifest
    document = _document(manifest) | {"file": str(made.path), "bytes": made.size_bytes}
    show(document, as_json=json, text=f"Backed up to {made.path}: {_counted(manifest)}.{_missing(manifest)}")
    return 0


async def restore(file: Path, *, json: Flag = False) -> int:
    """Put a backup back, into an empty data directory (REELBOT_DATA_DIR). Stop Reelbot before.

    The whole file is checked before anything is written. The first start after it is held: what waited is ended, and
    nothing is paid or posted, until `reelbot resume`.

    Parameters
    ----------
    file
        What `reelbot backup` made.
    json
        Print the outcome as JSON.
    """
    from storage.media_store import ObjectMediaStore
    from storage.restore import restore_backup

    settings = _settings()
    folder = settings.data_dir
    media = ObjectMediaStore(settings.media_url or (folder / "media").as_uri())
    done = await restore_backup(file.absolute(), data_dir=folder, media=media, alone=_alone_in(folder))
    manifest = done.manifest
    text = f"Restored to {folder}: {_counted(manifest)}.{_missing(manifest)}"
    if done.key == "kept":
        text += f"\nThe secret key that lay in {folder} was kept; the one in the backup was not used."
    text += (
        "\nThe next start is held: what waited when the backup was made is ended, and nothing is paid. "
        "Look at it, then run `reelbot resume`."
    )
    document = _document(manifest) | {"data_dir": str(folder), "key": done.key, "held": True}
    show(document, as_json=json, text=text)
    return 0


def _settings() -> Settings:
    from bot.errors import ConfigurationError
    from bot.settings import load_settings
    from bot.settings.describe import secrets
    from bot.telemetry.logs import set_up_logs

    settings = load_settings()
    if settings.database_url:
        raise ConfigurationError(
            "Only the SQLite database in REELBOT_DATA_DIR is backed up and restored; unset REELBOT_DATABASE_URL, "
            "or use PostgreSQL's own tools."
        )
    set_up_logs(level="warning", shape=settings.log.format, secrets=secrets(settings))
    return settings


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """The data directory, made where there is none, and locked: nothing else begins there meanwhile."""
    from adapters.engine.lock import EngineLock
    from bot.errors import AlreadyRunning
    from storage import data_dir

    lock = EngineLock(data_dir.prepare(folder), "restore")
    if not lock.acquire():
        raise AlreadyRunning(f"Another process works on {folder}; stop it first.")
    try:
        yield
    finally:
        lock.release()


def _key(settings: Settings, file: Path) -> str | None:
    """The one in force: of the setting, else of the data directory. `None` where none was made yet."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return file.read_text(encoding="ascii") if file.exists() else None


def _document(manifest: Manifest) -> dict[str, object]:
    from storage.archive import moment

    return {
        "created_at": moment(manifest.created_at),
        "installation_id": manifest.installation_id,
        "generation": manifest.generation,
        "schema": manifest.schema,
        "jobs": manifest.jobs,
        "with_media": manifest.with_media,
        "media": len(manifest.media),
        "media_bytes": manifest.media_bytes,
        "missing": list(manifest.missing),
        "with_key": manifest.key is not None,
    }


def _counted(manifest: Manifest) -> str:
    jobs = f"{manifest.jobs} job{'' if manifest.jobs == 1 else 's'}"
    if not manifest.with_media:
        return f"{jobs}, without pictures and clips"
    return f"{jobs}, {len(manifest.media)} files of theirs ({manifest.media_bytes / 1e6:.1f} MB)"


def _missing(manifest: Manifest) -> str:
    count = len(manifest.missing)
    if not count:
        return ""
    return f" {count} file{' that a row names is' if count == 1 else 's that rows name are'} no longer kept, and not in it."
