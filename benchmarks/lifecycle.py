"""Whole lives of jobs per second, on an empty database and on one with 100,000 jobs, beside a bare loop.

    python -m benchmarks.lifecycle

The outside answers at once (provider, chat, workshop and fetcher are in memory); database, media store and engine are
the real ones, with `synchronous=FULL` and every file fsynced. The bare loop writes the same number of transactions, one
UPDATE and one INSERT each, through the same libraries and nothing else: what the disk and SQLAlchemy cost by themselves.
The three are measured in turns in one run, so that a slow moment of the machine hits them alike.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks.outside import a_bench
from benchmarks.stored import multiply
from benchmarks.table import Row, cpu_s, fsync_ms, median, play
from bot.jobs.states import FINAL, State
from storage import tables
from storage.database import Database
from storage.sqlite import SqliteDatabase

JOBS = 200
ROUNDS = 3
STORED = 100_000
AT_ONCE = 32
TRANSACTIONS = 7
"""Of the bare loop: accept, queue, submit, accepted, fetched, posted, delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One round."""

    per_s: float
    cpu_ms: float
    commits: float


async def live(folder: Path, jobs: int) -> Rate:
    """Accept `jobs` requests, of a hundred people at once, and wait until the last clip is delivered."""
    commits = 0

    def watch(point: str) -> None:
        nonlocal commits
        commits += point.startswith("after commit")

    async with a_bench(folder, watch=watch) as bench, bench.app.run_engine("run"):
        pictures = [await bench.picture(number) for number in range(jobs)]
        commits, cpu, began = 0, cpu_s(), time.perf_counter()
        limit = asyncio.Semaphore(AT_ONCE)

        async def ask(number: int) -> str:
            async with limit:
                return (await bench.ask(number, platform="api", assets=pictures[number])).id

        asked = await asyncio.gather(*(ask(number) for number in range(jobs)))
        while await _unfinished(bench.app.database):  # noqa: ASYNC110  the database is what has to say so
            await asyncio.sleep(0.1)
        taken, cpu = time.perf_counter() - began, cpu_s() - cpu
        delivered = len(set(asked) & {job.id for job in await bench.app.stores.jobs.in_state(State.DELIVERED)})
        if delivered != jobs or len(bench.provider.paid) != jobs:
            raise RuntimeError(f"{delivered} of {jobs} delivered, {len(bench.provider.paid)} paid")
    return Rate(per_s=jobs / taken, cpu_ms=cpu / jobs * 1000, commits=commits / jobs)


async def _unfinished(database: Database) -> bool:
    table = tables.jobs
    unfinished = table.c.state.in_([state.value for state in State if state not in FINAL])
    async with database.read() as connection:
        return (await connection.execute(sa.select(table.c.id).where(unfinished).limit(1))).first() is not None


async def bare(folder: Path, jobs: int) -> Rate:
    """The same number of commits with nothing around them."""
    database = SqliteDatabase(folder / "bare.db")
    async with database.write("schema") as connection:
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS j (id TEXT PRIMARY KEY, state TEXT, version INT)"))
        await connection.execute(sa.text("CREATE TABLE IF NOT EXISTS e (id INTEGER PRIMARY KEY, job TEXT, what TEXT)"))
    cpu, began = cpu_s(), time.perf_counter()
    for number in range(jobs):
        job = f"{began}-{number}"
        for step in range(TRANSACTIONS):
            async with database.write("step") as connection:
                if step == 0:
                    await connection.execute(sa.text("INSERT INTO j VALUES (:job, 's0', 0)"), {"job": job})
                else:
                    await connection.execute(
                        sa.text("UPDATE j SET state = :state, version = :step WHERE id = :job AND version = :step - 1"),
                        {"state": f"s{step}", "step": step, "job": job},
                    )
                await connection.execute(
                    sa.text("INSERT INTO e (job, what) VALUES (:job, :what)"), {"job": job, "what": f"s{step}"}
                )
    taken, cpu = time.perf_counter() - began, cpu_s() - cpu
    await database.close()
    return Rate(per_s=jobs / taken, cpu_ms=cpu / jobs * 1000, commits=TRANSACTIONS)


async def with_a_past(folder: Path) -> int:
    """A database with `STORED` delivered jobs; returns how many exactly."""
    await live(folder, 100)
    return await asyncio.to_thread(multiply, folder / "data" / "reelbot.db", STORED // 100)


async def _measure(folder: Path) -> list[Row]:
    full = folder / "full"
    full.mkdir()
    stored = await with_a_past(full)
    sync = fsync_ms(folder)
    rates: dict[str, list[Rate]] = {"bare": [], "empty": [], "full": []}
    for number in range(ROUNDS):
        fresh = folder / f"fresh-{number}"
        fresh.mkdir()
        rates["bare"].append(await bare(fresh, JOBS))
        rates["empty"].append(await live(fresh, JOBS))
        rates["full"].append(await live(full, JOBS))
        shutil.rmtree(fresh)
    per_s = {name: median([rate.per_s for rate in each]) for name, each in rates.items()}
    cpu = {name: median([rate.cpu_ms for rate in each]) for name, each in rates.items()}
    commits = {name: median([rate.commits for rate in each]) for name, each in rates.items()}
    ratio = per_s["full"] / per_s["empty"]
    spread = "/".join(f"{rate.per_s:.0f}" for rate in rates["empty"])
    return [
        Row(
            what="whole lives of jobs, SQLite FULL, one process",
            measured=f"{per_s['empty']:.0f} jobs/s ({spread}), {cpu['empty']:.1f} ms CPU and {commits['empty']:.1f} commits each",
            reach="≥ 40 jobs/s",
            reached=per_s["empty"] >= 40,
        ),
        Row(
            what=f"the same with {stored:,} jobs stored",
            measured=f"{per_s['full']:.0f} jobs/s, {ratio:.2f} of the empty database's",
            reach="within 10 %",
            reached=ratio >= 0.9,
        ),
        Row(
            what=f"for comparison: a bare loop of {TRANSACTIONS} commits per job",
            measured=f"{per_s['bare']:.0f} jobs/s, {cpu['bare']:.1f} ms CPU each; one 4 KB write and fsync takes {sync:.2f} ms",
        ),
    ]


def measure() -> list[Row]:
    """The three rows."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


if __name__ == "__main__":
    play(measure)
