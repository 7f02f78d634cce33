"""Rows of every table from an SQLite database into a PostgreSQL one, a batch at a time, as they are.

JSON goes over as the text it is: read and written as values, "nothing" and `null` would become the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from psycopg import sql

from bot.errors import ConfigurationError
from storage import tables
from storage.copying_texts import no_unicode, require_no_nul, texts_of
from storage.history_index import INSERT_ON_SERVER, index_entry

BATCH = 1000
"""Rows in memory at a time."""
STREAMED = {"stream_results": True, "yield_per": BATCH}
MOVED = tuple(table for table in tables.metadata.sorted_tables if table is not tables.meta)
"""In the order in which rows may name each other."""
INDEX = "jobs_fts"
_OWN_KEYS = ("copied_at", "copied_from", "moved_to", "moved_at", "copying")
"""What a database says of itself alone, in `meta`; and whatever begins with `schema.`."""

Row = tuple[Any, ...]


def fill(
    source: sa.Connection, target: sa.Connection, *, drop_nul: bool = False, half: Callable[[], None] = lambda: None
) -> None:
    """Put every row of `source` into the empty tables of `target`, inside the caller's transaction.

    `half` is called when the jobs are there and nothing that belongs to them.
    """
    _copy_meta(source, target)
    for table in MOVED:
        for batch in _batches(rows_of(source, table, drop_nul=drop_nul)):
            _put(target, table, batch)
            if table is tables.jobs:
                _index(target, batch)
        if table is tables.jobs:
            half()
    _set_sequences(source, target)


_EVERY_TABLE = ", ".join([*(f'"{table.name}"' for table in MOVED), INDEX])


def clear(target: sa.Connection) -> None:
    """Take out what an unfinished copy left, inside the caller's transaction."""
    target.exec_driver_sql(f"TRUNCATE {_EVERY_TABLE}")


def lock(target: sa.Connection) -> None:
    """Nobody else writes before the caller's transaction ends."""
    target.exec_driver_sql(f"LOCK TABLE {_EVERY_TABLE} IN EXCLUSIVE MODE")


def rows_of(connection: sa.Connection, table: sa.Table, *, drop_nul: bool = False) -> Iterator[Row]:
    """Every row in the order of its key, the same on both databases; never all of them in memory."""
    chosen = [_as_stored(column, connection.dialect.name) for column in table.columns]
    query = sa.select(*chosen).order_by(*(_in_order(column, connection.dialect.name) for column in table.primary_key))
    texts = [list(table.columns).index(column) for column in texts_of(table)]
    is_json = [at for at, column in enumerate(table.columns) if isinstance(column.type, sa.JSON)]
    try:
        for found in connection.execute(query, execution_options=STREAMED):
            row = list(found)
            for at in is_json:
                # SQLite keeps a bare number in a JSON column as a number.
                if row[at] is not None and not isinstance(row[at], str):
                    row[at] = json.dumps(row[at])
            if drop_nul:
                for at in texts:
                    if row[at] is not None and "\0" in row[at]:
                        row[at] = row[at].replace("\0", "")
            yield tuple(row)
    except sa.exc.OperationalError as error:
        if "decode to UTF-8" not in str(error.orig):
            raise
        raise no_unicode(connection, table) from error


def meta_of(connection: sa.Connection) -> dict[str, str]:
    """What `meta` says of the installation, without what it says of this one database."""
    rows = connection.execute(sa.select(tables.meta))
    return {row.key: row.value for row in rows if not row.key.startswith("schema.") and row.key not in _OWN_KEYS}


def require_storable(source: sa.Connection) -> None:
    """Raise `UsageError` naming the first row that PostgreSQL cannot hold."""
    for table in MOVED:
        require_no_nul(source, table)


# --- pieces -----------------------------------------------------------------------------------------------------------


def _as_stored(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    if not isinstance(column.type, sa.JSON):
        return column
    return sa.type_coerce(column, sa.Text) if dialect == "sqlite" else sa.cast(column, sa.Text)


def _in_order(column: sa.Column[Any], dialect: str) -> sa.ColumnElement[Any]:
    # By its bytes, as SQLite does, whatever the collation of the server is.
    is_text = dialect != "sqlite" and isinstance(column.type, sa.String)
    return sa.collate(column, "C") if is_text else column


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _put(target: sa.Connection, table: sa.Table, batch: Sequence[Row]) -> None:
    driver = cast("psycopg.Connection[Any]", target.connection.driver_connection)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    )
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in batch:
                copy.write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        said = error.diag.message_primary or str(error)
        raise ConfigurationError(
            f"PostgreSQL does not take a row of `{table.name}` ({said}); nothing was copied."
        ) from error


def _index(target: sa.Connection, batch: Sequence[Row]) -> None:
    names = [column.name for column in tables.jobs.columns]
    rows = (dict(zip(names, row, strict=True)) for row in batch)
    # Erased jobs are found by nothing.
    entries = [index_entry(row["seq"], row, dialect="postgresql") for row in rows if row["erased_at"] is None]
    if entries:
        target.execute(sa.text(INSERT_ON_SERVER), entries)


def _copy_meta(source: sa.Connection, target: sa.Connection) -> None:
    table = tables.meta
    target.execute(table.delete().where(table.c.key.in_(list(meta_of(target)))))
    if rows := [{"key": key, "value": value} for key, value in meta_of(source).items()]:
        target.execute(table.insert(), rows)


def _set_sequences(source: sa.Connection, target: sa.Connection) -> None:
    """No number is given twice, not even one whose row is gone: readers remember how far they got."""
    given = {row.name: int(row.seq) for row in source.execute(sa.text("SELECT name, seq FROM sqlite_sequence"))}
    for table in MOVED:
        column = table.autoincrement_column
        if column is None or column.type.python_type is not int:
            continue
        newest = source.execute(sa.select(sa.func.max(column))).scalar() or 0
        last = max(newest, given.get(table.name, 0))
        target.execute(
            sa.text("SELECT setval(pg_get_serial_sequence(:table, :column), :last, :is_given)"),
            {"table": table.name, "column": column.name, "last": max(last, 1), "is_given": last > 0},
        )
