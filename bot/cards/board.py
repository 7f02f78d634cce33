"""One card per job, edited sparingly: changes that come while a card is being drawn are drawn together afterwards.

A card is a courtesy, never a condition: a chat that cannot show one does not hold up the job. The final state is shown
in the end, also after a restart.
"""

from __future__ import annotations

import asyncio

import structlog

from bot.cards.card import card
from bot.jobs.model import OPERATORS_OWN, Job
from bot.ports import MessageRef
from bot.tracker.desk import Desk

log = structlog.get_logger(__name__)


class CardBoard:
    """Keeps every job's card up to date on platforms that show cards."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shown_on = frozenset(desk.couriers) - OPERATORS_OWN
        self._latest: dict[str, Job] = {}
        self._drawing: dict[str, asyncio.Task[None]] = {}

    def changed(self, job: Job) -> None:
        """A job moved: draw it soon. Returns at once."""
        if job.requester.platform not in self._shown_on:
            return
        self._latest[job.id] = job
        if job.id not in self._drawing:
            self._drawing[job.id] = asyncio.create_task(self._draw(job.id))

    async def catch_up(self) -> None:
        """Draw what a process that was killed no longer did: jobs that go on are drawn anyway, ended ones only here."""
        for job in await self._desk.stores.deliveries.stale_cards(self._shown_on):
            self.changed(job)

    async def settle(self, timeout_s: float = 5.0) -> None:
        """Wait until what changed is drawn, then give up on the rest: for a clean end of the process.

        A card that was given up is drawn by the next start.
        """
        drawing = list(self._drawing.values())
        if drawing:
            await asyncio.wait(drawing, timeout=timeout_s)
        for task in drawing:
            task.cancel()
        await asyncio.gather(*drawing, return_exceptions=True)

    async def _draw(self, job_id: str) -> None:
        try:
            while (job := self._latest.pop(job_id, None)) is not None:
                await self._show(job)
        except Exception:
            # The job goes on without its card; the next change draws it again.
            log.warning("card.not_shown", job_id=job_id, exc_info=True)
        finally:
            self._drawing.pop(job_id, None)

    async def _show(self, job: Job) -> None:
        desk = self._desk
        known = await desk.stores.deliveries.card(job.id)
        if known is not None and known[1] >= job.version:
            return
        position = await desk.stores.jobs.queue_position(job)
        platform = job.requester.platform
        at = MessageRef(platform=platform, reference=known[0]) if known else None
        showing = desk.couriers[platform].show(card(job, queue_position=position), at)
        shown = await desk.outside.call("courier.show", showing, timeout_s=desk.times.call_timeout_s)
        if shown is not None:
            await desk.stores.deliveries.save_card(job.id, shown.reference, job.version)
