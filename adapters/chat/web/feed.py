"""Who watches jobs on the web side is told when one changes. One question to the database serves everybody who watches.

Nothing is asked while nobody watches. What happens in other processes is seen as well: the database is what is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog

from bot.ids import JobId
from bot.jobs.model import Job
from bot.stores import ChangeStore
from bot.stores.jobs import Seen
from bot.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 0.3
AFTER_A_FAULT_S = 2.0


@dataclass(slots=True, eq=False)
class Watch:
    """What one watcher was not told yet. Several changes of a job are one."""

    _wanted: Callable[[Job], bool]
    _changed: dict[JobId, Job] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def changed(self, *, within_s: float) -> list[Job]:
        """The jobs that changed since the last call, each as it is now; empty when none did for `within_s` seconds."""
        if not self._changed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._woken.wait()
        self._woken.clear()
        jobs, self._changed = list(self._changed.values()), {}
        return jobs

    def tell(self, jobs: list[Job]) -> None:
        """Some jobs changed; those that are not wanted are left out."""
        wanted = [job for job in jobs if self._wanted(job)]
        if wanted:
            self._changed |= {job.id: job for job in wanted}
            self._woken.set()


class Feed:
    """The changes of every job, to whom they concern."""

    def __init__(self, changes: ChangeStore, metrics: Metrics) -> None:
        self._changes = changes
        self._metrics = metrics
        self._watches: set[Watch] = set()
        self._looking: asyncio.Task[None] | None = None
        self._beginning = asyncio.Lock()
        self._closed = False

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watches)

    @property
    def is_closed(self) -> bool:
        """The process ends: streams come to their end."""
        return self._closed

    @contextlib.asynccontextmanager
    async def watch(self, wanted: Callable[[Job], bool]) -> AsyncIterator[Watch]:
        """Watch the jobs that `wanted` says yes to, from now on. Look at a job after this began, and nothing is missed."""
        watch = Watch(wanted)
        self._watches.add(watch)
        try:
            async with self._beginning:
                if self._looking is None or self._looking.done():
                    # Where to begin is read before anybody is let in.
                    seen, _ = await self._changes.since(None)
                    self._looking = asyncio.create_task(self._look(seen))
            with self._metrics.stream():
                yield watch
        finally:
            self._watches.discard(watch)

    def close(self) -> None:
        """Wake everybody, so that their streams end before the server does."""
        self._closed = True
        for watch in self._watches:
            watch._woken.set()  # noqa: SLF001  # ours
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self, seen: Seen) -> None:
        """Until nobody watches any more."""
        while self._watches:
            try:
                seen, jobs = await self._changes.since(seen)
            except Exception:
                # A database that is busy now is asked again; what happened meanwhile comes then.
                log.warning("feed.not_read", exc_info=True)
                await asyncio.sleep(AFTER_A_FAULT_S)
                continue
            if jobs:
                for watch in tuple(self._watches):
                    watch.tell(jobs)
            await asyncio.sleep(LOOK_EVERY_S)
