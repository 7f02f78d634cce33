"""What a process remembers of its polls, and what it measures by them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.tracker.polls import Moment, PollLog
from bot.tracker.render_times import Measured, RenderKey
from tests.factories import NOON

KIND = RenderKey(provider="judge", model="judge/clip", duration_s=5, resolution="720p")


def at(age_s: float, *, clock_set_by_s: float = 0.0) -> Moment:
    """A moment in the life of a render accepted at noon."""
    return Moment(wall=NOON + timedelta(seconds=age_s + clock_set_by_s), monotonic=5000 + age_s)


def asked(*ages_s: float) -> PollLog:
    """Polls at these ages, each answered."""
    log = PollLog()
    for age_s in ages_s:
        log.answered("job", at(age_s))
    return log


@pytest.mark.parametrize(
    ("before", "found", "taken"),
    [
        ((59.0,), 60.0, 59.5),
        ((10.0, 54.0), 60.0, 57.0),
        ((53.0,), 60.0, None),  # more than a tenth of the age
        ((289.0,), 300.0, None),  # more than ten seconds
        ((), 60.0, None),  # the first poll of this process
    ],
)
def test_a_render_took_until_the_middle_of_the_last_gap(
    before: tuple[float, ...], found: float, taken: float | None
) -> None:
    """Where the gap is short; no measurement is better than a wrong one."""
    assert asked(*before).taken_s("job", NOON, at(found), None) == taken


def test_a_hint_says_exactly_when_it_ended() -> None:
    """However long ago the last poll was, and however long after the hint somebody came to look."""
    hint_at = at(61).wall

    assert asked().taken_s("job", NOON, at(61.2), hint_at) == 61
    assert asked(5).taken_s("job", NOON, at(300), hint_at) == 61
    assert asked().taken_s("job", NOON, at(3), NOON - timedelta(seconds=1)) is None


def test_a_clock_that_was_set_makes_no_measurement() -> None:
    """Neither by the last poll nor by a hint: an hour's jump is not an hour's render."""
    log = asked(30, 59)

    assert log.taken_s("job", NOON, at(60, clock_set_by_s=3600), None) is None
    assert log.taken_s("job", NOON, at(60, clock_set_by_s=-20), at(60).wall) is None


def test_what_is_forgotten_is_gone() -> None:
    """Nothing of a job is left."""
    log = asked(1, 2)
    log.failed("job")
    log.hinted("job", at(3))

    log.forget("job")
    log.forget("job")

    assert len(log) == 0
    assert not log.is_known("job")
    assert not log.is_hinted("job", at(3))


def test_failures_are_counted_in_a_row() -> None:
    """An answer ends the row, also one that tells nothing; for a job nobody knows it is not remembered."""
    log = PollLog()
    assert [log.failed("job") for _ in range(3)] == [1, 2, 3]
    log.answered("job", at(9))
    assert log.failed("job") == 1
    log.heard("job")
    assert log.failed("job") == 1
    log.heard("stranger")
    assert len(log) == 1


def test_renders_that_end_before_the_window_move_it() -> None:
    """They cannot be measured; the ones that can move it back, slowly."""
    known = Measured.of([60.0] * 20)
    begins = known.windows[0].begins_s
    log = asked(0)

    for _ in range(3):
        log.learn(KIND, "job", NOON, known)
    moved = log.adjusted(KIND, known).windows[0].begins_s
    assert moved < 0.7 * begins

    log.answered("job", at(59))
    for _ in range(20):
        log.learn(KIND, "job", NOON, known)
    assert moved < log.adjusted(KIND, known).windows[0].begins_s < begins
    for _ in range(200):
        log.learn(KIND, "job", NOON, known)
    assert log.adjusted(KIND, known) == known


@pytest.mark.parametrize("lost", ["never asked before", "polls failed"])
def test_what_says_nothing_of_the_window_does_not_move_it(lost: str) -> None:
    """A restart, or a provider that did not answer: the end was found late for another reason."""
    known = Measured.of([60.0] * 20)
    log = asked() if lost == "never asked before" else asked(5)
    log.failed("job")

    log.learn(KIND, "job", NOON, known)

    assert log.adjusted(KIND, known) == known
