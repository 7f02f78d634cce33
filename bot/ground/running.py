"""Running an engine while a block lasts: the same on every ground."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.ids import JobId
from bot.ports import HasProcesses

if TYPE_CHECKING:
    from bot.installation import App

log = structlog.get_logger(__name__)


class Running(Protocol):
    """An engine with a life: `bot.ports.Engine`, and its beginning and end."""

    async def start(self, job_id: JobId) -> None:
        """See `bot.ports.Engine`."""
        ...

    async def wake(self, job_id: JobId) -> None:
        """See `bot.ports.Engine`."""
        ...

    async def begin(self) -> object:
        """Fence off whatever ran before."""
        ...

    async def run(self) -> None:
        """Until `stop`, and then to the last drained step."""
        ...

    async def ready(self) -> None:
        """Return once it takes jobs."""
        ...

    def stop(self) -> None:
        """Begin to drain."""
        ...


@asynccontextmanager
async def running(app: App, engine: Running, *, ended: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Run the engine while the block lasts; drain when it ends. `ended` is called when the engine has, however it did."""
    life = asyncio.create_task(_live(app, engine, ended))
    try:
        ready = asyncio.create_task(engine.ready())
        await asyncio.wait({ready, life}, return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            ready.cancel()
            life.result()
        yield
    finally:
        engine.stop()
        await life


async def _live(app: App, engine: Running, ended: Callable[[], None]) -> None:
    """From fencing off what ran before to the last drained step."""
    switchboard = app.switchboard
    before = switchboard.engine
    try:
        await engine.begin()
        await app.origin.remember_engine()
        if (held := await app.origin.held()) is not None:
            log.warning("start.held", why=held)
        # Whoever was killed last may have left cards that say less than is true, and nobody else may be there to see.
        await app.board.catch_up()
        switchboard.engine = engine
        await engine.run()
        await app.board.settle()
    finally:
        switchboard.engine = before
        for provider in app.desk.providers.values():
            if isinstance(provider, HasProcesses):
                await provider.aclose()
        ended()
