"""Thousands of jobs over fifty workers that die, freeze and are told lies: the state machine and its fences hold."""

from __future__ import annotations

from dataclasses import replace

from bot.jobs.states import TRANSITIONS
from tests.simulation.chance import Chances
from tests.simulation.run import Simulation

SELDOM = {"undelivered → delivering", "queued → failed", "failed → fetching", "cancelled → fetching"}
"""Moves that a few thousand jobs may not come by."""


def test_nothing_is_lost_paid_twice_or_written_by_a_zombie() -> None:
    """Whatever befalls the workers and the outside, every rule holds at every write, and every job ends."""
    report = Simulation(seed=13, jobs=4000, workers=50, chances=Chances().rougher(2)).run()

    print("\n".join(report.lines()))
    assert report.found == {}
    assert report.jobs >= 4000
    # It was a rough time: otherwise nothing was shown.
    assert min(report.happened[what] for what in ("kill", "freeze", "stop", "late commit", "answer lost")) >= 20
    assert min(report.zombies[what] for what in ("move", "grant", "checkpoint")) >= 1
    assert report.overtaken["move"] >= 1
    possible = {f"{old} → {new}" for old, following in TRANSITIONS.items() for new in following}
    assert possible - set(report.moves) <= SELDOM


def test_one_seed_is_one_run() -> None:
    """What a seed shows can be looked at again: two runs of it are the same in everything but the time they took."""
    first, second = (Simulation(seed=5, jobs=300, workers=10, chances=Chances().rougher(4)).run() for _ in range(2))

    assert replace(first, cpu_s=0.0) == replace(second, cpu_s=0.0)


def test_another_seed_is_another_run() -> None:
    """The seed is what decides."""
    first, second = (Simulation(seed=seed, jobs=100, workers=10).run() for seed in (1, 2))

    assert replace(first, seed=0, cpu_s=0.0) != replace(second, seed=0, cpu_s=0.0)
