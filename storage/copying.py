"""Moving an installation from SQLite to PostgreSQL, so that it lives in one of the two at every moment, never in both.

    1  the target gets a mark that nothing starts on       (a kill here: the source goes on, the copy begins anew)
    2  files are carried over, then all rows in one transaction
    3  both sides are compared, row by row
    4  the source gets a mark that nothing starts on       (a kill here: neither starts; the same command begins anew)
    5  the target's mark goes

Whatever is raised before the end takes the source's mark away again. The first start of the target is held
(`storage.held`): people may have been told something by the source right before it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from bot.errors import ConfigurationError
from storage import copying_source as at_source
from storage import copying_target as at_target
from storage import schema, tables
from storage.archive import moment
from storage.copying_media import Carried
from storage.copying_proof import Books, Proof, books_of, prove, require_balanced
from storage.copying_rows import STREAMED, clear, fill, lock, require_storable
from storage.copying_source import Moved
from storage.copying_target import Copying
from storage.database import unwatched
from storage.schema_postgres import server_revision

COPIED_FROM = "SQLite"
Files = Iterator[tuple[str, int]]
"""Ids and sizes of what rows name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What was moved."""

    at: str
    installation: str | None
    backup: Path | None
    """Made because the source had an older schema."""
    proof: Proof
    files: Carried


def copy_installation(
    path: Path,
    url: str,
    *,
    prepare: Callable[[str], object],
    check: Callable[[Path], None],
    carry: Callable[[Files, str | None], Carried],
    now: datetime,
    drop_nul: bool = False,
    patience_s: float = at_source.PATIENCE_S,
    watch: Callable[[str], None] = unwatched,
) -> Copied:
    """Move the installation of the SQLite database at `path` into the empty PostgreSQL database at `url`.

    The caller holds the lock of the data directory. `prepare` makes the schema; `check` looks at the source, and raises
    what speaks against it; `carry` brings the files that rows name, and is told which installation they belong to.
    `drop_nul`: U+0000 is left out of texts instead of being refused.

    Raises `AlreadyRunning` when anything else works with either database, or wrote while it was copied; `NotEmpty`;
    `UsageError` for a row that PostgreSQL cannot hold; `ConfigurationError` for a database that was moved already, and
    for what is wrong with either; `DatabaseUnavailable`; `CopyDiffers`. Then the source is as it was.
    """
    server_revision(url)  # says best what is wrong with an address
    _require_not_moved(path, url)
    at_source.require_alone(path, patience_s=patience_s)
    backup = schema.prepare(path)
    at_source.require_whole(path)
    check(path)
    with _books(path, drop_nul=drop_nul) as (source, installation, books):
        what = Copying(of=installation, at=moment(now))
        with at_target.connected(url) as target:
            at_target.require_empty(target, installation)
        prepare(url)
        with at_target.reserved(url):
            _begin(url, what)
            watch("begun")
            assets = tables.assets.c
            named = sa.select(assets.id, assets.size_bytes).order_by(assets.id)
            rows = source.execute(named, execution_options=STREAMED)
            files = carry(((row.id, row.size_bytes) for row in rows), installation)
            watch("files carried")
            _fill(source, url, what, drop_nul=drop_nul, watch=watch)
            watch("filled")
            with at_target.connected(url) as target:
                target.execution_options(isolation_level="REPEATABLE READ")
                proof = prove(source, target, books, drop_nul=drop_nul)
            watch("proven")
            at_source.mark_moved(source, Moved(to=at_target.shown(url), at=what.at))
    try:
        watch("marked")
        # Whoever had it open before the mark would go on with it.
        at_source.require_alone(path, patience_s=patience_s)
        _release(url)
    except BaseException:
        _unless_released(path, url)
        raise
    watch("released")
    return Copied(at=what.at, installation=installation, backup=backup, proof=proof, files=files)


def undo(path: Path, url: str) -> None:
    """The installation lives in `path` again, and nothing can start on the copy. Only while nothing ever did.

    Raises `ConfigurationError` when it was not moved, or not there, or was started there since; `AlreadyRunning` while
    it runs there; `DatabaseUnavailable`. Then nothing was changed.
    """
    found = at_source.moved(path)
    if found is None:
        raise ConfigurationError("This database was not moved: there is nothing to take back.")
    if found.to != at_target.shown(url):
        raise ConfigurationError(f"It was moved to {found.to}, and only from there it can be taken back.")
    server_revision(url)
    with at_source.seen(path) as source:
        installation = at_source.installation_of(source)
    at_target.take_back(url, Copying(of=installation, at=found.at))
    at_source.unmark(path)


def _require_not_moved(path: Path, url: str) -> None:
    """A copy that was cut short between the two marks was never started, and begins anew."""
    found = at_source.moved(path)
    if found is None:
        return
    if found.to == at_target.shown(url):
        begun = at_target.unfinished_copy(url)
        if begun is not None and begun.at == found.at:
            at_source.unmark(path)
    at_source.require_lives_here(path)


@contextmanager
def _books(path: Path, *, drop_nul: bool) -> Iterator[tuple[sa.Connection, str | None, Books]]:
    """A view of the source, which installation it is, and its ledger; refused where something cannot be moved."""
    with at_source.seen(path) as source:
        books = books_of(source)
        require_balanced(books)
        if not drop_nul:
            require_storable(source)
        yield source, at_source.installation_of(source), books


def _begin(url: str, what: Copying) -> None:
    with at_target.connected(url) as target, target.begin():
        if at_target.copying(target) is None:
            at_target.require_no_rows(target)
        else:
            clear(target)
        at_target.set_copying(target, what)


def _fill(source: sa.Connection, url: str, what: Copying, *, drop_nul: bool, watch: Callable[[str], None]) -> None:
    with at_target.connected(url) as target, target.begin():
        lock(target)
        at_target.require_no_rows(target)
        fill(source, target, drop_nul=drop_nul, half=lambda: watch("half"))
        at_target.say_copied(target, at=what.at, source=COPIED_FROM)


def _release(url: str) -> None:
    with at_target.reserved(url), at_target.connected(url) as target, target.begin():
        at_target.end_copying(target)


def _unless_released(path: Path, url: str) -> None:
    """Take the source's mark away where the target's still stands. Where nobody can tell, both stay."""
    if at_target.unfinished_copy(url) is not None:
        at_source.unmark(path)
