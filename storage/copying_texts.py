"""Texts that SQLite keeps and PostgreSQL cannot: such with the character U+0000, and such that are no Unicode.

Neither comes in through a front end; somebody's own tool may have written them. They are found by row, so that an operator
knows which.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.errors import UsageError
from storage import tables


def texts_of(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that hold text, JSON included."""
    return [column for column in table.columns if isinstance(column.type, (sa.JSON, sa.String))]


def require_no_nul(source: sa.Connection, table: sa.Table) -> None:
    """Raise `UsageError` naming the first row with a text that holds U+0000, and the ways out."""
    has_nul = {
        column: sa.func.instr(sa.type_coerce(column, sa.Text), sa.func.char(0)) > 0 for column in texts_of(table)
    }
    if not has_nul:
        return
    which = sa.case(*((found, column.name) for column, found in has_nul.items()))
    query = sa.select(*table.primary_key.columns, which.label("which")).where(sa.or_(*has_nul.values())).limit(1)
    row = source.execute(query).first()
    if row is None:
        return
    *key, column = row
    place, way = _place(source, table, list(key))
    raise UsageError(
        f"The `{column}` of {place} holds the character U+0000, which no text in PostgreSQL can: {way}run this again with "
        f"--drop-nul, which leaves that character out wherever it stands. Nothing was copied."
    )


def no_unicode(source: sa.Connection, table: sa.Table) -> UsageError:
    """What to say of a table that cannot be read because a text in it is no UTF-8: which row it is."""
    names = [column.name for column in table.columns]
    keys = [names.index(column.name) for column in table.primary_key.columns]
    driver: Any = source.connection.driver_connection
    kept, driver.text_factory = driver.text_factory, bytes
    try:
        chosen = ", ".join(f'"{name}"' for name in names)
        for row in driver.execute(f'SELECT {chosen} FROM "{table.name}"'):
            for name, value in zip(names, row, strict=True):
                if isinstance(value, bytes) and not _is_utf8(value):
                    key = [row[at].decode(errors="replace") if isinstance(row[at], bytes) else row[at] for at in keys]
                    return UsageError(
                        f"The `{name}` of row {_shown(key)} of `{table.name}` is no Unicode text, so PostgreSQL cannot keep "
                        f"it: repair it, or restore a backup. Nothing was copied."
                    )
    finally:
        driver.text_factory = kept
    raise AssertionError("some text could not be read, and every text can be")


def _place(source: sa.Connection, table: sa.Table, key: list[Any]) -> tuple[str, str]:
    """Where it is, and how to be rid of it."""
    if table is not tables.jobs:
        return f"row {_shown(key)} of `{table.name}`", ""
    job_id = source.execute(sa.select(table.c.id).where(table.c.seq == key[0])).scalar_one()
    return f"job {job_id}", f"erase it (`reelbot delete {job_id}`), or "


def _shown(key: list[Any]) -> str:
    return ", ".join(str(value).replace("\0", "␀") for value in key)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
