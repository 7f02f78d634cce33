"""Alembic's entry: on a connection that is handed in, or on one SQLite file; upgraded in one transaction.

Batch mode, because SQLite cannot alter much; PostgreSQL is altered in place.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context

from storage.tables import metadata


def _migrate(connection: sa.Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


def _set_up(connection: Any, _record: Any) -> None:
    """We begin transactions ourselves, so that a failed migration leaves nothing behind."""
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: sa.Connection) -> None:
    """Immediate: two processes starting at once upgrade one after the other."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


if (given := context.config.attributes.get("connection")) is not None:
    _migrate(given)
else:
    engine = sa.create_engine(f"sqlite:///{context.config.attributes['path']}")
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    with engine.connect() as own:
        _migrate(own)
    engine.dispose()
