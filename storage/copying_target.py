"""The PostgreSQL database that is moved into: empty before, nobody's while it is filled, and the installation's after.

A row of `meta` says that it holds the beginning of a copy, from before the first row is written until the source is
marked as moved. Nothing starts on such a database; the next copy of the same installation clears it and begins anew.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bot.errors import AlreadyRunning, ConfigurationError, DatabaseUnavailable, DiskFull, NotEmpty
from storage import tables
from storage.origin import COPIED_AT, COPIED_FROM, INSTALLATION_ID, put_meta
from storage.postgres import connect_args, server_url

COPYING = "copying"
APPLICATION = "reelbot copy"
PATIENCE_S = 2.0
"""The server shows a connection for a moment after it was closed."""
_ONE_AT_A_TIME = "SELECT pg_try_advisory_lock(7309, -3)"
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    f"AND starts_with(application_name, 'reelbot ') AND application_name NOT IN ('{APPLICATION}', 'reelbot schema')"
)
_SESSION = "-c timezone=UTC -c jit=off -c synchronous_commit=on"
"""Rows and views take as long as there are many: the usual limits of a transaction do not fit."""
_meta = tables.meta
_OWN = tuple(table for table in tables.metadata.sorted_tables if table is not _meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copying:
    """Which copy a database holds the beginning of."""

    of: str | None
    """The installation's id."""
    at: str
    """The moment that the copy carries."""


def shown(url: str) -> str:
    """The address without anything secret."""
    found = server_url(url)
    query = {name: value for name, value in found.query.items() if name not in ("password", "sslpassword")}
    bare = sa.URL.create("postgresql", found.username, None, found.host, found.port, found.database, query)
    return bare.render_as_string()


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    """A connection for long work. What an operator can act on is said in one sentence."""
    options = connect_args("copy") | {"application_name": APPLICATION, "options": _SESSION}
    engine = sa.create_engine(server_url(url), poolclass=NullPool, connect_args=options)
    try:
        with _translated(), engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        driver = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(driver, "sqlstate", None) or ""
        if state in ("53100", "53200"):
            raise DiskFull("The disk of PostgreSQL is full; nothing was moved. Make room there.") from error
        if state[:2] == "22" or state[:2] == "23" or state == "54000":
            said = getattr(getattr(driver, "diag", None), "message_primary", None) or state
            raise ConfigurationError(f"PostgreSQL does not take what is stored ({said}); nothing was moved.") from error
        if isinstance(driver, (psycopg.OperationalError, psycopg.InterfaceError)):
            raise DatabaseUnavailable from error
        raise


@contextmanager
def reserved(url: str) -> Iterator[sa.Connection]:
    """Keep other copies away while the block lasts. `AlreadyRunning` when there is one, or Reelbot runs on it."""
    with connected(url) as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.exec_driver_sql(_ONE_AT_A_TIME).scalar():
            raise AlreadyRunning("Another `reelbot db copy` works on that PostgreSQL database at this moment.")
        require_unused(connection)
        yield connection


def require_unused(connection: sa.Connection) -> None:
    """Raise `AlreadyRunning` while processes of Reelbot are connected to it; those that end are waited for."""
    end = time.monotonic() + PATIENCE_S
    while connection.exec_driver_sql(_OTHERS).scalar():
        if time.monotonic() >= end:
            raise AlreadyRunning("Reelbot runs on that PostgreSQL database: stop it there first. Nothing was moved.")
        time.sleep(0.05)


def require_empty(connection: sa.Connection, installation: str | None) -> None:
    """Raise `NotEmpty` where anything lies, other than an unfinished copy of the same installation. Changes nothing."""
    there = set(sa.inspect(connection).get_table_names())
    if not there:
        return
    if _meta.name not in there or "alembic_version" not in there:
        raise _not_empty("holds tables of something else")
    begun = copying(connection)
    if begun is not None and begun.of == installation:
        return
    if begun is not None:
        raise _not_empty("holds the beginning of a copy of another installation")
    require_no_rows(connection, there)


def require_no_rows(connection: sa.Connection, there: set[str] | None = None) -> None:
    """Raise `NotEmpty` when one of our tables holds a row."""
    for table in _OWN:
        if there is None or table.name in there:
            row = sa.select(sa.literal(1)).select_from(table).limit(1)
            if connection.execute(row).first() is not None:
                raise _not_empty(f"holds {table.name} already")


def _not_empty(what: str) -> NotEmpty:
    return NotEmpty(
        f"That PostgreSQL database {what}, and was not touched: a copy goes into an empty one. Create another database."
    )


def copying(connection: sa.Connection) -> Copying | None:
    """Which copy it holds the beginning of; `None` for a database that is an installation's, or nobody's."""
    found = connection.execute(sa.select(_meta.c.value).where(_meta.c.key == COPYING)).scalar()
    return None if found is None else Copying(**json.loads(found))


def set_copying(connection: sa.Connection, what: Copying) -> None:
    """From now on nothing starts on it."""
    put_meta(connection, COPYING, json.dumps(asdict(what)))


def end_copying(connection: sa.Connection) -> None:
    """From now on it is an installation's."""
    connection.execute(_meta.delete().where(_meta.c.key == COPYING))


def refuse_unfinished(url: str) -> None:
    """Raise `ConfigurationError` for a database that holds only the beginning of a copy."""
    with connected(url) as connection:
        begun = copying(connection)
    if begun is not None:
        raise ConfigurationError(
            "This PostgreSQL database holds a copy that was cut short, is still going on, or was taken back: nothing "
            "starts on it. Run the same `reelbot db copy` again, to its end."
        )


def unfinished_copy(url: str) -> Copying | None:
    """The copy that was begun in it; `None` without one, and where nothing of Reelbot's lies at all."""
    with connected(url) as connection:
        if _meta.name not in sa.inspect(connection).get_table_names():
            return None
        return copying(connection)


def take_back(url: str, expected: Copying) -> None:
    """Make sure that nothing ever starts on a copy. `ConfigurationError` when it was started, or is another one.

    Harmless for a database that is empty, or that nothing starts on already.
    """
    with reserved(url), connected(url) as connection, connection.begin():
        if _meta.name not in sa.inspect(connection).get_table_names() or copying(connection) is not None:
            return
        found = {row.key: row.value for row in connection.execute(sa.select(_meta))}
        if found.get(INSTALLATION_ID) is None and COPIED_AT not in found:
            require_no_rows(connection)
            return
        if found.get(INSTALLATION_ID) != expected.of:
            raise ConfigurationError("That PostgreSQL database holds another installation; nothing was changed.")
        if found.get(COPIED_AT) != expected.at:
            raise ConfigurationError(
                "The installation was started there since, and what happened then is only there: it cannot be taken back. "
                "Nothing was changed."
            )
        set_copying(connection, expected)


def say_copied(connection: sa.Connection, *, at: str, source: str) -> None:
    """The first start holds everything (`storage.origin`)."""
    put_meta(connection, COPIED_AT, at)
    put_meta(connection, COPIED_FROM, source)
