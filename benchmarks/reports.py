"""What was spent in a month, at a million jobs and two million ledger entries in three years.

    python -m benchmarks.reports

The database is the one of `benchmarks.history`, with a hold and a settle (one in twenty: a release) for each job. Then
the spending page's question is asked through `Reports.spending` itself, and each of its statements timed by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.history import fill
from benchmarks.outside import a_bench
from benchmarks.table import Row, median, play
from storage.reports import Reports
from storage.sqlite import SqliteDatabase

JOBS = 1_000_000
ROUNDS = 9
MONTH = (date(2025, 6, 1), date(2025, 6, 30))
_COLUMNS = (
    "job_id, kind, micro_usd, delta_micro_usd, delta_jobs, hold_id, workspace_scope, channel_scope, user_scope, day, "
    "month, installation_day, installation_month, at"
)
_HOLDS = f"""
INSERT INTO ledger ({_COLUMNS})
SELECT id, 'hold', 340000, 340000, 1, NULL, 'workspace:discord:' || workspace, 'channel:discord:1:' || channel,
       'user:' || person, substr(created_at, 1, 10), substr(created_at, 1, 7), substr(created_at, 1, 10),
       substr(created_at, 1, 7), created_at
FROM jobs ORDER BY seq
"""
_ENDS = f"""
INSERT INTO ledger ({_COLUMNS})
SELECT job_id, CASE WHEN id % 20 = 0 THEN 'release' ELSE 'settle' END, 340000,
       CASE WHEN id % 20 = 0 THEN -340000 ELSE 0 END, CASE WHEN id % 20 = 0 THEN -1 ELSE 0 END, id, workspace_scope,
       channel_scope, user_scope, day, month, installation_day, installation_month, at
FROM ledger WHERE kind = 'hold' ORDER BY id
"""


def measure(jobs: int = JOBS) -> list[Row]:
    """One row: the whole answer, and the slowest of its statements."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), jobs))


async def _measure(folder: Path, jobs: int) -> list[Row]:
    async with a_bench(folder) as bench:
        await bench.ask(0, platform="api")
        database = bench.app.ground.path
    await asyncio.to_thread(_fill, database, jobs)
    whole, slowest, counted = await _ask(database)
    return [
        Row(
            what=f"spending of a month ({counted:,} clips) of {jobs:,} jobs and {2 * jobs:,} ledger entries",
            measured=f"{whole:.0f} ms on one view; the slowest of its statements {slowest:.0f} ms",
            reach="≤ 100 ms each",
            reached=slowest <= 100,
        )
    ]


def _fill(database: Path, jobs: int) -> None:
    fill(database, jobs)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("DELETE FROM ledger")
        connection.execute(_HOLDS)
        connection.execute(_ENDS)
        connection.execute("ANALYZE")
    connection.close()


async def _ask(database: Path) -> tuple[float, float, int]:
    """Medians in milliseconds, of all and of the slowest statement; and how many clips were counted."""
    opened, begun, statements = SqliteDatabase(database), 0.0, dict[str, list[float]]()

    def begins(*_: Any) -> None:
        nonlocal begun
        begun = time.perf_counter()

    def ends(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        # SQLite groups before it hands out the first row: what is left afterwards is fetching.
        statements.setdefault(statement, []).append((time.perf_counter() - begun) * 1000)

    sa.event.listen(sa.Engine, "before_cursor_execute", begins)
    sa.event.listen(sa.Engine, "after_cursor_execute", ends)
    reports, taken = Reports(opened), []
    counted = (await reports.spending(*MONTH)).total.clips
    for _ in range(ROUNDS):
        at = time.perf_counter()
        await reports.spending(*MONTH)
        taken.append((time.perf_counter() - at) * 1000)
    sa.event.remove(sa.Engine, "before_cursor_execute", begins)
    sa.event.remove(sa.Engine, "after_cursor_execute", ends)
    await opened.close()
    return median(taken), max(median(each) for each in statements.values()), counted


if __name__ == "__main__":
    play(measure)
