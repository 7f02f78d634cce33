"""One card per job, edited sparingly: changes that come while a card is being drawn are drawn together afterwards.

A card is a courtesy, never a condition: a chat that cannot show one does not hold up the job. The final state is shown
in the end, also after a restart.

A card that says how long a render will still take is drawn again before that is no longer true: a few times per render,
one card at a time.
"""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta

import structlog

from bot.cards.card import card
from bot.cards.messages import eta_line, resting_line
from bot.errors import DeliveryDelayed
from bot.jobs.model import OPERATORS_OWN, Delivery, Job
from bot.jobs.states import FINAL, State
from bot.ports import MessageRef, Paced
from bot.tracker.desk import Desk
from bot.tracker.render_times import Measured, eta

log = structlog.get_logger(__name__)

REDRAW_AFTER = timedelta(seconds=15)
"""The shortest time an estimate stands on a card; chats limit how often a message may be edited."""
REDRAWS = 4
"""An estimate stands for this part of the time it names."""
SHORTEST = timedelta(seconds=1)
LEAST_REST = timedelta(seconds=5)
"""A card that says when a provider is tried again is looked at anew no sooner."""
LOOK_EVERY_S = 5.0
"""How soon a card that must be drawn before the others is noticed."""
RETRIES_S = (2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 1800.0)
"""Pauses before a card that could not be shown is tried again; then the next change, or the next start, draws it."""
CLOSING_REST_S = 0.2
"""The same, at most, while the process ends."""
URGENT = FINAL | {State.QUOTED}
"""States a card shows at once, however lately it was drawn: they are what a person waits for."""


class CardBoard:
    """Keeps every job's card up to date on platforms that show cards."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shown_on = frozenset(desk.couriers) - OPERATORS_OWN
        self._latest: dict[str, Job] = {}
        self._drawing: dict[str, asyncio.Task[None]] = {}
        self._heap: list[tuple[float, str]] = []
        """When, by the monotonic clock, whose estimate must be said anew."""
        self._due: dict[str, float] = {}
        """The one valid heap entry of each job."""
        self._outdated: set[str] = set()
        """Jobs whose card is drawn again although it shows their version."""
        self._redrawing: asyncio.Task[None] | None = None
        self._stirred: dict[str, asyncio.Event] = {}
        """Set when somebody who rests between two draws of a card must not rest any longer."""
        self._closing = False

    def changed(self, job: Job) -> None:
        """A job moved: draw it soon. Returns at once."""
        if job.held_back or job.erased_at is not None or job.requester.answered_on not in self._shown_on:
            # Cards of jobs that came with a restored database are the original's: they are not touched.
            return
        self._latest[job.id] = job
        if job.id not in self._drawing:
            self._stirred[job.id] = asyncio.Event()
            self._drawing[job.id] = asyncio.create_task(self._draw(job.id))
        elif job.state in URGENT:
            self._stirred[job.id].set()

    async def catch_up(self) -> None:
        """Draw what a process that was killed no longer did: jobs that go on are drawn anyway, ended ones only here."""
        for job in await self._desk.stores.deliveries.stale_cards(self._shown_on):
            self.changed(job)
        if not self._shown_on:
            return
        for job in await self._desk.stores.jobs.in_state(State.RENDERING):
            # What their cards say of the time still to go was true in another process.
            if job.requester.answered_on in self._shown_on and (await self._desk.measured(job)).p50_s is not None:
                self._draw_again(job.id, timedelta(0))

    async def settle(self, timeout_s: float = 5.0) -> None:
        """Wait until what changed is drawn, then give up on the rest: for a clean end of the process.

        A card that was given up is drawn by the next start.
        """
        await self._stop_redrawing()
        self._closing = True
        for stirred in self._stirred.values():
            stirred.set()
        drawing = list(self._drawing.values())
        if drawing:
            await asyncio.wait(drawing, timeout=timeout_s)
        for task in drawing:
            task.cancel()
        await asyncio.gather(*drawing, return_exceptions=True)
        await self._stop_redrawing()
        self._closing = False

    async def _draw(self, job_id: str) -> None:
        """Draw the newest state until there is none newer, no faster than the chat likes its messages to be edited."""
        failures = 0
        try:
            while (job := self._latest.pop(job_id, None)) is not None:
                try:
                    await self._show(job)
                except Exception as error:
                    # The job goes on without its card.
                    is_delay = isinstance(error, DeliveryDelayed)
                    told = log.info if is_delay else log.warning
                    trace = not failures and not is_delay
                    told("card.not_shown", job_id=job_id, tries=failures + 1, why=str(error), exc_info=trace)
                    if failures >= len(RETRIES_S):
                        return
                    self._latest.setdefault(job_id, job)
                    asked_s = getattr(error, "retry_after_s", None) or 0.0
                    await self._rest(job_id, max(RETRIES_S[failures], asked_s))
                    failures += 1
                    continue
                failures = 0
                newest = self._latest.get(job_id)
                if job.state not in URGENT and (newest is None or newest.state not in URGENT):
                    await self._rest(job_id, self._pace_s(job))
        finally:
            self._drawing.pop(job_id, None)
            self._stirred.pop(job_id, None)
            self._outdated.discard(job_id)

    def _pace_s(self, job: Job) -> float:
        courier: object = self._desk.couriers[job.requester.answered_on]
        return courier.edit_every_s if isinstance(courier, Paced) else 0.0

    async def _rest(self, job_id: str, seconds: float) -> None:
        """Pause, unless something that a person waits for comes in between."""
        stirred = self._stirred[job_id]
        stirred.clear()
        if self._closing:
            # The process ends: what can still be shown is shown soon, or by the next start.
            await asyncio.sleep(min(seconds, CLOSING_REST_S))
            return
        if seconds <= 0:
            return
        pausing = asyncio.ensure_future(self._desk.clock.sleep(seconds))
        stirring = asyncio.ensure_future(stirred.wait())
        try:
            await asyncio.wait({pausing, stirring}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pausing.cancel()
            stirring.cancel()

    async def _show(self, job: Job) -> None:
        desk = self._desk
        known = await desk.stores.deliveries.card(job.id)
        if known is not None and (known[1] > job.version or (known[1] == job.version and job.id not in self._outdated)):
            return
        position = await desk.stores.jobs.queue_position(job)
        said = ""
        if job.state is State.RENDERING:
            measured = await desk.measured(job)
            said = eta_line(job, measured, desk.typical_s(job), desk.clock.now())
            if said and (pause := _stands_for(job, measured, desk.clock.now())):
                self._draw_again(job.id, pause)
        elif job.state is State.QUEUED and job.note is None:
            health = await desk.stores.health.load(job.provider)
            said = resting_line(health)
            if health.open_until is not None:
                self._draw_again(job.id, max(health.open_until - desk.clock.now(), LEAST_REST))
        platform = job.requester.answered_on
        at = MessageRef(platform=platform, reference=known[0]) if known else None
        posted = await self._posted(job) if job.state is State.DELIVERED else None
        drawn = card(job, queue_position=position, eta=said, delivery=posted)
        showing = desk.couriers[platform].show(drawn, at)
        shown = await desk.outside.call("courier.show", showing, timeout_s=desk.times.call_timeout_s)
        if shown is not None and (shown.reference, job.version) != known:
            await desk.stores.deliveries.save_card(job.id, shown.reference, job.version)

    async def _posted(self, job: Job) -> Delivery | None:
        deliveries = await self._desk.stores.deliveries.of_job(job.id)
        return next((each for each in reversed(deliveries) if each.outcome == "posted"), None)

    # --- estimates grow old -----------------------------------------------------------------------------------------

    def _draw_again(self, job_id: str, pause: timedelta) -> None:
        """See to it that the estimate on a card does not stand there for longer than this."""
        due = self._desk.clock.monotonic() + pause.total_seconds()
        self._due[job_id] = due
        heapq.heappush(self._heap, (due, job_id))
        if self._redrawing is None or self._redrawing.done():
            self._redrawing = asyncio.create_task(self._redraw())

    async def _redraw(self) -> None:
        """One card after the other: with very many of them, each is drawn more rarely."""
        clock = self._desk.clock
        while self._heap:
            due, job_id = self._heap[0]
            if due > clock.monotonic():
                await clock.sleep(min(due - clock.monotonic(), LOOK_EVERY_S))
                continue
            heapq.heappop(self._heap)
            if self._due.get(job_id) != due:
                continue
            del self._due[job_id]
            try:
                await self._redraw_card(job_id)
            except Exception:
                # The card keeps what it says until the job moves.
                log.warning("card.not_redrawn", job_id=job_id, exc_info=True)

    async def _redraw_card(self, job_id: str) -> None:
        job = await self._desk.stores.jobs.load(job_id)
        if job is None or job.held_back or job.state not in (State.RENDERING, State.QUEUED) or job_id in self._drawing:
            return  # what is being drawn just now says it anew, and may know of a later state
        self._outdated.add(job_id)
        self.changed(job)
        await asyncio.wait({self._drawing[job_id]})

    async def _stop_redrawing(self) -> None:
        if self._redrawing is not None:
            self._redrawing.cancel()
            await asyncio.gather(self._redrawing, return_exceptions=True)


def _stands_for(job: Job, measured: Measured, now: datetime) -> timedelta | None:
    """How long the estimate that is said now may stand on a card; `None` when what is said stays true."""
    done_at = eta(job.state_since, measured, now)
    if done_at is None:
        return None
    return max(SHORTEST, min(max(REDRAW_AFTER, (done_at - now) / REDRAWS), done_at - now))
