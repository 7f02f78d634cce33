"""A scrape of the metrics at a million jobs.

    python -m benchmarks.metrics

The database is the one of `benchmarks.history`, with a ledger of the last days, two hundred workspaces and a thousand open
jobs on top. Then `App.exposition` is asked as Prometheus does: with the figures read anew, and within the five seconds in
which they are kept. Counting the kept files, which happens beside it every quarter of an hour, is shown for itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.history import JOBS, fill
from benchmarks.outside import a_bench
from benchmarks.table import Row, median, play
from bot.telemetry.scrape import Scrape

ROUNDS = 15
OPEN, WORKSPACES, ENTRIES, FILES = 1_000, 200, 20_000, 1_000_000
STATES = ("queued", "rendering", "fetching", "unconfirmed")


def _fill_more(database: Path, files: int) -> None:
    """What the history does not have, and a scrape reads."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        today, month = now[:10], now[:7]
        for number, state in enumerate(STATES):
            share = OPEN // len(STATES)
            where = "seq IN (SELECT seq FROM jobs ORDER BY seq DESC LIMIT ? OFFSET ?)"
            values = (state, now, 340_000, number + 1, share, share * number)
            question = f"UPDATE jobs SET state = ?, queued_at = ?, held_micro_usd = ?, hold_id = ? WHERE {where}"
            connection.execute(question, values)
        connection.executemany(
            "INSERT INTO workspaces (platform, workspace, name, standing, first_seen_at) VALUES (?, ?, ?, 'allowed', ?)",
            [("discord", f"g{number}", "A team", now) for number in range(WORKSPACES)],
        )
        scopes = ["installation", *(f"workspace:discord:g{number}" for number in range(WORKSPACES))]
        connection.executemany(
            "INSERT INTO ledger_sums (scope, period, micro_usd, jobs) VALUES (?, ?, 340000, 1)",
            [(scope, period) for scope in scopes for period in (today, month)],
        )
        connection.executemany(
            "INSERT INTO ledger (job_id, kind, micro_usd, delta_micro_usd, delta_jobs, workspace_scope, user_scope, day, "
            "month, installation_day, installation_month, at) VALUES (?, 'hold', 1, 1, 1, ?, 'user:discord:1:7', ?, ?, ?, ?, ?)",
            [
                (f"{number:032x}", f"workspace:discord:g{number % WORKSPACES}", today, month, today, month, now)
                for number in range(ENTRIES)
            ],
        )
        connection.executemany(
            "INSERT INTO assets (id, kind, size_bytes, content_type, created_at) VALUES (?, ?, 4000000, 'video/mp4', ?)",
            ((f"{number:064x}", ("clip", "poster", "image")[number % 3], now) for number in range(files)),
        )
        connection.commit()
        connection.execute("ANALYZE")
    connection.close()


def measure(jobs: int = JOBS) -> list[Row]:
    """One row."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), jobs))


async def _measure(folder: Path, jobs: int) -> list[Row]:
    async with a_bench(folder) as bench:
        await bench.ask(0, platform="api")
        app = bench.app
        await asyncio.to_thread(fill, app.ground.path, jobs)
        await asyncio.to_thread(_fill_more, app.ground.path, min(jobs, FILES))
        anew, kept, size = [], [], 0
        for _ in range(ROUNDS):
            text, taken = await _timed(_scrape_of(app).exposition())
            anew.append(taken)
            size = len(text[0])
        scrape = _scrape_of(app)
        await scrape.exposition()
        for _ in range(ROUNDS):
            kept.append((await _timed(scrape.exposition()))[1])
        _, files_ms = await _timed(app.figures.media_bytes())
    first, again = anew[0], median(anew[1:])
    return [
        Row(
            what=f"a scrape of the metrics at {jobs:,} jobs, {OPEN:,} of them open, {WORKSPACES} workspaces",
            measured=f"{again:.1f} ms with the figures read anew (the first time {first:.1f} ms), {median(kept):.1f} ms "
            f"while they are kept; {size / 1000:.0f} KB; counting the files beside it {files_ms:.0f} ms",
            reach="≤ 50 ms",
            reached=again <= 50,
        )
    ]


def _scrape_of(app: Any) -> Scrape:
    """One that knows nothing yet, and leaves the counting of files aside."""
    scrape = Scrape(
        app.desk.metrics,
        app.figures,
        app.desk.connections,
        app.desk.clock,
        data_dir=app.data_dir,
        providers=tuple(app.desk.providers),
        patience_s=60.0,
    )
    scrape._media.refresh = lambda: None  # type: ignore[method-assign]
    return scrape


async def _timed(asking: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = await asking
    return answer, (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    play(measure)
