"""Measure the numbers we claim: `python -m benchmarks [NAME…]`, or `make bench`.

Each benchmark runs in a process of its own, one after the other. With all of them, the table is written into
`docs/benchmarks.md`; with names, it is only printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.table import Row, machine, show

NAMES = (
    "lifecycle",
    "waiting",
    "startup",
    "history",
    "renderer",
    "asking",
    "polls",
    "paid",
    "moving",
    "fitting",
    "discord",
    "slack",
    "metrics",
    "web",
    "reports",
    "cluster",
)
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

What was measured, and nothing else. `make bench` wrote this page; [benchmarks/README.md](../benchmarks/README.md) says
how each number is taken. Figures that are compared were taken in turns in one run. Absolute figures belong to the
machine they were taken on.

Measured on {date}: {machine}.

Command: `make bench` (that is `python -m benchmarks`).

{table}
The paid services, Discord and Slack are emulated on this machine.
"""


def measure(name: str) -> list[Row]:
    """The rows of one benchmark."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--json"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return [Row(**row) for row in json.loads(answer.splitlines()[-1])]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all of them when none is named")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {min(unknown)}; there are: {', '.join(NAMES)}")
    where, rows = machine(), []
    for name in options.names or NAMES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        rows += measure(name)
    table = show(rows)
    print(table)
    if not options.names:
        PAGE.write_text(HEAD.format(date=f"{datetime.now(UTC):%Y-%m-%d}", machine=where, table=table))


if __name__ == "__main__":
    main()
