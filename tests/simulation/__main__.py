"""`python -m tests.simulation 100000 --workers 50 --seed 7`: run one, and tell what happened."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.chance import Chances
from tests.simulation.mutations import MUTATIONS, applied
from tests.simulation.run import Simulation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="?", default=100_000)
    parser.add_argument("--workers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rougher", type=float, default=1.0, help="how many times as often workers and database fail")
    parser.add_argument("--mutation", choices=MUTATIONS)
    asked = parser.parse_args()
    with applied(asked.mutation):
        chances = Chances().rougher(asked.rougher)
        report = Simulation(seed=asked.seed, jobs=asked.jobs, workers=asked.workers, chances=chances).run()
    for line in report.lines():
        print(line)
    return 1 if report.found else 0


if __name__ == "__main__":
    sys.exit(main())
