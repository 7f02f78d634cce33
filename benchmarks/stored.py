"""Databases with a past: real jobs with everything that belongs to them, multiplied by SQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_TEXT_IDS = {
    "jobs": ("id", "request_key", "attempt_id", "delivery_id"),
    "job_assets": ("job_id",),
    "job_events": ("job_id",),
    "submissions": ("attempt_id", "job_id", "token"),
    "deliveries": ("id", "job_id"),
    "ledger": ("job_id",),
    "cards": ("job_id",),
}
"""Tables that grow with jobs, and their columns that must differ from copy to copy."""
_ROW_IDS = {"jobs": ("seq", "hold_id"), "job_events": ("id",), "ledger": ("id", "hold_id")}


def multiply(database: Path, times: int) -> int:
    """Copy every job with its events, attempts, deliveries, ledger entries and index rows; returns how many there are.

    For a database that nobody has open. Sums of the ledger stay as they are: copies cost nobody anything.
    """
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        # Nothing here needs to survive anything.
        connection.execute("PRAGMA synchronous = OFF")
        span = 10 + max(
            connection.execute(f"SELECT max({column}) FROM {table}").fetchone()[0]
            for table, (column, *_) in _ROW_IDS.items()
        )
        originals = {table: _selection(connection, table) for table in _TEXT_IDS}
        for table, (columns, values) in originals.items():
            connection.execute(f"CREATE TEMP TABLE original_{table} AS SELECT * FROM {table}")
            for copy in range(1, times):
                connection.execute(
                    f"INSERT INTO {table} ({columns}) SELECT {values} FROM original_{table}",
                    {"copy": copy, "by": copy * span},
                )
        connection.execute("CREATE TEMP TABLE original_fts AS SELECT rowid AS seq, * FROM jobs_fts")
        for copy in range(1, times):
            connection.execute(
                "INSERT INTO jobs_fts (rowid, words, tokens, state) "
                "SELECT seq + ?, words, tokens, state FROM original_fts",
                (copy * span,),
            )
        stored: int = connection.execute("SELECT count(*) FROM jobs").fetchone()[0]
    connection.close()
    return stored


def _selection(connection: sqlite3.Connection, table: str) -> tuple[str, str]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]

    def value(column: str) -> str:
        if column in _TEXT_IDS[table]:
            return f"printf('%08x', :copy) || substr(\"{column}\", 9)"
        return f'"{column}" + :by' if column in _ROW_IDS.get(table, ()) else f'"{column}"'

    return ", ".join(f'"{column}"' for column in columns), ", ".join(value(column) for column in columns)
