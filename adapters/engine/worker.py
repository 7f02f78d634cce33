"""What the engine of many workers is made of: where a job waits, and Procrastinate's worker as we need it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import procrastinate.worker


class Waiting:
    """Where one job's coroutine waits."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.turn = False
        self.for_turn = False
        """It is its turn that it waits for."""
        self.is_followed = False
        """Another run of the same job waits for this one to end."""
        self.over = asyncio.Event()


class StoppableWorker(procrastinate.worker.Worker):
    """Procrastinate's, which also stops by itself when the database was away, and then tells the jobs it runs."""

    def __init__(self, *, stopped: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._stopped = stopped
        self.ends = False

    def stop(self) -> None:
        """Fetch nothing more; what runs is told to give its job back."""
        super().stop()  # type: ignore[no-untyped-call]
        self.ends = True
        self._stopped()

    async def _shutdown(self, side_tasks: list[asyncio.Task[Any]]) -> None:
        """Whatever ended it. After a fetch that failed, Procrastinate 3.10.0 tells nobody, and waits for jobs that wait."""
        self.stop()
        await super()._shutdown(side_tasks)
