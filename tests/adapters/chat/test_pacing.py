"""The pace of all processes: asked of the database, and of nobody while that is silent."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.chat import pacing
from adapters.chat.pacing import ALONE_S, Pacing, evenly
from tests.adapters.chat.crowd import CountingPaces
from tests.fakes.clock import FakeClock


async def test_what_the_database_says_is_waited_for() -> None:
    """Its figure, unchanged."""
    store = CountingPaces(waits_s=2.5)

    assert await Pacing(store, FakeClock()).reserve("a", every_s=1.0, within_s=5.0) == 2.5


async def test_a_database_that_is_away_holds_up_nothing_and_is_told_of_once() -> None:
    """It is left alone for some seconds, then asked again; that it came back is told, too."""
    store, clock = CountingPaces(waits_s=7.0, is_away=True), FakeClock()
    one = Pacing(store, clock)

    with capture_logs() as logs:
        alone = [await one.reserve("a", every_s=1.0) for _ in range(3)]
        await one.hold(["a"], 5.0)
        asked_while_away = len(store.reserved)
        await clock.advance(ALONE_S + 1)
        still_alone = await one.reserve("a", every_s=1.0)
        store.is_away = False
        await clock.advance(ALONE_S + 1)
        together = await one.reserve("a", every_s=1.0)

    assert (alone, still_alone, together) == ([0.0, 0.0, 0.0], 0.0, 7.0)
    assert asked_while_away == 1
    assert [each["event"] for each in logs] == ["pace.alone", "pace.together"]


async def test_a_database_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for the end of the question."""
    monkeypatch.setattr(pacing, "ANSWERS_WITHIN_S", 0.01)
    is_over = asyncio.Event()

    class Silent(CountingPaces):
        async def reserve(self, name: str, **_: Any) -> float:
            try:
                await asyncio.Event().wait()
            finally:
                # As a connection that is dead: it takes its time to give up.
                await is_over.wait()
            return 0.0

    assert await Pacing(Silent(), FakeClock()).reserve("a", every_s=1.0) == 0.0
    is_over.set()


async def test_only_the_first_begins_and_may_try_again() -> None:
    """Whoever was the first stays it for that time; for the others it is taken."""
    store, clock = CountingPaces(), FakeClock()
    one = Pacing(store, clock)

    first = await one.is_first("card", for_s=20)
    store.waits_s = 19.0
    again = await one.is_first("card", for_s=20)
    another = await Pacing(store, clock).is_first("card", for_s=20)
    await clock.advance(21)
    later = await one.is_first("card", for_s=20)

    assert (first, again, another, later) == (True, True, False, False)


@pytest.mark.parametrize(
    ("most", "window_s", "burst"), [(5, 5.0, 2), (46, 1.0, 6), (48, 60.0, 12), (19, 60.0, 4), (7, 1.0, 7)]
)
def test_an_even_pace_never_has_too_many_in_any_window(most: int, window_s: float, burst: int) -> None:
    """Whoever always takes the next place, from a full rest, stays within what may be sent in every window."""
    every_s, sent, next_at = evenly(most, window_s, burst), deque[float](), -(burst - 1) * evenly(most, window_s, burst)
    busiest = 0

    for _ in range(5 * most):
        at = max(0.0, next_at)
        next_at = max(next_at, at - (burst - 1) * every_s) + every_s
        sent.append(at)
        while sent[0] <= at - window_s + 1e-9:
            sent.popleft()
        busiest = max(busiest, len(sent))

    assert busiest == most
