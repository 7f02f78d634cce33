"""A few threads with connections of their own, where a whole reading of several statements is done in a single trip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

T = TypeVar("T")

AT_ONCE = 2
"""Readings at the same moment; SQLite's readers do not wait for each other, but for Python's one lock."""


class ReaderDesk:
    """Consistent views, in which nothing can be written."""

    def __init__(self, path: Path, set_up: Callable[[Any, Any], None]) -> None:
        """`set_up` is called with every new connection of the driver."""
        self._threads: ThreadPoolExecutor | None = None
        self._engine = sa.create_engine(
            f"sqlite:///{path}",
            poolclass=QueuePool,
            pool_size=AT_ONCE,
            max_overflow=0,
            # A thread that comes to its end leaves its connection to the next one.
            connect_args={"check_same_thread": False},
        )
        sa.event.listen(self._engine, "connect", set_up)
        sa.event.listen(self._engine, "connect", _only_reads)
        sa.event.listen(self._engine, "begin", _begin)

    async def consult(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """`function(connection, *arguments)` on one view, in a thread."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, "reader")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._consult, function, arguments)

    async def close(self) -> None:
        """Close the connections once nobody uses them any more."""
        if self._threads is not None:
            threads, self._threads = self._threads, None
            await asyncio.to_thread(threads.shutdown)
        self._engine.dispose()

    def _consult(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        with self._engine.connect() as connection:
            return function(connection, *arguments)


def _only_reads(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")
