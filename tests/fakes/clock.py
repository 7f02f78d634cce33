"""Time that moves only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """`bot.ports.Clock`. Wall clock and monotonic clock move together, by `advance`; `jump` moves only the wall clock."""

    def __init__(self, start: datetime = NEW_YEAR) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        return self._wall

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return self._monotonic

    @property
    def sleepers(self) -> int:
        """How many are waiting."""
        return len(self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has gone this far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        sleeper = (self._monotonic + seconds, next(self._order), asyncio.Event())
        heapq.heappush(self._sleepers, sleeper)
        try:
            await sleeper[2].wait()
        finally:
            if sleeper in self._sleepers:  # cancelled before it was due
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Let this much time pass: every sleeper wakes at its own moment, in order, and may go to sleep again."""
        end = self._monotonic + seconds
        await _let_others_run()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, woken = heapq.heappop(self._sleepers)
            self._move(due - self._monotonic)
            woken.set()
            await _let_others_run()
        self._move(end - self._monotonic)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, as an operator or NTP would; nobody's sleep changes."""
        self._wall += timedelta(seconds=seconds)

    def _move(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall += timedelta(seconds=seconds)


async def _let_others_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
