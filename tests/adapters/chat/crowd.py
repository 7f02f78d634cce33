"""Several processes of one installation, as far as talking to chats goes: connections and clients of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.chat.pacing import Pacing
from adapters.http.client import HttpClient
from bot.clock import SystemClock
from bot.errors import DatabaseUnavailable
from storage.paces import Paces
from storage.postgres import PostgresDatabase
from tests import postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One process."""

    http: HttpClient
    clock: SystemClock
    pacing: Pacing


@asynccontextmanager
async def a_crowd(folder: Path, count: int = 3) -> AsyncIterator[list[One]]:
    """So many on one PostgreSQL database."""
    databases = [PostgresDatabase(postgres.database_of(folder)) for _ in range(count)]
    clients = [HttpClient() for _ in range(count)]
    clock = SystemClock()
    yield [
        One(http=http, clock=clock, pacing=Pacing(Paces(database, clock), clock))
        for http, database in zip(clients, databases, strict=True)
    ]
    for http, database in zip(clients, databases, strict=True):
        await http.aclose()
        await database.close()


@dataclass
class CountingPaces:
    """A store that says what it is told to, and remembers that it was asked."""

    waits_s: float = 0.0
    is_away: bool = False
    reserved: list[str] = field(default_factory=list)
    held: list[tuple[str, float]] = field(default_factory=list)

    async def reserve(self, name: str, **_: Any) -> float:
        self.reserved.append(name)
        if self.is_away:
            raise DatabaseUnavailable("The database does not answer at present.")
        return self.waits_s

    async def hold(self, names: Sequence[str], seconds: float) -> None:
        if self.is_away:
            raise DatabaseUnavailable("The database does not answer at present.")
        self.held += [(name, seconds) for name in names]
