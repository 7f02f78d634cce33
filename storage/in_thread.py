"""A connection whose every statement is executed in a thread: what asynchronous code is handed where the driver blocks.

Asynchronous drivers pay for each statement with a dance of sockets and callbacks on the event loop; a hop to a thread costs
a third of it (measured with psycopg 3.3, SQLAlchemy 2.1 on Python 3.11). Results come whole: their rows are in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa

from storage.database import to_its_end

Run = Callable[..., Awaitable[Any]]


class InThread:
    """What our stores use of `AsyncConnection`. Connects with the first statement, in the same hop."""

    def __init__(self, engine: sa.Engine, run: Run) -> None:
        """`run(function, *arguments)` calls it in a thread."""
        self._engine = engine
        self._run = run
        self._connection: sa.Connection | None = None

    @property
    def dialect(self) -> sa.Dialect:
        """Of the database."""
        return self._engine.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> sa.CursorResult[Any]:
        """One statement; all its rows."""
        return await self._hop(self._execute, statement, parameters)  # type: ignore[no-any-return]

    async def exec_driver_sql(self, statement: str) -> sa.CursorResult[Any]:
        """One statement in the driver's own words."""
        return await self._hop(self._driver_sql, statement)  # type: ignore[no-any-return]

    async def run_sync(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """`function(connection, *arguments)` in one hop."""
        return await self._hop(self._call, function, arguments, named)

    async def end(self, word: str | None = None) -> None:
        """Say the last word, if any was said before, and give the connection back; never cut short."""
        if self._connection is not None:
            await self._hop(self._end, word)

    def let_go(self) -> None:
        """Give the connection back without a word: for what stood outside any transaction."""
        if self._connection is not None:
            self._connection.close()

    async def _hop(self, function: Callable[..., Any], *arguments: Any) -> Any:
        # Cancelled meanwhile, it is awaited: only then can anybody tell what the connection is in the middle of.
        return await to_its_end(self._run(function, *arguments))  # type: ignore[arg-type]

    # --- in the thread --------------------------------------------------------------------------------------------

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _execute(self, statement: Any, parameters: Any) -> sa.CursorResult[Any]:
        return self._connected().execute(statement, parameters)

    def _driver_sql(self, statement: str) -> sa.CursorResult[Any]:
        return self._connected().exec_driver_sql(statement)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return function(self._connected(), *arguments, **named)

    def _end(self, word: str | None) -> None:
        connection = self._connected()
        try:
            if word is not None and not connection.invalidated:
                connection.exec_driver_sql(word)
        finally:
            connection.close()
