"""How much a run may delete, and when the clock is believed: pure decisions."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.keeping.retention import PROBATION, SILENCE, TOLERANCE, ClockTrust, Periods, most_in_one_run
from tests.factories import NOON

HOUR = timedelta(hours=1)
YEARS = timedelta(days=3650)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_run_deletes_at_most_a_fifth_and_gets_on_where_there_are_few(count: int) -> None:
    """One of fewer than five: else a small installation would keep everything for ever."""
    most = most_in_one_run(count)

    assert most <= max(1, count / 5)
    assert (most > 0) == (count > 0)


def test_a_first_look_has_nothing_to_doubt() -> None:
    assert ClockTrust().look(NOON, elapsed=None).is_trusted


@given(st.timedeltas(min_value=-timedelta(days=9000), max_value=timedelta(days=9000)))
def test_a_jump_beside_a_steady_clock_is_noticed_whatever_its_size(jump: timedelta) -> None:
    """Small corrections are none."""
    trust = ClockTrust(seen_at=NOON)

    after = trust.look(NOON + HOUR + jump, elapsed=HOUR)

    assert after.is_trusted == (abs(jump) <= TOLERANCE)


@given(st.timedeltas(min_value=-timedelta(days=900), max_value=timedelta(days=900)))
def test_after_a_start_a_clock_that_went_back_or_far_ahead_is_doubted(moved: timedelta) -> None:
    """A machine that was off for two days looks the same as a jump: then it is better to wait."""
    after = ClockTrust(seen_at=NOON).look(NOON + moved, elapsed=None)

    assert after.is_trusted == (-TOLERANCE <= moved <= SILENCE + TOLERANCE)


def test_doubt_ends_after_a_day_of_going_evenly_and_begins_anew_with_each_jump() -> None:
    trust = ClockTrust(seen_at=NOON).look(NOON + YEARS, elapsed=HOUR)
    now = NOON + YEARS
    for _ in range(23):
        now += HOUR
        trust = trust.look(now, elapsed=HOUR)
        assert not trust.is_trusted

    assert trust.look(now + HOUR, elapsed=HOUR).is_trusted
    back = trust.look(NOON + 25 * HOUR, elapsed=HOUR)
    assert not back.is_trusted
    assert back.doubted_since == NOON + 25 * HOUR


def test_a_restart_does_not_end_a_doubt() -> None:
    """It is written down."""
    trust = ClockTrust(seen_at=NOON, doubted_since=NOON)

    assert not trust.look(NOON + HOUR, elapsed=None).is_trusted
    assert trust.look(NOON + PROBATION, elapsed=None).is_trusted


def test_nothing_is_limited_that_is_kept_for_ever() -> None:
    periods = Periods.of_days(inputs=0, clips=90, prompts=0)

    assert list(periods.limited()) == [("clips", timedelta(days=90))]
