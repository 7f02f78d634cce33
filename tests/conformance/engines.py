"""Every engine, on a data directory that processes come and go on; and an outside whose every call can be held up.

Another engine is one more name in `ENGINES`, and in `EngineBench.settings` what makes an App use it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.engine.embedded import EmbeddedEngine
from adapters.engine.procrastinate import ProcrastinateEngine
from bot.app import App, Parts, open_app
from bot.ground.many_machines import ManyMachines
from bot.jobs.model import Asset, InputRef, Job
from bot.jobs.states import State
from bot.ports import (
    Accepted,
    Checkpoint,
    CheckResult,
    Engine,
    HostedInput,
    ImageLimits,
    Parcel,
    PreparedImage,
    Receipt,
    SubmitRequest,
)
from bot.settings import load_settings
from bot.tracker.schedule import Times
from tests import postgres
from tests.factories import a_request
from tests.fakes.courier import FakeCourier
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.patience import PATIENCE_S

ENGINES = ("embedded", "procrastinate")

SOON = timedelta(milliseconds=20)
QUICK = Times(
    lookups=(SOON,), lookup_afterwards=SOON, poll_fastest=SOON, poll_slowest=SOON, retry_first=SOON,
    retry_longest=SOON, throttle_wait=SOON,
)  # fmt: skip
GENEROUS: dict[str, Any] = {
    "limits": {
        "user_daily_jobs": 10_000, "user_daily_usd": "10000", "workspace_monthly_usd": "10000",
        "installation_monthly_usd": "10000", "user_concurrent": 1000, "confirm_above_usd": "100",
    },
    "allowed_workspaces": "*",
}  # fmt: skip


async def until(condition: Callable[[], Any], *, patience_s: float = PATIENCE_S) -> None:
    """Wait for something to become true: a plain question, or one that is awaited."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = condition()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, "it never became true"
        await asyncio.sleep(0.02)


class Gate:
    """A door in the way of calls: open unless a test closes it."""

    def __init__(self) -> None:
        self._is_open = asyncio.Event()
        self._is_open.set()
        self.waiting = 0
        """How many calls stand before the closed door."""

    def close(self) -> None:
        """Nobody passes any more."""
        self._is_open.clear()

    def open(self) -> None:
        """Everybody passes."""
        self._is_open.set()

    async def passed(self) -> None:
        """Wait until the door is open."""
        self.waiting += 1
        try:
            await self._is_open.wait()
        finally:
            self.waiting -= 1


class Outside:
    """A gate before every kind of call, and how many calls were ever under way at the same moment."""

    def __init__(self) -> None:
        names = ("collect", "prepare", "host", "connect", "sent", "check", "cancel", "fetch", "deliver")
        self.gates = {name: Gate() for name in names}
        self.under_way = 0
        self.most = 0
        self.calls: list[str] = []

    async def visit(self, name: str) -> None:
        """One call: counted, and held up while its gate is closed."""
        self.calls.append(name)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            # At least one turn of the loop, so that calls that could overlap do.
            await asyncio.sleep(0)
            await self.gates[name].passed()
        finally:
            self.under_way -= 1


class HeldProvider(FakeProvider):
    """A provider whose every call passes a gate: `connect` before a request is sent, `sent` once it has arrived."""

    def __init__(self, outside: Outside, name: str = "judge") -> None:
        super().__init__(name)
        self.outside = outside

    async def host(self, asset: Asset) -> HostedInput:
        await self.outside.visit("host")
        return await super().host(asset)

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        await self.outside.visit("connect")
        accepted = await super().submit(request, about_to_send)
        await self.outside.visit("sent")
        return accepted

    async def check(self, provider_job_id: str) -> CheckResult:
        await self.outside.visit("check")
        return await super().check(provider_job_id)

    async def cancel(self, provider_job_id: str) -> bool:
        await self.outside.visit("cancel")
        return await super().cancel(provider_job_id)


class HeldCourier(FakeCourier):
    """A chat whose every call passes a gate."""

    def __init__(self, outside: Outside, folder: Path) -> None:
        super().__init__(folder)
        self.outside = outside

    async def collect(self, source: InputRef) -> Asset:
        await self.outside.visit("collect")
        return await super().collect(source)

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        await self.outside.visit("deliver")
        return await super().deliver(parcel, save)


class HeldFetcher(FakeFetcher):
    """Downloads that pass a gate."""

    def __init__(self, outside: Outside) -> None:
        super().__init__()
        self.outside = outside

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        await self.outside.visit("fetch")
        await super().fetch(url, provider, into)


class HeldWorkshop(FakeWorkshop):
    """Decoding that passes a gate."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    async def prepare_image(self, source: Path, limits: ImageLimits, into: Path) -> PreparedImage:
        await self.outside.visit("prepare")
        return await super().prepare_image(source, limits, into)


class EngineBench:
    """One data directory and one outside, for as many processes as a test opens."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.outside = Outside()
        self.provider = HeldProvider(self.outside)
        self.courier = HeldCourier(self.outside, folder)
        self.fetcher = HeldFetcher(self.outside)
        self.workshop = HeldWorkshop(self.outside)
        self.watch: Callable[[str], None] = lambda _point: None
        """Told before and after every commit and every outside call of every process."""
        self._folder = folder

    @property
    def settings(self) -> dict[str, Any]:
        """What makes a process use this engine."""
        chosen: dict[str, Any] = {"data_dir": self._folder / "data"}
        if self.kind == "procrastinate":
            chosen |= {"database_url": postgres.database_of(self._folder), "secret_key": "k" * 40}
            chosen |= {"media_url": (self._folder / "media").as_uri()}
        return chosen

    def gate(self, name: str) -> Gate:
        """The door before one kind of call."""
        return self.outside.gates[name]

    @asynccontextmanager
    async def process(self, times: Times = QUICK, **settings: Any) -> AsyncIterator[App]:
        """An App on the data directory, as a process of its own would open it; it runs nothing."""
        parts = Parts(
            providers={self.provider.name: self.provider},
            couriers={"judge": self.courier},
            workshop=self.workshop,
            fetchers={"fake": self.fetcher},
            times=times,
            watch=self._watched,
        )
        chosen = load_settings({**GENEROUS, **self.settings, **settings}, environ={}, cwd=self._folder)
        async with open_app(chosen, parts) as app:
            self.courier.media = app.service.media
            try:
                yield app
            finally:
                await app.board.settle()

    def _watched(self, point: str) -> None:
        self.watch(point)

    @asynccontextmanager
    async def running(self, times: Times = QUICK, **settings: Any) -> AsyncIterator[tuple[App, Engine]]:
        """The same, and it runs the engine."""
        async with self.process(times, **settings) as app, app.run_engine("run") as engine:
            yield app, engine

    async def delivered(self, app: App, *jobs: Job) -> bool:
        """Whether all of them are."""
        states = [(await load(app, job)).state for job in jobs]
        return states == [State.DELIVERED] * len(jobs)


@asynccontextmanager
async def engine_of(app: App, *, concurrent_steps: int = 32, drain_s: float = 0.0) -> AsyncIterator[Engine]:
    """An engine with figures of our own, on no ground's terms; what does not end in time is cut off."""
    engine: EmbeddedEngine | ProcrastinateEngine
    if isinstance(app.ground, ManyMachines):
        queue = app.ground._queue
        engine = ProcrastinateEngine(queue, app.tracker, app.stores, app.desk.clock, concurrent_steps=concurrent_steps)
    else:
        engine = EmbeddedEngine(app.tracker, app.stores, app.desk.clock, concurrent_steps=concurrent_steps)
    await engine.begin()
    before, app.switchboard.engine = app.switchboard.engine, engine
    running = asyncio.create_task(engine.run(drain_s=drain_s))
    await engine.ready()
    try:
        yield engine
    finally:
        app.switchboard.engine = before
        engine.stop()
        await running


async def ask(app: App, **changes: Any) -> Job:
    """Accept a request of Alice's."""
    job, _ = await app.service.front_desk.accept(a_request(**changes))
    return job


async def load(app: App, job: Job) -> Job:
    """As it stands."""
    found = await app.stores.jobs.load(job.id)
    assert found is not None
    return found


async def is_in(app: App, job: Job, *states: State) -> bool:
    """Whether the job is in one of these states."""
    return (await load(app, job)).state in states
