"""What every benchmark hands back: rows of one table, and a word on the machine they were measured on."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    reach: str = ""
    """What we want; empty for a figure that only explains others."""
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        """For the last column."""
        return {True: "yes", False: "**no**", None: ""}[self.reached]


def show(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measured | reach | reached |", "|---|---|---|---|"]
    lines += [f"| {row.what} | {row.measured} | {row.reach} | {row.verdict} |" for row in rows]
    return "\n".join(lines) + "\n"


def play(measure: Callable[[], list[Row]]) -> None:
    """The command line of a benchmark that is run by itself: its rows, as a table or as JSON for `python -m benchmarks`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # What the product logs is not what is measured here; a console would be the slowest part.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows = measure()
    print(json.dumps([asdict(row) for row in rows]) if options.json else show(rows))


def cpu_s() -> float:
    """Processor time of this process so far, all threads, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    """The value that one in twenty exceeds."""
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def fsync_ms(folder: Path, times: int = 200) -> float:
    """The median of appending 4 KB to a file and syncing it: what every durable commit costs at least."""
    taken = []
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(times):
            begun = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return median(taken) * 1000


def machine() -> str:
    """Cores, processor, Python, SQLite and the load of the minute before."""
    model = platform.processor() or platform.machine()
    try:
        info = Path("/proc/cpuinfo").read_text()
        model = next(line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()}, Python {sys.version.split()[0]}, "
        f"SQLite {sqlite3.sqlite_version}; load average at the start {load}"
    )
