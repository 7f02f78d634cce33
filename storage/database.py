"""The database behind one door: short looks, consistent views, and serialised transactions.

Every commit of the product goes through `Database.write` or `Database.transact`, so that the crash suite can kill the
process right before and right after each of them; but paces, which a crash may lose (`storage.paces`). Two implementations: `storage.sqlite` (one file) and
`storage.postgres` (one server, many processes). Nothing above this class knows which.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")

MONEY = "money"
"""Whoever writes to the ledger: holds are checked against sums that nobody changes meanwhile."""


def of_person(person: str) -> str:
    """What a person asks for: the same request twice is one job."""
    return f"person {person}"


def of_provider(provider: str) -> str:
    """The capacity of a provider's account is counted and granted by one at a time."""
    return f"provider {provider}"


def unwatched(_point: str) -> None:
    """Nobody watches."""


class Database(ABC):
    """Where everything is remembered.

    All methods raise `DiskFull` when there was no room, and then nothing was written; `DatabaseUnavailable` when the
    database does not answer: then a transaction whose commit was under way may have been committed or not.
    """

    dialect: ClassVar[str]
    """`sqlite` or `postgresql`."""

    @abstractmethod
    def look(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """For a single statement: it is consistent by itself and needs no transaction around it."""

    @abstractmethod
    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A consistent view that blocks nobody."""

    @abstractmethod
    def write(self, name: str, *, among: Sequence[str] | None = None) -> AbstractAsyncContextManager[AsyncConnection]:
        """One serialised transaction, committed when the block ends and rolled back when it raises.

        `name` says what is being written, for the watcher. `among`: see `transact`. Never await a network inside:
        other writers wait for you.
        """

    @abstractmethod
    async def transact(
        self, name: str, function: Callable[..., T], *arguments: Any, among: Sequence[str] | None = None
    ) -> T:
        """`function(connection, *arguments)` in one serialised transaction, in a thread; its result, once committed.

        As `write`, for whole transactions that are functions of their own. The function must not touch anything that
        the event loop does, too, nor anything but the database: it may be called again where two transactions stood
        in each other's way. Cancelled meanwhile, it is awaited to its end all the same.

        `among` says what it must be serialised with: `None`, every other transaction; names, those that give one of
        these names too, and those that are serialised with every other. An empty sequence: its statements stand each
        for itself, or are fenced by the row they change.
        """

    @abstractmethod
    async def consult(self, function: Callable[..., T], *arguments: Any) -> T:
        """`function(connection, *arguments)` on one consistent view, in a thread; its result. It can write nothing.

        As `read`, for readings of several statements that are functions of their own; as with `transact`, the function
        must not touch anything that the event loop does, too.
        """

    @abstractmethod
    async def probe(self) -> None:
        """Prove that the database can be written, and write nothing. Raises whatever is in the way."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection."""


async def to_its_end(ending: Coroutine[Any, Any, T]) -> T:
    """Await it even when cancelled meanwhile, so that nobody has to guess whether it happened; then be cancelled."""
    task = asyncio.ensure_future(ending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise


def insert_into(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say what to do on a conflict; SQLite and PostgreSQL spell it alike, SQLAlchemy does not."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def new_row_id(inserted: sa.CursorResult[Any]) -> int:
    """The number the database gave to the row just inserted."""
    key = inserted.inserted_primary_key
    if key is None:
        raise ValueError("that statement inserted no row")
    return int(key[0])
