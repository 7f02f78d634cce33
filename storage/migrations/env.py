"""Alembic's entry: one SQLite file, upgraded in one transaction (batch mode, because SQLite cannot alter much)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context

from storage.tables import metadata

path = context.config.attributes["path"]
engine = sa.create_engine(f"sqlite:///{path}")


@sa.event.listens_for(engine, "connect")
def set_up(connection: Any, _record: Any) -> None:
    """We begin transactions ourselves, so that a failed migration leaves nothing behind."""
    connection.isolation_level = None
    connection.execute("PRAGMA busy_timeout = 10000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


@sa.event.listens_for(engine, "begin")
def begin(connection: sa.Connection) -> None:
    """Immediate: two processes starting at once upgrade one after the other."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
