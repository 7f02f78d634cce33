"""The engine of the simulation: fifty workers that claim jobs, a queue, a sweeper, and somebody who looks at the line.

As `facts/engine.md` measured it: a job is one long task on one worker, which takes it over when the task starts. A worker
that was silent for fifteen seconds loses its jobs to others; it may go on all the same, and is then a zombie. Wake-ups are
notices that can get lost. Nothing here is fenced: the end of a zombie's task is taken for the end of its successor's.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from bot.errors import DatabaseUnavailable, DiskFull, ProviderUnavailable
from bot.tracker.breaker import Health
from tests.simulation.chance import Chances
from tests.simulation.loop import NOBODY, Life, Process, VirtualLoop
from tests.simulation.tables import Tables
from tests.simulation.wire import SkewedClock
from tests.simulation.worker import Row, Worker

SILENT_S = 15.0
FREEZES_S = ((1.0, 14.0), (15.0, 20.0), (45.0, 75.0), (45.0, 75.0))
"""Before anybody notices, just when others take over, and long after."""
MOST_AWAY = 0.3
"""No more than this share of the workers is dead or frozen at once."""


class Cluster:
    """`bot.ports.Engine`, and everything that goes on by itself."""

    def __init__(
        self,
        loop: VirtualLoop,
        tables: Tables,
        chances: Chances,
        rng: random.Random,
        clock: SkewedClock,
        happened: Counter[str],
    ) -> None:
        self.loop = loop
        self.clock = clock
        self.happened = happened
        self.broken: list[str] = []
        """What broke in a step that no fault of the play explains."""
        self.is_over = False
        self._tables = tables
        self._chances = chances
        self._rng = rng
        self._rows: dict[str, Row] = {}
        self._workers: list[Worker] = []
        self._build: Callable[[int], Worker]
        self._bell: Any = None
        self._overlooked: set[str] = set()

    def open(self, workers: int, build: Callable[[int], Worker]) -> None:
        """Start every worker, and what watches over them."""
        self._build = build
        self._workers = [build(number) for number in range(workers)]
        for name in self._workers[0].tracker.desk.providers:
            for keeper, every_s in enumerate((1.0, 3.7)):
                self._watch(self._keep_line(name, keeper, every_s))
        for watching in (self._sweep_rows(), self._reconcile(), self._set_clocks()):
            self._watch(watching)

    def _watch(self, coro: Any) -> None:
        self.loop.create_task(coro, context=NOBODY.copy())

    # --- the queue ---------------------------------------------------------------------------------------------------

    async def start(self, job_id: str) -> None:
        self.defer(job_id)

    async def wake(self, job_id: str) -> None:
        self._notify(job_id)

    def defer(self, job_id: str) -> None:
        """A row for the job, unless it has one."""
        if job_id not in self._rows:
            self._rows[job_id] = row = Row(job_id)
            self._assign(row)

    def retry(self, row: Row) -> None:
        """Somebody else is to run it."""
        if self._rows.get(row.job_id) is row:
            self._assign(row)

    def finish(self, row: Row) -> None:
        """A task has ended. Whose it was, nobody asks."""
        if self._rows.get(row.job_id) is row:
            del self._rows[row.job_id]

    def _assign(self, row: Row) -> None:
        row.worker = worker = self._anybody()
        late_s = 5.0 if self._rng.random() < 0.05 else 0.05
        self.loop.call_later(late_s * self._rng.random(), worker.begin, row, context=worker.process.context.copy())

    def _anybody(self) -> Worker:
        while True:
            worker = self._rng.choice(self._workers)
            if worker.process.life is Life.RUNS and not worker.tracker.stopping:
                return worker

    def _notify(self, job_id: str, *, turn: bool = False) -> None:
        if self._rng.random() < self._chances.notice_lost:
            self.happened["notice lost"] += 1
            return
        row = self._rows.get(job_id)
        if row is None:
            self.defer(job_id)
        elif (worker := row.worker) is not None:
            context = worker.process.context.copy()
            self.loop.call_later(0.003, lambda: worker.hear(job_id, turn=turn), context=context)

    def step_failed(self, error: Exception) -> None:
        self.happened[f"step failed: {type(error).__name__}"] += 1
        if not isinstance(error, DatabaseUnavailable | DiskFull):
            self.broken.append(f"a step broke: {error!r}")

    # --- what befalls workers ----------------------------------------------------------------------------------------

    def strike(self, process: Process, what: str) -> None:
        """Something befalls the process in the next few milliseconds, wherever it will stand then."""
        struck = next((worker for worker in self._workers if worker.process is process), None)
        away = sum(worker.process.life is not Life.RUNS for worker in self._workers)
        if struck is None or struck.tracker.stopping or away >= MOST_AWAY * len(self._workers) or self.is_over:
            return
        self.happened[what] += 1
        deed = {"kill": self._kill, "freeze": self._freeze, "stop": self._stop}[what]
        self.loop.call_later(0.03 * self._rng.random(), deed, struck, context=NOBODY)

    def _kill(self, worker: Worker) -> None:
        if worker.process.life is Life.DEAD:
            return
        self.loop.kill(worker.process)
        self.loop.call_later(SILENT_S + 3 * self._rng.random(), self._hand_on, worker, context=NOBODY)
        number = self._workers.index(worker)
        self.loop.call_later(1 + 20 * self._rng.random(), self._restart, number, context=NOBODY)

    def _restart(self, number: int) -> None:
        self._workers[number] = self._build(number)

    def _freeze(self, worker: Worker) -> None:
        if worker.process.life is not Life.RUNS:
            return
        shortest, longest = self._rng.choice(FREEZES_S)
        seconds = self._rng.uniform(shortest, longest)
        self.loop.freeze(worker.process)
        self.loop.call_later(SILENT_S + 3 * self._rng.random(), self._hand_on, worker, context=NOBODY)
        self.loop.call_later(seconds, self.loop.thaw, worker.process, context=NOBODY)

    def _stop(self, worker: Worker) -> None:
        """SIGTERM: steps may end for five seconds, then they are cancelled, then the process is gone."""
        worker.tracker.stopping = True
        for run in worker.runs.values():
            worker.process.context.copy().run(run.ring)
        self.loop.call_later(5.0, self._cancel, worker, context=NOBODY)
        self.loop.call_later(6.0, self._kill, worker, context=NOBODY)

    def _cancel(self, worker: Worker) -> None:
        for task in list(worker.process.tasks):
            task.cancel()

    def _hand_on(self, worker: Worker) -> None:
        """The sweeper: who does not give a sign of life has no jobs any more."""
        if worker.process.life is not Life.RUNS:
            for row in [row for row in self._rows.values() if row.worker is worker]:
                self.happened["job handed on"] += 1
                self._assign(row)

    # --- what goes on by itself --------------------------------------------------------------------------------------

    def somebody_waits(self) -> None:
        """A job is in line."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    async def _keep_line(self, name: str, keeper: int, every_s: float) -> None:
        """Two look at every line, neither knowing of the other: a turn is an offer, the grant decides."""
        tables, clock = self._tables, self.clock
        provider = self._workers[0].tracker.desk.providers[name]
        most = self._workers[0].tracker.desk.person_concurrent
        while not self.is_over:
            await clock.sleep(every_s)
            if not tables.queued[name]:
                if self._bell is None or self._bell.done():
                    self._bell = self.loop.create_future()
                await self._bell
                continue
            health = tables.health.get(name)
            if keeper == 0 and health is not None and health.rest_is_over(clock.now()):
                await self._try_again(name)
            for job_id in tables.next_in_line(name, provider.capacity, most, clock.now()):
                self._notify(job_id, turn=True)

    async def _try_again(self, name: str) -> None:
        answered, now = True, self.clock.now()
        try:
            await self._workers[0].tracker.desk.providers[name].balance()
        except ProviderUnavailable:
            answered = False

        def change(health: Health) -> Health:
            return health.after_free_request(answered=answered, now=now)

        self._tables.change_health(name, change)

    async def _sweep_rows(self) -> None:
        """Trust only the jobs' own rows: what has something to be done and is in nobody's hands is begun anew."""
        while not self.is_over:
            await self.clock.sleep(30.0)
            alone = {job_id for job_id in self._tables.unattended() if job_id not in self._rows}
            for job_id in sorted(alone & self._overlooked):
                self.happened["job found alone"] += 1
                self.defer(job_id)
            self._overlooked = alone

    async def _reconcile(self) -> None:
        while not self.is_over:
            await self.clock.sleep(3600.0)
            worker = self._anybody()
            self.loop.create_task(self._reconcile_at(worker), context=worker.process.context.copy())

    async def _reconcile_at(self, worker: Worker) -> None:
        try:
            found = await worker.tracker.reconcile()
        except DatabaseUnavailable:
            return
        for job_id in found:
            self._notify(job_id)

    async def _set_clocks(self) -> None:
        """Wall clocks are set now and then, each by at most a second, and are never more than two off."""
        while not self.is_over:
            await self.clock.sleep(600.0)
            for worker in self._rng.sample(self._workers, k=min(5, len(self._workers))):
                moved = worker.clock.skew_s + self._rng.uniform(-1.0, 1.0)
                worker.clock.skew_s = max(-2.0, min(2.0, moved))
