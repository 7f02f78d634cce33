"""The embedded engine: asyncio in one process, over the SQLite file of a data directory.

A waiting job costs a heap entry, not a task. Every engine begins by raising the epoch and taking over all unfinished
jobs, so whatever an earlier process left is gone on with from its last saved step.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime

import structlog

from adapters.engine.line import LINE_EVERY_S, LINE_SETTLES_S, RECONCILE_EVERY_S, Line
from bot.ids import JobId
from bot.ports import Clock
from bot.stores import Stores
from bot.tracker.desk import Wait
from bot.tracker.ownership import OneEngine
from bot.tracker.tracker import Tracker

log = structlog.get_logger(__name__)

CONCURRENT_STEPS = 32
"""Jobs at a step at the same moment; waiting jobs do not count."""
LISTEN_EVERY_S = 0.25
"""How often other processes' writes are looked for."""
AFTER_A_FAULT_S = 5.0


class EmbeddedEngine:
    """Runs jobs: bounded, resuming, draining."""

    def __init__(
        self,
        tracker: Tracker,
        stores: Stores,
        clock: Clock,
        *,
        concurrent_steps: int = CONCURRENT_STEPS,
        should_hand_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tracker = tracker
        self._stores = stores
        self._clock = clock
        self._turns = Line(tracker.desk, stores, clock)
        self._slots = asyncio.Semaphore(concurrent_steps)
        self._should_hand_over = should_hand_over
        self._heap: list[tuple[float, int, JobId]] = []
        self._due: dict[JobId, int] = {}
        """The one valid heap entry of each waiting job."""
        self._ticket = itertools.count()
        self._active: dict[JobId, asyncio.Task[None]] = {}
        self._again: set[JobId] = set()
        """Woken while at a step: run once more afterwards."""
        self._started: set[JobId] = set()
        """Jobs accepted in this process: when the listener comes across them, they are known already."""
        self._line_changed = asyncio.Event()
        self._heap_changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._begun = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._seen_job = 0
        self._seen_wish = 0
        self.handed_over = False

    # --- the port -------------------------------------------------------------------------------------------------

    async def start(self, job_id: JobId) -> None:
        """See to it that the job is run now. Harmless when called twice."""
        self._started.add(job_id)
        self._launch(job_id)

    async def wake(self, job_id: JobId) -> None:
        """End the job's wait now."""
        self._launch(job_id)

    # --- the life of the engine -------------------------------------------------------------------------------------

    async def begin(self) -> int:
        """Raise the epoch, take over every unfinished job. Returns how many there were."""
        self._tracker.stopping = False
        # Before the unfinished ones are read: what comes in between is met twice, which is harmless, and never missed.
        self._seen_job = await self._stores.jobs.newest()
        self._seen_wish = await self._stores.wishes.newest()
        ownership, unfinished = await OneEngine.begin(self._stores.jobs)
        self._tracker.ownership = ownership
        for job in unfinished:
            self._park(job.id, Wait(until=self._clock.now()))
        for job_id in await self._stores.wishes.unanswered():
            self._park(job_id, Wait(until=self._clock.now()))
        log.info("engine.began", epoch=ownership.epoch, unfinished=len(unfinished))
        return len(unfinished)

    async def run(self, *, drain_s: float = 30.0) -> None:
        """Run until `stop` is called, then let what is at a step finish, for at most `drain_s` seconds."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._begun.set()
            loops = [tasks.create_task(loop()) for loop in (self._timer, self._listener, self._line, self._reconciler)]
            await self._stopping.wait()
            for loop in loops:
                loop.cancel()
            await self._drain(drain_s)
            self._tasks = None

    async def ready(self) -> None:
        """Return once the engine runs; at once when it was stopped."""
        await self._begun.wait()

    def stop(self) -> None:
        """Begin to drain: steps that are under way are finished, and no others begun."""
        self._tracker.stopping = True
        self._stopping.set()

    @property
    def is_idle(self) -> bool:
        """Nothing at a step and nothing waiting for a time: what is left waits for people or for its turn."""
        return not self._active and not self._due

    @property
    def waiting(self) -> int:
        """How many jobs wait for a time."""
        return len(self._due)

    async def _drain(self, drain_s: float) -> None:
        if self._active:
            log.info("engine.draining", active=len(self._active))
            await asyncio.wait(list(self._active.values()), timeout=drain_s)
        left = list(self._active.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # --- running one job --------------------------------------------------------------------------------------------

    def _launch(self, job_id: JobId, *, turn: bool = False, woken: bool = True) -> None:
        if self._tasks is None or self._stopping.is_set():
            return
        self._due.pop(job_id, None)
        if job_id in self._active:
            self._again.add(job_id)
            return
        self._active[job_id] = self._tasks.create_task(self._run_job(job_id, turn=turn, woken=woken))

    async def _run_job(self, job_id: JobId, *, turn: bool, woken: bool) -> None:
        wait, moves = Wait(), self._tracker.moves
        try:
            async with self._slots:
                if self._stopping.is_set():
                    return
                wait = await self._tracker.run(job_id, turn=turn, woken=woken)
        except Exception:
            # One job's fault must not end the others; it is tried again, and the log says where it broke.
            log.exception("job.step_failed", job_id=job_id)
            self._park_seconds(job_id, AFTER_A_FAULT_S)
            return
        finally:
            self._active.pop(job_id, None)
            if turn or self._tracker.moves != moves:
                # A poll that learned nothing gave nobody room.
                self._line_changed.set()
        if job_id in self._again:
            self._again.discard(job_id)
            self._launch(job_id)
        else:
            self._park(job_id, wait)

    def _park(self, job_id: JobId, wait: Wait) -> None:
        if wait.until is not None:
            self._park_seconds(job_id, self._seconds_until(wait.until))

    def _park_seconds(self, job_id: JobId, seconds: float) -> None:
        ticket = next(self._ticket)
        self._due[job_id] = ticket
        heapq.heappush(self._heap, (self._clock.monotonic() + seconds, ticket, job_id))
        self._heap_changed.set()

    def _seconds_until(self, moment: datetime) -> float:
        return max(0.0, (moment - self._clock.now()).total_seconds())

    # --- the loops ----------------------------------------------------------------------------------------------------

    async def _timer(self) -> None:
        """Launch jobs whose wait is over."""
        while True:
            now = self._clock.monotonic()
            while self._heap and self._heap[0][0] <= now:
                _, ticket, job_id = heapq.heappop(self._heap)
                if self._due.get(job_id) == ticket:
                    self._launch(job_id, woken=False)
            self._heap_changed.clear()
            wait = self._heap[0][0] - self._clock.monotonic() if self._heap else None
            try:
                async with asyncio.timeout(wait):
                    await self._heap_changed.wait()
            except TimeoutError:
                pass

    async def _listener(self) -> None:
        """Pick up, within a second, what other processes wrote: new jobs and wishes; and hand over when asked."""
        while True:
            await self._clock.sleep(LISTEN_EVERY_S)
            if self._should_hand_over():
                self.handed_over = True
                self.stop()
                return
            try:
                self._seen_job, new = await self._stores.jobs.accepted_since(self._seen_job)
                self._seen_wish, wished = await self._stores.wishes.added_since(self._seen_wish)
            except Exception:
                # A database that is briefly unreadable must not make the engine deaf for good.
                log.exception("engine.listen_failed")
                continue
            unknown = [job_id for job_id in new if job_id not in self._started]
            self._started.difference_update(new)
            for job_id in dict.fromkeys([*unknown, *wished]):
                self._launch(job_id)

    async def _line(self) -> None:
        """Give jobs their turn whenever capacity may have changed, and once a second."""
        looked_at = -LINE_EVERY_S
        while True:
            try:
                async with asyncio.timeout(LINE_EVERY_S):
                    await self._line_changed.wait()
                    await self._clock.sleep(LINE_SETTLES_S)
            except TimeoutError:
                pass
            self._line_changed.clear()
            is_time = self._clock.monotonic() - looked_at >= LINE_EVERY_S
            if is_time:
                looked_at = self._clock.monotonic()
            for name in self._turns.providers:
                try:
                    if is_time:
                        await self._turns.look_at(name)
                    await self._serve(name)
                except Exception:
                    # One provider's line must not hold up the others'.
                    log.exception("engine.line_failed", provider=name)

    async def _serve(self, name: str) -> None:
        for job_id in await self._turns.turns(name):
            if job_id not in self._active:
                self._launch(job_id, turn=True)

    async def _reconciler(self) -> None:
        """Ended jobs stay under watch for seven days: evidence that arrives late is still acted on."""
        while True:
            try:
                for job_id in await self._tracker.reconcile():
                    self._launch(job_id)
            except Exception:
                # The next round tries again.
                log.exception("engine.reconcile_failed")
            await self._clock.sleep(RECONCILE_EVERY_S)
