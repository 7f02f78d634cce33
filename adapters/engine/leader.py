"""What one worker of all does: hand on the jobs of dead ones, find those nobody has, follow up, and keep house."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from adapters.engine.line import LINE_EVERY_S, RECONCILE_EVERY_S, Line
from adapters.engine.queue import Queue
from bot.ports import Clock
from bot.stores import Stores
from bot.tracker.tracker import Tracker

log = structlog.get_logger(__name__)

HAND_ON_EVERY_S = 2.0
LOOK_AROUND_EVERY_S = 10.0
"""How often jobs that stand in no queue are looked for, and wishes that nobody heard of."""

CHORES_AGAIN_AFTER_S = 5.0


class Leader:
    """Idle until told to lead; stops in the middle when told not to any more: another one has begun."""

    def __init__(
        self,
        queue: Queue,
        tracker: Tracker,
        stores: Stores,
        clock: Clock,
        line: Line,
        chores: Callable[[], Awaitable[None]] | None,
        give_turns: Callable[[str], Awaitable[None]],
        catch_up: Callable[[], Awaitable[None]] | None,
    ) -> None:
        """`catch_up` finishes what a dead worker may have left of jobs that had ended: their cards."""
        self._queue = queue
        self._tracker = tracker
        self._stores = stores
        self._clock = clock
        self._line = line
        self._chores = chores
        self._give_turns = give_turns
        self._catch_up = catch_up
        self._leads = False
        self._seen_wish: int | None = None
        self._changed = asyncio.Event()

    def lead(self, leads: bool) -> None:
        """Begin, or stop."""
        if leads != self._leads:
            self._leads = leads
            self._changed.set()

    async def run(self) -> None:
        """Never returns."""
        while True:
            self._changed.clear()
            if self._leads:
                log.info("engine.leads")
                work = asyncio.create_task(self._work())
                try:
                    await self._changed.wait()
                finally:
                    work.cancel()
                    await asyncio.gather(work, return_exceptions=True)
                log.info("engine.leads_no_more")
            else:
                await self._changed.wait()

    async def _work(self) -> None:
        self._seen_wish = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again(HAND_ON_EVERY_S, self._hand_on))
            tasks.create_task(self._again(LOOK_AROUND_EVERY_S, self._look_around))
            tasks.create_task(self._again(LINE_EVERY_S, self._lines))
            tasks.create_task(self._again(RECONCILE_EVERY_S, self._reconcile))
            if self._chores is not None:
                tasks.create_task(self._keep_at(self._chores))

    async def _again(self, every_s: float, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await do()
            except Exception:
                # The database may be away; the next round tries again.
                log.warning("engine.leader_failed", doing=do.__name__, exc_info=True)
            await self._clock.sleep(every_s)

    async def _keep_at(self, chores: Callable[[], Awaitable[None]]) -> None:
        """Chores never end by themselves; when they break, the rest of what a leader does goes on."""
        while True:
            try:
                return await chores()
            except Exception:
                # The database may be away just when they begin.
                log.warning("engine.leader_failed", doing="chores", exc_info=True)
            await self._clock.sleep(CHORES_AGAIN_AFTER_S)

    async def _hand_on(self) -> None:
        if handed := await self._queue.hand_on():
            log.warning("engine.handed_on", jobs=handed)
            if self._catch_up is not None:
                await self._catch_up()

    async def _look_around(self) -> None:
        if missing := await self._queue.start_missing(await self._stores.jobs.unattended()):
            log.warning("engine.found", jobs=len(missing))
        wishes = self._stores.wishes
        if self._seen_wish is None:
            self._seen_wish, wished = await wishes.newest(), await wishes.unanswered()
        else:
            self._seen_wish, wished = await wishes.added_since(self._seen_wish)
        if wished:
            await self._queue.tell("wake", wished)

    async def _lines(self) -> None:
        for name in self._line.providers:
            await self._line.look_at(name)
            await self._give_turns(name)

    async def _reconcile(self) -> None:
        for job_id in await self._tracker.reconcile():
            await self._queue.wake(job_id)
