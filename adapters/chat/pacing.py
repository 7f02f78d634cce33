"""The pace at which all processes of an installation talk to a chat, kept in their database.

What one process knows by itself comes first and costs nothing; this is asked where others may be talking with the same
token. A database that does not answer holds up nothing: everybody then goes at a pace of their own, as with one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import structlog

from bot.ports import Clock
from bot.stores import PaceStore

log = structlog.get_logger(__name__)

T = TypeVar("T")

ANSWERS_WITHIN_S: Final = 1.5
"""How long the database is waited for."""
ALONE_S: Final = 10.0
"""How long it is left alone when it was silent."""
MOST_REMEMBERED: Final = 2000


class Pacing:
    """One process's way to the pace of all."""

    def __init__(self, store: PaceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._alone_until = 0.0
        self._is_alone = False
        self._ours: dict[str, float] = {}
        """What this process was the first to ask for, and until when."""
        self._late: set[asyncio.Task[Any]] = set()
        """Questions that nobody waits for any more."""

    async def reserve(
        self,
        name: str,
        *,
        every_s: float,
        burst: int = 1,
        leaving: int = 0,
        within_s: float = 0.0,
        besides: Sequence[str] = (),
    ) -> float:
        """Seconds to wait before one request goes out, as `PaceStore.reserve`; 0.0 while the database is silent."""
        asked = self._store.reserve(
            name, every_s=every_s, burst=burst, leaving=leaving, within_s=within_s, besides=besides
        )
        return await self._ask(asked, 0.0)

    async def hold(self, names: Sequence[str], seconds: float) -> None:
        """We were asked for a pause: nobody sends under these names."""
        await self._ask(self._store.hold(names, seconds), None)

    async def is_first(self, name: str, *, for_s: float) -> bool:
        """Whether no other process asked by this name in the last seconds, so many; also while the database is silent."""
        now = self._clock.monotonic()
        if self._ours.get(name, 0.0) > now:
            return True
        if await self.reserve(name, every_s=for_s) > 0:
            return False
        if len(self._ours) >= MOST_REMEMBERED:
            self._ours = {name: until for name, until in self._ours.items() if until > now}
        self._ours[name] = now + for_s
        return True

    async def _ask(self, asking: Coroutine[Any, Any, T], otherwise: T) -> T:
        if self._clock.monotonic() < self._alone_until:
            asking.close()
            return otherwise
        task = asyncio.ensure_future(asking)
        self._late.add(task)
        task.add_done_callback(self._drop)
        await asyncio.wait({task}, timeout=ANSWERS_WITHIN_S)
        if not task.done():
            # It may hang in a connection that is dead: whoever cancels it does not wait for its end either.
            task.cancel()
            return self._go_alone("no answer", otherwise)
        if (error := task.exception()) is not None:
            # Whatever is wrong with the database, it is told elsewhere; what people wait for is sent.
            return self._go_alone(str(error) or type(error).__name__, otherwise)
        if self._is_alone:
            self._is_alone = False
            log.info("pace.together")
        return task.result()

    def _go_alone(self, why: str, otherwise: T) -> T:
        self._alone_until = self._clock.monotonic() + ALONE_S
        if not self._is_alone:
            self._is_alone = True
            log.warning("pace.alone", why=why)
        return otherwise

    def _drop(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()


def evenly(most: int, window_s: float, burst: int) -> float:
    """The interval that, with this burst, keeps any window within what may be sent in it."""
    return window_s / (most - burst + 1)
