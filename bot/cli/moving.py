"""`reelbot db copy`: a whole installation from SQLite to PostgreSQL, proven, and back while it was never started there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from bot.cli.output import show, table

if TYPE_CHECKING:
    from bot.settings import Settings
    from storage.copying import Copied, Files
    from storage.copying_media import Carried

Flag = Annotated[bool, Parameter(negative=())]
ADMIN_FILE = "admin-token"


def db_copy(
    source: str,
    target: str | None = None,
    *,
    media: str | None = None,
    drop_nul: Flag = False,
    undo: Flag = False,
    json: Flag = False,
) -> int:
    """Move the installation from SQLite to PostgreSQL. Stop everything that runs on it before.

    Every row is copied and compared; pictures and clips go along to another media store. Afterwards nothing starts on the
    source any more, and the first start on the target is held: what waited is ended, and nothing is paid, until
    `reelbot resume`. Whatever goes wrong, the source goes on as it was; run the same command again.

    Parameters
    ----------
    source
        The database of the data directory, like sqlite:////srv/reelbot/reelbot.db.
    target
        An empty database, like postgresql://reelbot:…@db/reelbot; without one, REELBOT_DATABASE_URL.
    media
        Where pictures and clips shall be, like s3://bucket; without one, REELBOT_MEDIA_URL, else they stay where they are.
    drop_nul
        Leave the character U+0000, which PostgreSQL cannot keep, out of texts that hold it.
    undo
        Take it back: nothing starts on the target any more, and the source goes on. Only while the target was never
        started.
    json
        Print the outcome as JSON.
    """
    from bot.settings import load_settings
    from storage import copying, copying_source, copying_target

    settings = load_settings()
    path = copying_source.source_path(source)
    url = _target(settings, target)
    shown = copying_target.shown(url)
    if undo:
        with _alone_in(path.parent):
            copying.undo(path, url)
        text = f"{path} is the installation again; nothing starts on {shown} any more."
        show({"source": str(path), "target": shown, "undone": True}, as_json=json, text=text)
        return 0
    store = media or settings.media_url or _folder_store(path)
    keys = _Keys(settings, path)
    with _alone_in(path.parent):
        done = _copy(path, url, keys, store=store, also=settings.media_url, drop_nul=drop_nul)
    steps = [f"REELBOT_DATABASE_URL={shown}", *keys.steps(), f"REELBOT_MEDIA_URL={store}", *_admin(settings, path)]
    document = {"source": str(path), "target": shown} | _document(done, store) | {"remarks": keys.remarks}
    show(document | {"settings": steps}, as_json=json, text=_text(document, done, steps))
    return 0


def _copy(path: Path, url: str, keys: _Keys, *, store: str, also: str | None, drop_nul: bool) -> Copied:
    import asyncio

    from bot.clock import SystemClock
    from bot.ground.many_machines import prepare_database
    from storage.copying import copy_installation

    def carry(files: Files, installation: str | None) -> Carried:
        return asyncio.run(_carry(files, installation, path, store, also))

    return copy_installation(
        path, url, prepare=prepare_database, check=keys.check, carry=carry, now=SystemClock().now(), drop_nul=drop_nul
    )


async def _carry(files: Files, installation: str | None, path: Path, store: str, also: str | None) -> Carried:
    """From the data directory, and from where the settings say that files are."""
    from storage.copying_media import carry, require_own_store
    from storage.media_store import ObjectMediaStore

    own, to = _folder_store(path), ObjectMediaStore(store)
    others = dict.fromkeys(each.rstrip("/") for each in (own, also) if each is not None)
    stores = [ObjectMediaStore(each) for each in others if each != store.rstrip("/")]
    if store.rstrip("/") != own:
        await require_own_store(to, installation)
    scratch = path.parent / "scratch"
    scratch.mkdir(mode=0o700, exist_ok=True)
    return await carry(files, stores=stores, to=to, folder=scratch)


class _Keys:
    """The key that the target will have, and whether it is the installation's."""

    def __init__(self, settings: Settings, path: Path) -> None:
        from bot.keys import read_keys
        from storage.secret_key import KEY_FILE

        self.remarks: list[str] = []
        self._file = path.parent / KEY_FILE
        self._of_file = read_keys(_read(self._file), name=f"The file {self._file}") if self._file.exists() else None
        chosen = settings.secret_key
        self._of_setting = read_keys(chosen.get_secret_value(), name="REELBOT_SECRET_KEY") if chosen else None

    def steps(self) -> list[str]:
        """What to set, where nothing is set yet."""
        return [f"REELBOT_SECRET_KEY_FILE={self._file}"] if self._of_setting is None and self._of_file else []

    def check(self, path: Path) -> None:
        """Raise `ConfigurationError` when the target could not open what the source can, or nobody opens anything."""
        import asyncio

        from bot.errors import ConfigurationError
        from storage.copying_source import sealed

        found = asyncio.run(sealed(path, self._of_setting or self._of_file))
        by_file = asyncio.run(sealed(path, self._of_file)).closed
        if self._of_setting is not None and (lost := found.closed - by_file):
            raise ConfigurationError(
                f"REELBOT_SECRET_KEY is not the key of this installation: it does not open the access that {_few(lost)} gave. "
                f"Set REELBOT_SECRET_KEY_FILE={self._file} instead, or put that key behind yours and a comma. Nothing was "
                f"copied."
            )
        if found.total and len(found.closed) == found.total:
            raise ConfigurationError(
                f"No key that is known here opens the access that {_few(found.closed)} gave: set REELBOT_SECRET_KEY to the key "
                f"this installation has run with. Nothing was copied."
            )
        if found.closed:
            self.remarks.append(f"The access that {_few(found.closed)} gave cannot be opened, and could not before.")
        if not found.total and self._differs():
            self.remarks.append(
                f"REELBOT_SECRET_KEY is another key than the one in {self._file}. If Reelbot ran with that one, put it behind "
                f"yours and a comma: links that were handed out, and sessions, would end."
            )

    def _differs(self) -> bool:
        if self._of_setting is None or self._of_file is None:
            return False
        return not set(self._of_file.secrets()) <= set(self._of_setting.secrets())


def _read(file: Path) -> str:
    from bot.errors import ConfigurationError

    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The secret key {file} cannot be read: run this as the user Reelbot runs as."
        ) from error


def _few(places: frozenset[str]) -> str:
    named = sorted(places)
    return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")


def _target(settings: Settings, target: str | None) -> str:
    from bot.errors import UsageError
    from bot.settings.describe import secrets
    from bot.telemetry.logs import set_up_logs
    from storage.postgres import secrets_in, server_url

    chosen = target or (settings.database_url.get_secret_value() if settings.database_url else None)
    if chosen is None:
        raise UsageError(
            "Say where to: TARGET, or REELBOT_DATABASE_URL, is an address like postgresql://reelbot:…@db/reelbot."
        )
    try:
        server_url(chosen)
    except ValueError as error:
        raise UsageError(f"TARGET {error}: an installation is moved from SQLite to PostgreSQL.") from error
    set_up_logs(level="warning", shape=settings.log.format, secrets=[*secrets(settings), *secrets_in(chosen)])
    return chosen


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """No engine runs on the data directory, and none begins."""
    from adapters.engine.lock import EngineLock
    from bot.errors import AlreadyRunning
    from storage import data_dir

    lock = EngineLock(data_dir.prepare(folder), "run")
    if not lock.acquire():
        holder = lock.holder()
        who = f" (process {holder.pid})" if holder is not None else ""
        raise AlreadyRunning(f"Reelbot runs on {folder}{who}: stop it first. Nothing was moved.")
    try:
        yield
    finally:
        lock.release()


def _folder_store(path: Path) -> str:
    return (path.parent / "media").as_uri()


def _admin(settings: Settings, path: Path) -> list[str]:
    """Every web process asks for the same token."""
    file = path.parent / ADMIN_FILE
    return [f"REELBOT_WEB__ADMIN_TOKEN_FILE={file}"] if settings.web.admin_token is None and file.exists() else []


def _document(done: Copied, store: str) -> dict[str, Any]:
    proof = done.proof
    return {
        "copied_at": done.at,
        "installation_id": done.installation,
        "backup": str(done.backup) if done.backup else None,
        "held": True,
        "tables": {name: {"source": there, "target": here} for name, (there, here) in proof.rows.items()},
        "unfinished": proof.unfinished,
        "indexed": proof.indexed,
        "ledger": {
            side: {
                "entries": books.entries,
                "sums": len(books.sums),
                "unequal_sums": [list(each) for each in books.unequal],
                "held_usd": books.held.to_usd(),
                "charged_usd": books.charged.to_usd(),
            }
            for side, books in (("source", proof.source), ("target", proof.target))
        },
        "media": {
            "store": store,
            "copied": done.files.copied,
            "copied_bytes": done.files.copied_bytes,
            "there": done.files.there,
            "missing": list(done.files.missing),
            "damaged": list(done.files.damaged),
        },
    }


def _text(document: dict[str, Any], done: Copied, steps: list[str]) -> str:
    files, books, unfinished = done.files, done.proof.target, done.proof.unfinished
    rows = [[name, str(there), str(here)] for name, (there, here) in done.proof.rows.items() if there or here]
    lines = [f"Moved from {document['source']} to {document['target']}; every row was compared.", ""]
    lines += [table(["table", "source", "target"], rows)] if rows else []
    lines += [
        "",
        f"Ledger: {books.entries} entries, {len(books.sums)} sums, equal on both sides; held {books.held.to_usd()} USD, charged "
        f"{books.charged.to_usd()} USD.",
        "Unfinished: " + (", ".join(f"{count} {state}" for state, count in unfinished.items()) or "nothing") + ".",
        f"Pictures and clips in {document['media']['store']}: {files.copied} copied ({files.copied_bytes / 1e6:.1f} MB), "
        f"{files.there} there already, {len(files.missing)} missing, {len(files.damaged)} damaged.",
        *(f"Missing: {each}" for each in files.missing[:10]),
        *(f"Damaged: {each}" for each in files.damaged[:10]),
        *document["remarks"],
        "",
        "Set this for every process (the address with its password):",
        *(f"  {each}" for each in steps),
        "Then start it. The first start is held: what waited is ended, and nothing is paid. Look at it, then run "
        "`reelbot resume`.",
    ]
    return "\n".join(lines)
