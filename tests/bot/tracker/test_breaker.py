"""When a provider rests, and what wakes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.tracker.breaker import FAILURES_TO_OPEN, FIRST_REST, LONGEST_REST, Health

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WELL = Health(provider="judge")


def test_one_ambiguous_create_makes_it_one_at_a_time_and_two_open_it() -> None:
    """A success in between forgets the first."""
    once = WELL.after_ambiguous(NOW, "lost")

    assert (once.one_at_a_time, once.takes_creates) == (True, True)
    assert once.after_success() == WELL
    assert not once.after_ambiguous(NOW, "lost").takes_creates


def test_repeated_failures_open_it_for_longer_each_time() -> None:
    """Thirty seconds, a minute, …, a quarter of an hour; a success starts over."""
    health, rests = WELL, []
    for _ in range(FAILURES_TO_OPEN - 1):
        health = health.after_failure(NOW, "refused")
        assert health.takes_creates
    health = health.after_failure(NOW, "refused")
    for _ in range(8):
        assert health.open_until is not None
        rests.append(health.open_until - NOW)
        health = health.after_free_request(answered=False, now=NOW)

    assert rests[:3] == [FIRST_REST, FIRST_REST * 2, FIRST_REST * 4]
    assert rests[-1] == LONGEST_REST
    assert health.after_success() == WELL


def test_it_wakes_by_a_free_request_and_goes_on_one_at_a_time() -> None:
    """Half-open, after the rest and not before."""
    asleep = WELL.after_ambiguous(NOW, "lost").after_ambiguous(NOW, "lost")

    assert not asleep.rest_is_over(NOW + FIRST_REST - timedelta(seconds=1))
    assert asleep.rest_is_over(NOW + FIRST_REST)
    awake = asleep.after_free_request(answered=True, now=NOW)
    assert (awake.takes_creates, awake.one_at_a_time) == (True, True)


def test_a_rest_written_under_another_clock_is_over() -> None:
    """A clock that was ahead by a year must not block for a year."""
    asleep = WELL.after_throttle(NOW + timedelta(days=365), timedelta(seconds=60), "429")

    assert asleep.rest_is_over(NOW)


def test_a_pause_is_an_operators_and_no_success_lifts_it() -> None:
    """Only `resume` does."""
    paused = Health(provider="judge", paused=True)

    assert not paused.after_success().takes_creates
