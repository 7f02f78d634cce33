"""The simulation must notice when a rule is broken on purpose, and by which rule it does."""

from __future__ import annotations

import pytest

from tests.simulation.chance import Chances
from tests.simulation.mutations import MUTATIONS, applied
from tests.simulation.run import Simulation


@pytest.mark.parametrize(("mutation", "rule"), MUTATIONS.items())
def test_it_goes_red_under(mutation: str, rule: str) -> None:
    """No judge looks away: each broken rule is found, by the judge whose rule it is."""
    simulation = Simulation(seed=4, jobs=4000, chances=Chances().rougher(4))

    with applied(mutation):
        report = simulation.run(until_broken=True)

    assert rule in report.found, f"nothing noticed {mutation}"


def test_an_unknown_mutation_is_an_error() -> None:
    """A misspelt mutation must not look like a simulation that is green under it."""
    with pytest.raises(ValueError, match="no mutation"), applied("none-of-them"):
        pass
