"""Bringing a PostgreSQL database to this version's schema: made, upgraded in place, or refused.

Several processes may start at once, and processes of the version before may still be running: one upgrades while the
others wait, and a migration only adds (decision 0044). A migration that processes of earlier versions can live with
leaves `serves` in `meta` as it is: the oldest schema whose processes may still start on this one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from bot.errors import ConfigurationError, DatabaseUnavailable, SchemaTooNew
from storage.postgres import connect_args, server_url
from storage.schema import HEAD, known_revisions, upgrade_to_head

OLDEST_SERVER = 15
SERVES, SERVES_FROM = "schema.serves", "0007"
"""Processes that know a schema from this one on can work with the one we write."""
_UPGRADING = "SELECT pg_advisory_xact_lock(7309, -1)"


def prepare_server(url: str) -> str | None:
    """Make the database at `url` ready for this version; returns the schema it had, `None` for an empty one.

    Raises `SchemaTooNew` when a newer Reelbot wrote it and this one cannot work with that; `ConfigurationError` when the
    server is too old, or our user may not create tables; `DatabaseUnavailable` when it does not answer.
    """
    with _connected(url) as connection, connection.begin():
        connection.exec_driver_sql(_UPGRADING)
        found = _revision(connection)
        if found == HEAD:
            return found
        if found is not None and found not in known_revisions():
            if not _still_serves(connection):
                raise SchemaTooNew(
                    f"The database was written by a newer Reelbot (schema {found}; this one knows up to {HEAD}). "
                    f"Start that version, or restore a backup made before the upgrade."
                )
            return found
        if found is None:
            _require_usable(connection)
        upgrade_to_head(connection)
        connection.execute(sa.text("DELETE FROM meta WHERE key = :key"), {"key": SERVES})
        connection.execute(
            sa.text("INSERT INTO meta (key, value) VALUES (:key, :value)"), {"key": SERVES, "value": SERVES_FROM}
        )
    return found


def server_revision(url: str) -> str | None:
    """The schema the database has; `None` for an empty one."""
    with _connected(url) as connection:
        return _revision(connection)


def fit(connection: sa.Connection) -> tuple[str | None, bool]:
    """The schema the database has, and whether this version can work with it."""
    found = _revision(connection)
    return found, found == HEAD or _still_serves(connection)


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(server_url(url), poolclass=NullPool, connect_args=connect_args("schema"))
    try:
        try:
            connection = engine.connect()
        except sa.exc.OperationalError as error:
            raise _unreachable(error) from error
        with connection:
            yield connection
    finally:
        engine.dispose()


def _unreachable(error: sa.exc.OperationalError) -> Exception:
    """What kept us from connecting, without the address, which may hold a password."""
    state = getattr(error.orig, "sqlstate", None)
    text = " ".join(str(error.orig).split())
    for sign, why in (
        ("password authentication failed", "it does not accept the user name or the password"),
        ("no password supplied", "it wants a password"),
        ("does not exist", "the database or the user does not exist there"),
        ("no pg_hba.conf entry", "it does not let this machine in (pg_hba.conf)"),
    ):
        if sign in text or (state or "")[:2] == "28":
            return ConfigurationError(f"PostgreSQL cannot be used: {why}. Look at REELBOT_DATABASE_URL.")
    return DatabaseUnavailable()


def _revision(connection: sa.Connection) -> str | None:
    if connection.execute(sa.text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def _still_serves(connection: sa.Connection) -> bool:
    if connection.execute(sa.text("SELECT to_regclass('meta')")).scalar() is None:
        return False
    oldest = connection.execute(sa.text("SELECT value FROM meta WHERE key = :key"), {"key": SERVES}).scalar()
    return oldest is not None and str(oldest) <= HEAD


def _require_usable(connection: sa.Connection) -> None:
    version = int(connection.execute(sa.text("SHOW server_version_num")).scalar_one()) // 10_000
    if version < OLDEST_SERVER:
        raise ConfigurationError(f"Reelbot needs PostgreSQL {OLDEST_SERVER} or newer; this server is {version}.")
    encoding = connection.execute(sa.text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise ConfigurationError(f"The database must be in UTF8; this one is in {encoding}. Create another one.")
    may = sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
    if not connection.execute(may).scalar():
        raise ConfigurationError("Our user may not create tables there; make it the owner of the database.")
