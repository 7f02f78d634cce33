"""What measured renders tell, and what they do not."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.tracker.render_times import FEW, NOTHING_MEASURED, Measured, eta
from tests.factories import NOON


def test_too_few_measurements_tell_nothing_but_their_number() -> None:
    """No quantile of four, no window."""
    assert Measured.of([]) == NOTHING_MEASURED
    assert Measured.of([30.0] * (FEW - 1)) == Measured(count=4)


def test_quantiles_are_renders_that_happened() -> None:
    """The median, and the one that nine of ten did not exceed."""
    known = Measured.of([float(number) for number in range(1, 21)])

    assert (known.count, known.p50_s, known.p90_s) == (20, 10.5, 18.0)


@given(st.lists(st.floats(0.01, 1e5), min_size=FEW, max_size=150))
def test_windows_hold_what_was_measured_in_order(seconds: list[float]) -> None:
    """Nearly all of it, in windows that do not overlap; where windows begin sooner, they hold more."""
    known = Measured.of(seconds)

    edges = [edge for window in known.windows for edge in (window.begins_s, window.ends_s)]
    assert edges == sorted(edges)
    assert edges[0] > 0
    assert edges[-1] >= max(seconds)
    missed = sum(known.is_between(each) for each in seconds)
    assert missed <= 0.15 * len(seconds)
    sooner = known.begun_sooner(0.8)
    assert sum(sooner.is_between(each) for each in seconds) <= missed


def test_two_kinds_of_render_make_two_windows() -> None:
    """Warm and cold starts, with nothing between; two stragglers are no kind."""
    warm, cold = [28.0, 29.0, 30.0, 31.0, 32.0] * 3, [88.0, 90.0, 92.0] * 2

    first, second = Measured.of(warm + cold).windows
    assert (first.ends_s < 45, second.begins_s > 75) == (True, True)
    assert Measured.of(warm + cold).is_between(60)
    assert len(Measured.of([*warm, *warm, 90.0, 92.0]).windows) == 1


def test_an_estimate_goes_by_the_median_then_by_the_ninth_decile_then_nobody_knows() -> None:
    known = Measured.of([float(number) for number in range(1, 21)])

    estimates = [eta(NOON, known, NOON + timedelta(seconds=age)) for age in (0, 10, 10.5, 17.9, 18)]

    seconds = [each and (each - NOON).total_seconds() for each in estimates]
    assert seconds == [10.5, 10.5, 18, 18, None]
    assert eta(NOON, NOTHING_MEASURED, NOON) is None
