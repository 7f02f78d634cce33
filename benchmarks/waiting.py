"""Jobs that wait in one process: how many, and what each costs in memory.

    python -m benchmarks.waiting

Two processes with the real engine on a real database: one with an empty database, one with 5,000 jobs that a provider
renders and never finishes. Each job is polled once, then waits for its next poll. The difference of what both hold in
memory, after the same garbage collection, divided by the jobs, is what a waiting job costs.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.outside import Bench, InstantProvider, a_bench
from benchmarks.table import Row, cpu_s, play
from bot.jobs.model import Submission
from bot.jobs.moves import AttemptFact, Hold, Move
from bot.jobs.states import State
from bot.money.amount import FREE

JOBS = 5_000
LOOK_FOR_S = 5.0


async def _fill(folder: Path, jobs: int) -> None:
    """Jobs in `rendering`, by the stores' own writes."""
    async with a_bench(folder) as bench:
        await bench.app.ground.take_over(bench.app)
        picture = await bench.picture(0)
        for number in range(jobs):
            await _render(bench, number, picture)


async def _render(bench: Bench, number: int, picture: object) -> None:
    stores = bench.app.stores
    job = await bench.ask(number, platform="api", assets=picture)  # type: ignore[arg-type]
    queued = {"queued_at": job.created_at, "quote": FREE}
    job = await stores.jobs.move(Move(job=job, to=State.QUEUED, changes=queued, money=Hold(amount=FREE)))
    submission = Submission(
        attempt_id=f"attempt-{number}",
        job_id=job.id,
        provider=job.provider,
        model=job.model,
        token=f"token-{number}",
        input_url=f"https://in.example.net/{number}",
        started_at=job.created_at,
    )
    granted = await stores.submissions.grant(job, submission, bench.provider.capacity, 1_000_000)
    if granted is None:
        raise RuntimeError("not granted")
    their_id = f"judge-{number}"
    fact = AttemptFact(attempt_id=submission.attempt_id, provider_job_id=their_id)
    await stores.jobs.move(Move(job=granted, to=State.RENDERING, changes={"provider_job_id": their_id}, attempt=fact))


async def _hold(folder: Path, jobs: int) -> dict[str, float]:
    """Run the engine until every job was polled once and waits; how much memory the process holds then."""
    provider = InstantProvider(finishes=False)
    async with a_bench(folder, provider=provider) as bench, bench.app.run_engine("run") as engine:
        while engine.waiting < jobs:  # noqa: ASYNC110  polled from outside, as any observer would
            await asyncio.sleep(0.05)
        waiting = engine.waiting
        gc.collect()
        held = _resident_bytes()
        cpu = cpu_s()
        await asyncio.sleep(LOOK_FOR_S)
        return {"waiting": waiting, "bytes": held, "cpu_share": (cpu_s() - cpu) / LOOK_FOR_S}


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _in_its_own_process(folder: Path, jobs: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.waiting", "--hold", str(folder), str(jobs)]
    answer: dict[str, float] = json.loads(subprocess.check_output(command).splitlines()[-1])
    return answer


def measure() -> list[Row]:
    """The row."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as full:
        asyncio.run(_fill(Path(empty), 0))
        asyncio.run(_fill(Path(full), JOBS))
        without, with_jobs = _in_its_own_process(Path(empty), 0), _in_its_own_process(Path(full), JOBS)
    each = (with_jobs["bytes"] - without["bytes"]) / JOBS / 1024
    waiting = int(with_jobs["waiting"])
    return [
        Row(
            what="jobs waiting in one process",
            measured=f"{waiting:,}, {each:.1f} KB each ({without['bytes'] / 2**20:.0f} MB without any, "
            f"{with_jobs['bytes'] / 2**20:.0f} MB with)",
            reach="≥ 5,000, ≤ 16 KB each",
            reached=waiting >= JOBS and each <= 16,
        ),
        Row(
            what=f"for information: processor time of {waiting:,} renders that are polled, none finishing",
            measured=f"{with_jobs['cpu_share']:.0%} of a core right after the start",
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--hold"]:
        print(json.dumps(asyncio.run(_hold(Path(sys.argv[2]), int(sys.argv[3])))))
    else:
        play(measure)
