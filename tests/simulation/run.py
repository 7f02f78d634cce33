"""One simulation: what is set up, how it is run, and what is told of it afterwards."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import structlog

from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Actions
from bot.money.amount import Money
from bot.money.limits import DefaultLimits
from bot.ports import Capacity
from bot.stores import Stores
from bot.tracker import intake
from bot.tracker.desk import Desk
from bot.tracker.outside import Outside
from bot.tracker.schedule import Times
from bot.tracker.steps import fetching, submit
from tests.simulation.chance import Chances
from tests.simulation.cluster import Cluster
from tests.simulation.judges import Judges
from tests.simulation.loop import PROCESS, Process, VirtualLoop
from tests.simulation.people import People
from tests.simulation.rooms import Chat, Files, SimCourier
from tests.simulation.stores import RenderTimes, stores_for
from tests.simulation.tables import Tables
from tests.simulation.vendors import DEARER, USUAL, Client, Order, Vendor
from tests.simulation.wire import SkewedClock, Wire
from tests.simulation.worker import Worker

CAPACITIES = {
    "alpha": Capacity(max_concurrent=40, creates_per_minute=130),
    "beta": Capacity(max_concurrent=45, creates_at_once=6),
}
LIMITS = DefaultLimits(
    user_daily_jobs=14,
    user_daily_usd=Money.usd(9),
    workspace_monthly_usd=Money.usd(330),
    installation_monthly_usd=Money.usd(1_000_000),
)
TIMES = Times(poll_fastest=timedelta(seconds=2))
"""As an operator may set it: half of the polls tell half as much of the machinery and twice as much of the jobs."""
LONGEST_S = 10 * 86_400.0
"""After the last request; whatever has not ended by then never will."""
SETTLES_S = 4 * 3600.0
"""After the last job ended, for what comes in late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened."""

    seed: int
    jobs: int
    workers: int
    virtual_hours: float
    cpu_s: float
    states: Counter[str]
    errors: Counter[str]
    happened: Counter[str]
    zombies: Counter[str]
    overtaken: Counter[str]
    moves: Counter[str]
    paid: int
    posts: int
    zombie_orders: int
    turns: int
    found: dict[str, list[str]] = field(default_factory=dict)
    """What should not have been, by rule."""

    def lines(self) -> Iterator[str]:
        """For people."""
        per_job = 1000 * self.cpu_s / max(1, self.jobs)
        yield f"seed {self.seed}: {self.jobs:,} jobs over {self.workers} workers in {self.virtual_hours:,.1f} virtual hours"
        yield f"CPU: {self.cpu_s:.1f} s, {per_job:.2f} ms a job, {self.turns:,} turns of the loop"
        yield f"paid renders: {self.paid:,}; posts: {self.posts:,}; orders that a zombie sent: {self.zombie_orders:,}"
        for title, counted in (
            ("ended", self.states), ("reasons", self.errors), ("happened", self.happened),
            ("zombies' writes refused", self.zombies), ("overtaken writes refused", self.overtaken), ("moves", self.moves),
        ):  # fmt: skip
            yield f"{title}: " + ", ".join(f"{what} {count:,}" for what, count in sorted(counted.items()))
        for rule, cases in self.found.items():
            yield f"BROKEN: {rule}"
            yield from (f"    {case}" for case in cases)


class Simulation:
    """Everything of one run. Nothing outside of it is asked anything."""

    def __init__(self, *, seed: int, jobs: int, workers: int = 50, chances: Chances | None = None) -> None:
        self._seed, self._jobs, self._workers = seed, jobs, workers
        self._chances = chances or Chances()
        self.happened: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self.loop = loop = VirtualLoop()
        self._clock = SkewedClock(loop)
        self.judges = Judges(loop, self._clock, most_running=3)
        self.tables = self.judges.tables = Tables(LIMITS, self.judges)
        self.vendors = {
            name: Vendor(name, loop, self._chances, self._chance(name), capacity)
            for name, capacity in CAPACITIES.items()
        }
        self.chat = Chat(loop, self._chances, self._chance("chat"))
        self.files = Files(self.chat)
        self._times = RenderTimes(loop)
        self._outside = Outside()
        rng = self._chance("cluster")
        self.cluster = Cluster(loop, self.tables, self._chances, rng, self._clock, self.happened)
        self.judges.rings = self.cluster.somebody_waits
        self.people = self.judges.people = self._people()
        for vendor in self.vendors.values():
            vendor.call_back = self.people.called_back
            vendor.watch_accept = self.judges.taken
            vendor.watch_send = self._sent
        self.chat.watch_post = self.judges.posted

    def _chance(self, whose: str) -> random.Random:
        """A stream of its own for each, so that one thing more here changes nothing there."""
        return random.Random(f"{self._seed}/{whose}")

    def new_id(self) -> str:
        """In the place of ids that come from the time and from chance."""
        return f"{next(self._ids):08}"

    def run(self, *, until_broken: bool = False) -> Report:
        """All of it, from the first request to the last word; `until_broken`: no further than to the first broken rule."""
        began = time.process_time()
        with _quietly(self), _rare_collections():
            self.loop.run(self._until_broken() if until_broken else self._play())
        if not self.judges.found:
            self.judges.close(self.vendors, self.chat)
        for fault in (*self.loop.faults, *self.cluster.broken):
            self.judges.blame("nothing breaks", fault)
        jobs = self.tables.jobs.values()
        return Report(
            seed=self._seed,
            jobs=len(jobs),
            workers=self._workers,
            virtual_hours=self.loop.time() / 3600,
            cpu_s=time.process_time() - began,
            states=Counter(job.state.value for job in jobs),
            errors=Counter(job.error.code for job in jobs if job.error is not None),
            happened=self.happened,
            zombies=self.judges.zombies,
            overtaken=self.judges.overtaken,
            moves=self.judges.moves,
            paid=sum(len(vendor.renders) for vendor in self.vendors.values()),
            posts=sum(len(posts) for posts in self.chat.posts.values()),
            zombie_orders=self.judges.zombie_orders,
            turns=self.loop.turns,
            found=dict(self.judges.found),
        )

    async def _until_broken(self) -> None:
        broken = self.loop.create_future()
        self.judges.alarm = lambda: None if broken.done() else broken.set_result(None)
        await asyncio.wait([self.loop.create_task(self._play()), broken], return_when=asyncio.FIRST_COMPLETED)

    async def _play(self) -> None:
        self.cluster.open(self._workers, self._build)
        weather = self._chance("weather")
        for vendor in self.vendors.values():
            self._vary(vendor, weather)
        await self.people.ask_for_clips()
        end = self.loop.time() + LONGEST_S
        while self.tables.unattended() and self.loop.time() < end:
            await self._clock.sleep(60.0)
        await self._clock.sleep(SETTLES_S)
        while any(job_id in self.tables.unattended() for job_id in self.tables.unfinished) and self.loop.time() < end:
            await self._clock.sleep(60.0)
        self.cluster.is_over = True
        await self._clock.sleep(120.0)

    def _vary(self, vendor: Vendor, rng: random.Random) -> None:
        """Providers are down for a minute now and then, and change their prices."""

        def goes_down() -> None:
            vendor.is_down = True
            self.happened["outage"] += 1
            self.loop.call_later(rng.uniform(10, 90), comes_back)

        def comes_back() -> None:
            vendor.is_down = False
            self.loop.call_later(rng.expovariate(1 / 5000), goes_down)

        def changes_prices() -> None:
            vendor.rates = DEARER if vendor.rates is USUAL else USUAL
            self.loop.call_later(rng.uniform(1000, 4000), changes_prices)

        comes_back()
        self.loop.call_later(rng.uniform(500, 2000), changes_prices)

    def _sent(self, order: Order) -> None:
        self.judges.sent(order)
        self.judges.sender(order, PROCESS.get())

    # --- processes ---------------------------------------------------------------------------------------------------

    def _stores(self, process: Process, clock: SkewedClock, rng: random.Random) -> Stores:
        wire = Wire(self.loop, process, self._chances, rng, self.cluster.strike, self.happened)
        return stores_for(process, wire, self.tables, clock, self._times, self.new_id)

    def _build(self, number: int) -> Worker:
        rng = self._chance(f"worker {number}, {self.new_id()}")
        process, clock = Process(f"worker {number}"), SkewedClock(self.loop, rng.uniform(-1.5, 1.5))
        desk = Desk(
            stores=self._stores(process, clock, rng),
            providers={name: Client(vendor) for name, vendor in self.vendors.items()},
            couriers={"sim": SimCourier(self.chat)},
            media=self.files,
            workshop=self.files,
            fetchers={"sim": self.files},
            clock=clock,
            outside=self._outside,
            times=TIMES,
            scratch=Path("/scratch"),
            webhook_url=lambda _provider, token: f"https://bot.example.net/webhooks/{token}",
            rng=rng,
        )
        return Worker(process, clock, desk, self.cluster)

    def _people(self) -> People:
        process, rng = Process("front end"), self._chance("people")
        stores = self._stores(process, self._clock, self._chance("front end"))
        providers = {name: Client(vendor) for name, vendor in self.vendors.items()}
        return People(
            loop=self.loop,
            process=process,
            stores=stores,
            front_desk=FrontDesk(stores, self.files, providers, self.cluster, "alpha"),
            actions=Actions(stores, self.cluster, self._clock, TIMES),
            cluster=self.cluster,
            vendors=self.vendors,
            chances=self._chances,
            rng=rng,
            jobs=self._jobs,
            happened=self.happened,
            line=lambda: sum(map(len, self.tables.queued.values())),
        )


@contextmanager
def _quietly(simulation: Simulation) -> Iterator[None]:
    """No log, no thread, no id and no random number that does not come from the seed."""
    configured, state = structlog.get_config(), random.getstate()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    random.seed(f"{simulation._seed}/the product's own")
    replaced: list[tuple[Any, str, Callable[..., Any]]] = [
        (submit, "new_id", simulation.new_id),
        (submit, "new_token", simulation.new_id),
        (fetching, "new_id", simulation.new_id),
        (fetching, "scratch_folder", simulation.files.folder),
        (intake, "scratch_folder", simulation.files.folder),
    ]
    patches = [mock.patch.object(module, name, stand_in) for module, name, stand_in in replaced]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
        random.setstate(state)
        structlog.configure(**configured)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Hundreds of thousands of rows are kept; looking through all of them for garbage again and again costs most."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
