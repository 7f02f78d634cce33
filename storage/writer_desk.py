"""One thread with one connection, where whole write transactions are done in a single trip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

T = TypeVar("T")


class WriterDesk:
    """The caller sees to it that one transaction at a time is asked for, beside those of `Database.write`."""

    def __init__(self, path: Path, set_up: Callable[[Any, Any], None], watch: Callable[[str], None]) -> None:
        """`set_up` is called with every new connection of the driver, `watch` before and after each commit."""
        self._watch = watch
        self._thread: ThreadPoolExecutor | None = None
        self._kept: sa.Connection | None = None
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
        sa.event.listen(self._engine, "connect", set_up)
        sa.event.listen(self._engine, "begin", _begin)

    async def transact(self, name: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        """Begin, call, commit; what the function or the commit raises is raised, and nothing was written."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "writer")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._transact, name, function, arguments)

    async def close(self) -> None:
        """Close the connection in the thread that opened it, and end the thread."""
        if self._thread is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)
            self._thread = None

    # --- in the thread --------------------------------------------------------------------------------------------

    def _transact(self, name: str, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        if self._kept is None or self._kept.invalidated:
            self._close()
            self._kept = self._engine.connect()
        connection = self._kept
        transaction = connection.begin()
        try:
            result = function(connection, *arguments)
            self._watch(f"before commit {name}")
        except BaseException:
            if not connection.invalidated:
                transaction.rollback()
            raise
        try:
            transaction.commit()
        except DatabaseError:
            # Whatever is left of the transaction goes with the connection.
            connection.invalidate()
            raise
        self._watch(f"after commit {name}")
        return result

    def _close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
