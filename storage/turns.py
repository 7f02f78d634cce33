"""Who writes next: one at a time, and whoever a person waits for before the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MOST_IN_A_ROW = 8
"""So many go first while others wait; then one of the others does, or a flood of requests would stop all work."""

_Line = deque[asyncio.Future[None]]


class Turns:
    """A lock with two waiting lines, each in the order of coming."""

    def __init__(self) -> None:
        self._taken = False
        self._first: _Line = deque()
        self._others: _Line = deque()
        self._in_a_row = 0

    @asynccontextmanager
    async def turn(self, *, first: bool = False) -> AsyncIterator[None]:
        """Wait, be alone within the block, and let the next one in."""
        await self._take(self._first if first else self._others)
        try:
            yield
        finally:
            self._pass_on()

    async def _take(self, line: _Line) -> None:
        if not self._taken:
            self._taken = True
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(waiting)
        try:
            await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                # The turn came in the same moment: it is the next one's.
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while (line := self._next()) is not None:
            waiting = line.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return
        self._taken = False

    def _next(self) -> _Line | None:
        if self._first and (self._in_a_row < MOST_IN_A_ROW or not self._others):
            self._in_a_row += 1
            return self._first
        self._in_a_row = 0
        return self._others or None
