"""The engine for many workers: one long task of Procrastinate's per job, in PostgreSQL.

A waiting job costs a coroutine. Every run of a job begins by taking it over, which raises its epoch: whoever ran it
before changes nothing any more, dead or not. What Procrastinate leaves to its users is done here (decision 0045): the
jobs of dead workers are handed on, a worker that ended is started again, and a draining one goes on to give signs of life.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from typing import Any

import procrastinate
import procrastinate.worker
import structlog

from adapters.engine.leader import Leader
from adapters.engine.line import LINE_SETTLES_S, Line
from adapters.engine.queue import DEAD_AFTER_S, HEARTBEAT_S, QUEUE, RUN_JOB, HandedOn, Queue
from adapters.engine.wakeups import Wakeups
from adapters.engine.worker import StoppableWorker, Waiting
from bot.ids import JobId
from bot.ports import Clock
from bot.stores import Stores
from bot.tracker.desk import Wait
from bot.tracker.ownership import Claims
from bot.tracker.tracker import Tracker

log = structlog.get_logger(__name__)

CONCURRENT_STEPS = 32
"""Jobs at a step at the same moment; waiting jobs do not count."""
MOST_JOBS = 10_000
"""Jobs in one worker, nearly all of them waiting; the others' workers can take a dead one's along."""
FETCH_EVERY_S = 2.0
"""How long a job that was handed on lies in the queue at most: nothing announces it."""
AFTER_A_FAULT_S = 5.0
AGAIN_AFTER_S = 1.0


class ProcrastinateEngine:
    """One worker: bounded, resuming, draining."""

    def __init__(
        self,
        queue: Queue,
        tracker: Tracker,
        stores: Stores,
        clock: Clock,
        *,
        concurrent_steps: int = CONCURRENT_STEPS,
        chores: Callable[[], Awaitable[None]] | None = None,
        catch_up: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`chores` runs, until cancelled, in one worker of all: what is to be done only once. `catch_up`: see `Leader`."""
        self._queue = queue
        self._tracker = tracker
        self._stores = stores
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrent_steps)
        self._claims = Claims()
        self._line = Line(tracker.desk, stores, clock)
        self._leader = Leader(queue, tracker, stores, clock, self._line, chores, self._give_turns, catch_up)
        self._jobs: dict[JobId, Waiting] = {}
        self._line_changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._begun = asyncio.Event()
        self._worker: StoppableWorker | None = None
        self._register()

    # --- the port -------------------------------------------------------------------------------------------------

    async def start(self, job_id: JobId) -> None:
        """See to it that some worker runs the job. Harmless when called twice."""
        await self._queue.start(job_id)

    async def wake(self, job_id: JobId) -> None:
        """End the job's wait now, in whichever worker it waits."""
        if job_id in self._jobs:
            self._heard("wake", job_id)
        else:
            await self._queue.wake(job_id)

    # --- the life of the engine -------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Count this start: a database that knows of fewer is an older copy. Jobs are taken over one by one."""
        self._tracker.stopping = False
        self._tracker.ownership = self._claims
        epoch = await self._stores.jobs.raise_epoch()
        log.info("engine.began", epoch=epoch)

    async def run(self, *, drain_s: float = 30.0) -> None:
        """Run until `stop` is called, then let what is at a step finish, for at most `drain_s` seconds."""
        wakeups = Wakeups(
            self._queue.conninfo,
            self._queue.options,
            heard=self._heard,
            connected=self._catch_up,
            leading=self._leader.lead,
        )
        async with asyncio.TaskGroup() as tasks:
            beside = [
                tasks.create_task(each)
                for each in (wakeups.run(), self._leader.run(), self._serve_line(), self._stay_alive())
            ]
            working = tasks.create_task(self._work(drain_s))
            await self._stopping.wait()
            await working
            for each in beside:
                each.cancel()

    async def ready(self) -> None:
        """Return once the engine takes jobs."""
        await self._begun.wait()

    def stop(self) -> None:
        """Begin to drain: steps that are under way are finished, everything that waits goes back to the queue."""
        self._tracker.stopping = True
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()

    @property
    def waiting(self) -> int:
        """How many jobs this worker has."""
        return len(self._jobs)

    # --- Procrastinate's worker -------------------------------------------------------------------------------------

    def _register(self) -> None:
        app = self._queue.app
        # A job whose task is cancelled goes back to the queue: the worker stops, the job does not.
        again = procrastinate.RetryStrategy(wait=0, retry_exceptions=(asyncio.CancelledError, HandedOn))  # type: ignore[arg-type]

        @app.task(name=RUN_JOB, queue=QUEUE, retry=again)
        async def run_job(job_id: str) -> None:
            await self._run_job(JobId(job_id))

        # Without any periodic task Procrastinate does not notice when its other tasks end (seen with 3.10.0).
        @app.periodic(cron="0 4 * * *", periodic_id="reelbot")
        @app.task(name="reelbot.keep_watch", queue=QUEUE)
        async def keep_watch(timestamp: int) -> None:
            """Nothing: it has to exist."""

    async def _work(self, drain_s: float) -> None:
        """A worker that ends, because the database was away, is followed by another one."""
        while not self._stopping.is_set():
            self._worker = StoppableWorker(
                app=self._queue.app,
                stopped=self._rouse,
                queues=[QUEUE],
                concurrency=MOST_JOBS,
                fetch_job_polling_interval=FETCH_EVERY_S,
                shutdown_graceful_timeout=drain_s,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=DEAD_AFTER_S,
            )
            self._begun.set()
            try:
                await self._until_stopped(self._worker.run())  # type: ignore[no-untyped-call]
            except Exception:
                log.warning("engine.worker_ended", exc_info=True)
            if not self._stopping.is_set():
                await asyncio.sleep(AGAIN_AFTER_S)

    def _rouse(self) -> None:
        """Whatever waits here looks up, and finds that its worker ends."""
        for waiting in self._jobs.values():
            waiting.event.set()

    async def _until_stopped(self, running: Coroutine[Any, Any, None]) -> None:
        work = asyncio.ensure_future(running)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._worker is not None:
                self._worker.stop()
            await work
        finally:
            stopping.cancel()
            work.cancel()

    async def _stay_alive(self) -> None:
        """Also while draining, when Procrastinate gives no more signs of life: others would take our jobs meanwhile."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            worker = self._worker
            if self._stopping.is_set() and worker is not None and worker.worker_id is not None:
                with contextlib.suppress(Exception):  # the database is away, or the worker has just gone
                    await self._queue.note_alive(worker.worker_id)

    # --- running one job --------------------------------------------------------------------------------------------

    async def _run_job(self, job_id: JobId) -> None:
        worker = self._worker
        if worker is None or worker.ends:
            raise HandedOn
        while (before := self._jobs.get(job_id)) is not None:
            # Handed on by others, who took us for dead, and come back to us: one after the other. Side by side they would
            # have one epoch, which tells processes apart and not two runs in one, and could both post.
            before.is_followed = True
            before.event.set()
            await before.over.wait()
        waiting = self._jobs[job_id] = Waiting()
        try:
            job = await self._stores.jobs.take_over(job_id)
            if job is not None:
                self._claims.add(job)
                await self._go_on(job_id, waiting, worker)
        finally:
            self._claims.drop(job_id)
            del self._jobs[job_id]
            waiting.over.set()

    async def _go_on(self, job_id: JobId, waiting: Waiting, worker: StoppableWorker) -> None:
        woken = True
        while not waiting.is_followed:
            turn, waiting.turn = waiting.turn, False
            waiting.event.clear()
            if worker.ends:
                raise HandedOn
            wait = await self._step(job_id, turn=turn, woken=woken)
            if wait.lost or await self._is_over(job_id, wait):
                return
            waiting.for_turn = wait.for_turn
            woken = await self._wait(waiting, wait.until)
            waiting.for_turn = False

    async def _step(self, job_id: JobId, *, turn: bool, woken: bool) -> Wait:
        moves = self._tracker.moves
        async with self._slots:
            if self._stopping.is_set():
                return Wait(until=self._clock.now())
            try:
                return await self._tracker.run(job_id, turn=turn, woken=woken)
            except Exception:
                # One job's fault must not end the others; it is tried again, and the log says where it broke.
                log.exception("job.step_failed", job_id=job_id)
                await asyncio.sleep(AFTER_A_FAULT_S)
                return Wait(until=self._clock.now())
            finally:
                if turn or self._tracker.moves != moves:
                    # A poll that learned nothing gave nobody room.
                    self._line_changed.set()

    async def _is_over(self, job_id: JobId, wait: Wait) -> bool:
        """Ended, with nothing asked of it since: read afresh, so that a wish of the last moment is seen."""
        if wait.until is not None or wait.for_turn:
            return False
        job = await self._stores.jobs.load(job_id)
        if job is None:
            return True
        if job.is_final and job.wished:
            self._heard("wake", job_id)
            return False
        return job.is_final

    async def _wait(self, waiting: Waiting, until: datetime | None) -> bool:
        """True when something happened, False when it is time."""
        seconds = None if until is None else max(0.0, (until - self._clock.now()).total_seconds())
        try:
            async with asyncio.timeout(seconds):
                await waiting.event.wait()
        except TimeoutError:
            return False
        return True

    # --- what is heard, and whose turn it is --------------------------------------------------------------------------

    def _heard(self, word: str, job_id: JobId) -> None:
        waiting = self._jobs.get(job_id)
        if waiting is None or (word == "turn" and not waiting.for_turn):
            # A turn that was told late: the job has had it, or is looking just now, and the line is served again then.
            return
        waiting.turn = waiting.turn or word == "turn"
        waiting.event.set()

    async def _catch_up(self) -> None:
        """What was said while nobody listened: wishes are rows, and still there."""
        for job_id in await self._stores.wishes.unanswered():
            self._heard("wake", job_id)

    async def _serve_line(self) -> None:
        """Give jobs their turn whenever something that happened here may have made room."""
        while True:
            await self._line_changed.wait()
            await self._clock.sleep(LINE_SETTLES_S)
            self._line_changed.clear()
            for name in self._line.providers:
                try:
                    await self._give_turns(name)
                except Exception:
                    # One provider's line must not hold up the others'.
                    log.exception("engine.line_failed", provider=name)

    async def _give_turns(self, name: str) -> None:
        turns = await self._line.turns(name)
        for job_id in turns:
            self._heard("turn", job_id)
        if elsewhere := [job_id for job_id in turns if job_id not in self._jobs]:
            await self._queue.tell("turn", elsewhere)
