"""One worker on PostgreSQL: jobs accepted and lived through, jobs that wait, and the pages of a long history.

    python -m benchmarks.cluster

A real server from the wheel that the tests use, which syncs every commit, on one core; the worker on the other, so that a
figure is what one core of a worker does "with PostgreSQL beside it". The outside answers at once, as in `lifecycle`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.history import QUESTIONS, batches
from benchmarks.outside import Bench, InstantProvider, a_bench
from benchmarks.table import Row, cpu_s, median, play
from bot.jobs.states import FINAL, State
from storage.history import History
from storage.history_index import INSERT_ON_SERVER, index_entry
from storage.postgres import PostgresDatabase
from tests.postgres import PostgresServer

JOBS = 300
ROUNDS = 3
AT_ONCE = 32
WAITING = 2_000
STORED = 1_000_000
_ENDED = ", ".join(f"'{state.value}'" for state in FINAL)


async def _accepted(folder: Path, url: str) -> float:
    """Jobs a second, accepted by one process, thirty-two at a time; nobody runs them."""
    async with a_bench(folder, database=url) as bench:
        pictures = [await bench.picture(number) for number in range(JOBS)]
        began = time.perf_counter()
        await _ask(bench, pictures)
        return JOBS / (time.perf_counter() - began)


async def _lived(folder: Path, url: str) -> tuple[float, float]:
    """Whole lives a second, by one worker that also accepts them; and its CPU for each, in ms."""
    async with a_bench(folder, database=url) as bench, bench.app.run_engine("run"):
        pictures = [await bench.picture(number) for number in range(JOBS)]
        cpu, began = cpu_s(), time.perf_counter()
        await _ask(bench, pictures)
        while _count(url, f"SELECT count(*) FROM jobs WHERE state NOT IN ({_ENDED})"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        taken, cpu = time.perf_counter() - began, cpu_s() - cpu
        delivered = len(await bench.app.stores.jobs.in_state(State.DELIVERED))
        if delivered != JOBS or len(bench.provider.paid) != JOBS:
            raise RuntimeError(f"{delivered} of {JOBS} delivered, {len(bench.provider.paid)} paid")
    return JOBS / taken, cpu / JOBS * 1000


async def _ask(bench: Bench, pictures: list[Any]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            await bench.ask(number, platform="api", assets=pictures[number])

    await asyncio.gather(*(one(number) for number in range(len(pictures))))


async def _waited(folder: Path, url: str, jobs: int) -> dict[str, float]:
    """A worker with so many renders that never finish: its connections, its memory, its CPU while they wait."""
    provider = InstantProvider(finishes=False)
    async with a_bench(folder, provider, database=url) as bench, bench.app.run_engine("run") as engine:
        picture = await bench.picture(0)
        for number in range(jobs):
            await bench.ask(number, platform="api", assets=picture)
        rendering = "SELECT count(*) FROM jobs WHERE state = 'rendering'"
        while engine.waiting < jobs or _count(url, rendering) < jobs:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        gc.collect()
        cpu = cpu_s()
        await asyncio.sleep(5)
        mine = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {"connections": _count(url, mine), "bytes": held, "cpu": (cpu_s() - cpu) / 5}


def _count(url: str, question: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return int(row[0]) if row else 0


def _alone(kind: str, folder: Path, url: str, *more: str) -> Any:
    """In a process of its own, on a core of its own."""
    command = [sys.executable, "-m", "benchmarks.cluster", "--do", kind, str(folder), url, *more]
    return json.loads(subprocess.check_output(command).splitlines()[-1])


def _fill(url: str, jobs: int) -> None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT * FROM jobs ORDER BY seq DESC LIMIT 1")
        names = [column.name for column in row.description or ()]
        template = dict(zip(names, row.fetchone() or (), strict=True))
        template |= {name: json.dumps(value) for name, value in template.items() if isinstance(value, (dict, list))}
        columns = ", ".join(f'"{name}"' for name in names)
        for rows in batches(template, jobs):
            with connection.cursor().copy(f"COPY jobs ({columns}) FROM STDIN".encode()) as copy:
                for each in rows:
                    copy.write_row([each[name] for name in names])
            entries = [index_entry(each["seq"], each, dialect="postgresql") for each in rows]
            statement = INSERT_ON_SERVER
            for name in ("seq", "words", "tokens", "state"):
                statement = statement.replace(f":{name}", f"%({name})s")
            connection.cursor().executemany(statement.encode(), entries)
            connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE jobs")
        connection.execute("VACUUM ANALYZE jobs_fts")


async def _history(url: str) -> dict[str, float]:
    """For each question the median of five, in ms."""
    database = PostgresDatabase(url)
    history, answers = History(database), {}
    for name, asked in QUESTIONS.items():
        taken = []
        for _ in range(6):
            began = time.perf_counter()
            await history.page(limit=20, **asked)
            taken.append((time.perf_counter() - began) * 1000)
        answers[name] = statistics.median(taken[1:])
    await database.close()
    return answers


def measure() -> list[Row]:
    """The rows."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    server = PostgresServer(durable=True, shared_buffers="256MB")
    try:
        with tempfile.TemporaryDirectory() as name:
            return _measured(Path(name), server)
    finally:
        server.remove()
        os.sched_setaffinity(0, set(cores))


def _measured(folder: Path, server: PostgresServer) -> list[Row]:
    accepted, lived = [], []
    for number in range(ROUNDS):
        for kind, answers in (("accept", accepted), ("live", lived)):
            url = server.url(server.create(server.template))
            answers.append(_alone(kind, folder / f"{kind}-{number}", url))
    waits = _alone("wait", folder / "wait", server.url(server.create(server.template)), str(WAITING))
    idle = _alone("wait", folder / "idle", server.url(server.create(server.template)), "0")
    long = server.url(server.create(server.template))
    _alone("accept", folder / "long", long)
    _fill(long, STORED)
    pages = asyncio.run(_history(long))
    slowest = max(pages, key=lambda name: pages[name])
    per_s, lives = median(accepted), median([each[0] for each in lived])
    cpu_ms = median([each[1] for each in lived])
    each_kb = (waits["bytes"] - idle["bytes"]) / WAITING / 1024
    return [
        Row(what="PostgreSQL: jobs accepted by one process", measured=f"{per_s:.0f} a second", reach="≥ 80",
            reached=per_s >= 80),
        Row(what="PostgreSQL: whole lives on one core of a worker",
            measured=f"{lives:.0f} a second, {cpu_ms:.0f} ms CPU each", reach="≥ 25", reached=lives >= 25),
        Row(what=f"PostgreSQL: {WAITING} jobs waiting in one worker",
            measured=f"{waits['connections']:.0f} connections, {each_kb:.0f} KB each, {waits['cpu']:.1%} of a core",
            reach="≤ 10 connections", reached=waits["connections"] <= 10),
        Row(what=f"PostgreSQL: a page of history at {STORED:,} jobs, slowest of {len(pages)} kinds",
            measured=f"{pages[slowest]:.0f} ms ({slowest})", reach="≤ 50 ms", reached=pages[slowest] <= 50),
    ]  # fmt: skip


def _do(kind: str, folder: Path, url: str, *more: str) -> Any:
    cores = sorted(os.sched_getaffinity(0))
    folder.mkdir(parents=True, exist_ok=True)
    os.sched_setaffinity(0, {os.cpu_count() - 1 if os.cpu_count() else cores[-1]})
    doing = {"accept": _accepted, "live": _lived, "wait": _waited}[kind]
    return asyncio.run(doing(folder, url, *map(int, more)))  # type: ignore[operator]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--do"]:
        import logging

        import structlog

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        print(json.dumps(_do(sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])))
    else:
        play(measure)
