"""Polls per render and how late its end is noticed: our schedule beside a client that asks once a second.

    python -m benchmarks.polls

A simulation of the schedule, with no network: the product's own `next_poll`, given 20 measured renders of a
distribution, against renders of the same distribution; and a client that asks every second, as the vendor's SDK does.
An answer takes no time on either side. The same 20 measurements and the same renders each time: the seeds are fixed.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.table import Row, p95, play
from bot.tracker.render_times import Measured
from bot.tracker.schedule import Times, next_poll

Duration = Callable[[random.Random], float]

MEASURED = 20
SETS = 100
RENDERS = 50
"""Renders that follow on each set of measurements."""


def lognormal(median_s: float, sigma: float) -> Duration:
    """Most renders near the median, a longer tail above it."""
    return lambda rng: median_s * math.exp(sigma * rng.gauss(0, 1))


def of_two_kinds(one: Duration, other: Duration, share: float) -> Duration:
    """Warm and cold starts: the first with this share."""
    return lambda rng: (one if rng.random() < share else other)(rng)


def with_a_queue(render_s: float, queue_s: float) -> Duration:
    """A render of nearly fixed length behind a queue."""
    return lambda rng: render_s * (1 + 0.03 * rng.gauss(0, 1)) + rng.expovariate(1 / queue_s)


DISTRIBUTIONS: Mapping[str, Duration] = {
    "lognormal, median 15 s, sigma 0.2": lognormal(15, 0.2),
    "lognormal, median 30 s, sigma 0.1": lognormal(30, 0.1),
    "lognormal, median 30 s, sigma 0.3": lognormal(30, 0.3),
    "lognormal, median 60 s, sigma 0.2": lognormal(60, 0.2),
    "lognormal, median 60 s, sigma 0.35": lognormal(60, 0.35),
    "lognormal, median 120 s, sigma 0.25": lognormal(120, 0.25),
    "30 s or, three in ten, 90 s": of_two_kinds(lognormal(30, 0.1), lognormal(90, 0.1), 0.7),
    "40 s behind a queue of 15 s": with_a_queue(40, 15),
    "60 s, three in a hundred three times as long": of_two_kinds(lognormal(60, 0.2), lognormal(180, 0.2), 0.97),
}


@dataclass(slots=True)
class Tally:
    """What some renders cost, and how late their ends were noticed."""

    polls: int = 0
    every_second: int = 0
    """What a client that asks each second needs for the same renders: the first time after one second."""
    late_s: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Our polls as a share of theirs."""
        return self.polls / self.every_second

    @property
    def p95_s(self) -> float:
        """Nineteen of twenty ends are noticed this soon."""
        return p95(self.late_s)

    def add(self, seconds: float, measured: Measured, times: Times, rng: random.Random) -> float:
        """Follow one render to its end; returns the time from the last poll but one to the last, in seconds."""
        age = gap = 0.0
        while age < seconds:
            gap = next_poll(timedelta(seconds=age), measured, None, times, rng).total_seconds()
            age += gap
            self.polls += 1
        self.late_s.append(age - seconds)
        self.every_second += math.ceil(seconds)
        return gap


def simulate(name: str, duration: Duration, *, measured: int = MEASURED, sets: int = SETS) -> Tally:
    """Many times: measure so many renders, then follow others of the same distribution."""
    rng, tally, times = random.Random(name), Tally(), Times()
    for _ in range(sets):
        # A measurement is the middle between two polls a second apart.
        known = Measured.of([duration(rng) + rng.uniform(-0.5, 0.5) for _ in range(measured)])
        for _ in range(RENDERS):
            tally.add(duration(rng), known, times, rng)
    return tally


def measure() -> list[Row]:
    """One row for all of them, and one for each."""
    tallies = {name: simulate(name, duration) for name, duration in DISTRIBUTIONS.items()}
    share = statistics.fmean(tally.share for tally in tallies.values())
    latest = max(tally.p95_s for tally in tallies.values())
    rows = [
        Row(
            what=f"simulation of the schedule after {MEASURED} measured renders: polls beside a client that asks every "
            f"second (mean of {len(tallies)} distributions), p95 detection (worst of them)",
            measured=f"{share:.2f}x, {latest:.2f} s",
            reach="≤ 0.5x, ≤ 1 s",
            reached=share <= 0.5 and latest <= 1,
        )
    ]
    for name, tally in tallies.items():
        jobs = len(tally.late_s)
        figures = f"{tally.polls / jobs:.1f} polls beside {tally.every_second / jobs:.1f} ({tally.share:.2f}x)"
        late = f"p95 detection {tally.p95_s:.2f} s, mean {statistics.fmean(tally.late_s):.2f} s"
        rows.append(Row(what=f"for information: {name}", measured=f"{figures}, {late}"))
    return rows


if __name__ == "__main__":
    play(measure)
