"""An event loop with a clock of its own: when nobody has anything to do, it is at once the time of the next timer.

Every callback belongs to the process in whose context it was made. A process can be frozen between any two awaits, gone on
with later, or killed: what is scheduled for it waits meanwhile, or never happens. The product notices nothing of this.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any


class Life(Enum):
    """What a process is doing."""

    RUNS = "runs"
    FROZEN = "frozen"
    DEAD = "dead"


class Process:
    """Something that coroutines belong to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = Life.RUNS
        self.backlog: list[_Due] = []
        """What came due while it was frozen."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In order, so that one seed is one run."""
        self.context = contextvars.Context()
        self.context.run(PROCESS.set, self)

    def __repr__(self) -> str:
        return f"<{self.name}>"


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("PROCESS", default=None)
NOBODY = contextvars.Context()
"""The context of what no process can stop: the database, the providers, the chats, the passing of time."""


class _Due:
    """A callback that is due, or will be. `asyncio` asks no more of a handle than to be cancelled."""

    __slots__ = ("args", "callback", "context")

    def __init__(self, callback: Callable[..., Any], args: tuple[Any, ...], context: contextvars.Context) -> None:
        self.callback: Callable[..., Any] | None = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        self.callback, self.args = None, ()

    def cancelled(self) -> bool:
        return self.callback is None


class VirtualLoop(asyncio.AbstractEventLoop):
    """As much of an event loop as the tracker needs, and not one system call."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ready: deque[_Due] = deque()
        self._timers: list[tuple[float, int, _Due]] = []
        self._ticket = itertools.count()
        self.turns = 0
        """Callbacks run so far."""
        self.faults: list[str] = []
        """What nobody caught: a mistake of the simulation's or the product's, never part of the play."""

    # --- what asyncio asks of a loop ---------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        process = (PROCESS.get() if context is None else context.get(PROCESS)) or None
        if process is not None:
            process.tasks[task] = None
            task.add_done_callback(lambda done: process.tasks.pop(done, None), context=NOBODY)
        return task

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        due = _Due(callback, args, contextvars.copy_context() if context is None else context)
        self._ready.append(due)
        return due

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        due = _Due(callback, args, contextvars.copy_context() if context is None else context)
        heapq.heappush(self._timers, (when, next(self._ticket), due))
        return due

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        raise NotImplementedError(f"{func} would run in a thread, and threads have a clock of their own")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        # A coroutine that vanished with its process, and an answer that nobody waits for any more, are part of the play.
        if str(context.get("message", "")).startswith("Task exception"):
            self.faults.append(repr(context.get("exception")))

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Until `main` has ended; what is still under way then is left where it is."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main, context=contextvars.Context())
            while not task.done():
                self._turn()
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def _turn(self) -> None:
        ready = self._ready
        if not ready:
            if not self._timers:
                raise RuntimeError("everybody waits, and nothing will ever happen again")
            self._now = max(self._now, self._timers[0][0])
        timers = self._timers
        while timers and timers[0][0] <= self._now:
            ready.append(heapq.heappop(timers)[2])
        for _ in range(len(ready)):
            due = ready.popleft()
            callback = due.callback
            if callback is None:
                continue
            process = due.context.get(PROCESS)
            if process is not None and process.life is not Life.RUNS:
                if process.life is Life.FROZEN:
                    process.backlog.append(due)
                continue
            self.turns += 1
            due.context.run(callback, *due.args)

    # --- what befalls a process --------------------------------------------------------------------------------------

    def freeze(self, process: Process) -> None:
        """SIGSTOP: it stands still where it is. Its clocks go on."""
        if process.life is Life.RUNS:
            process.life = Life.FROZEN

    def thaw(self, process: Process) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        if process.life is Life.FROZEN:
            process.life = Life.RUNS
            self._ready.extend(process.backlog)
            process.backlog.clear()

    def kill(self, process: Process) -> None:
        """SIGKILL: nothing of it goes on. What it sent before is on its way all the same."""
        process.life = Life.DEAD
        process.backlog.clear()
        for task in list(process.tasks):
            task._log_destroy_pending = False
            try:
                task.get_coro().close()
            except RuntimeError:
                # It would have liked to await something on its way out; dead processes do not.
                pass
        process.tasks.clear()
