"""One process that runs jobs: each is one long task, which takes the job over when it starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.errors import DatabaseUnavailable
from bot.tracker.desk import Desk
from bot.tracker.ownership import Claims
from bot.tracker.tracker import Tracker
from tests.simulation.loop import Process
from tests.simulation.wire import SkewedClock, wake

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

AFTER_A_FAULT_S = 5.0


@dataclass(slots=True, eq=False)
class Row:
    """One row of the queue: a job that is somebody's to run."""

    job_id: str
    worker: Worker | None = None


@dataclass(slots=True, eq=False)
class Run:
    """One task: a job in the hands of one worker."""

    row: Row
    turn: bool = False
    woken: bool = True
    bell: Any = None
    is_followed: bool = False
    """Another run of the same job, in the same process, waits for this one to end."""
    over: Any = None

    def ring(self) -> None:
        if self.bell is not None:
            wake(self.bell)


class Worker:
    """One process that runs jobs."""

    def __init__(self, process: Process, clock: SkewedClock, desk: Desk, cluster: Cluster) -> None:
        self.process = process
        self.clock = clock
        self.claims = Claims()
        self.tracker = Tracker(desk, ownership=self.claims)
        self._cluster = cluster
        self._loop = cluster.loop
        self.runs: dict[str, Run] = {}

    def begin(self, row: Row) -> None:
        """The queue handed it to us."""
        self._loop.create_task(self._run(Run(row)), context=self.process.context.copy())

    def hear(self, job_id: str, *, turn: bool = False) -> None:
        """A notice came in."""
        run = self.runs.get(job_id)
        if run is None:
            self._cluster.defer(job_id)
            return
        run.turn, run.woken = run.turn or turn, True
        run.ring()

    async def _run(self, run: Run) -> None:
        job_id = run.row.job_id
        try:
            await self._follow(job_id)
            self.runs[job_id] = run
            await self._take_over(run)
            while not run.is_followed and await self._go_on(run):
                pass
        except asyncio.CancelledError:
            self._cluster.retry(run.row)
            raise
        finally:
            if self.runs.get(job_id) is run:
                del self.runs[job_id]
                self.claims.drop(job_id)
            if run.over is not None:
                wake(run.over)
        if self.tracker.stopping:
            self._cluster.retry(run.row)
        else:
            self._cluster.finish(run.row)

    async def _follow(self, job_id: str) -> None:
        """A job that others took from us may come back: one run after the other, for both would have the same claim."""
        while (before := self.runs.get(job_id)) is not None:
            before.is_followed = True
            before.ring()
            before.over = before.over or self._loop.create_future()
            await before.over

    async def _take_over(self, run: Run) -> None:
        """Claimed once; whatever is claimed again was lost meanwhile."""
        while True:
            try:
                job = await self.tracker.desk.stores.jobs.take_over(run.row.job_id)
            except DatabaseUnavailable:
                await self.clock.sleep(1.0)
                continue
            self.claims.add(job)
            return

    async def _go_on(self, run: Run) -> bool:
        turn, woken = run.turn, run.woken
        run.turn = run.woken = False
        seconds = AFTER_A_FAULT_S
        try:
            wait = await self.tracker.run(run.row.job_id, turn=turn, woken=woken)
        except Exception as error:
            # As every engine does: one job's fault does not end the others, and it is tried again.
            self._cluster.step_failed(error)
            run.woken, wait = True, None
        if self.tracker.stopping:
            return False
        if wait is not None:
            if wait.lost or (wait.until is None and not wait.for_turn):
                return False
            seconds = 60.0 if wait.until is None else self._seconds_until(wait.until)
            if run.woken or run.turn:
                return True
        await self._pause(run, seconds)
        return True

    async def _pause(self, run: Run, seconds: float) -> None:
        run.bell = self._loop.create_future()
        alarm = self._loop.call_later(seconds, wake, run.bell)
        await run.bell
        alarm.cancel()
        run.bell = None

    def _seconds_until(self, moment: datetime) -> float:
        return max(0.0, (moment - self.clock.now()).total_seconds())
