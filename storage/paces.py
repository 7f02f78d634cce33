"""Rates that all processes keep together, in one row each: the time at which the next request may go out.

With a burst of b the row may lie behind the present by b - 1 intervals: those are the requests that may go out at once.
A hold moves it into the future. On PostgreSQL everything is one statement, by the database's clock; a row is locked by
whoever changes it, so that two processes never get the same place, and only while the server carries the statement out:
a process that freezes holds up nobody. None of it is worth a transaction of the product's; a crash may lose it.

What lies an hour behind says nothing any more, and what lies further ahead than anybody is ever held was written before
a clock was put back: it is due.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Clock
from storage import tables
from storage.database import Database, insert_into

_table = tables.paces

FORGOTTEN_AFTER: Final = timedelta(hours=1)
LONGEST: Final = timedelta(hours=1)
"""Longest hold."""
FURTHEST: Final = 2 * LONGEST
"""A hold, and a line behind it."""
SWEEPS_EVERY: Final = 500
"""Reservations of a process after which it removes what lies far behind."""

_NOW: Final = "clock_timestamp()"
_RESERVE: Final = sa.text(
    f"""
    INSERT INTO paces (name, next_at)
    SELECT :name, {_NOW} + make_interval(secs => :every_s - :burst_s)
    WHERE NOT EXISTS (
        SELECT FROM paces AS held
        WHERE held.name = ANY(CAST(:besides AS text[])) AND held.next_at > {_NOW} + make_interval(secs => :within_s)
            AND held.next_at <= {_NOW} + make_interval(secs => :furthest_s)
    )
    ON CONFLICT (name) DO UPDATE
    SET next_at = greatest(
        CASE WHEN paces.next_at <= {_NOW} + make_interval(secs => :furthest_s) THEN paces.next_at END,
        {_NOW} - make_interval(secs => :burst_s)
    ) + make_interval(secs => :every_s)
    WHERE paces.next_at + make_interval(secs => :leaving_s) <= {_NOW} + make_interval(secs => :within_s)
        OR paces.next_at > {_NOW} + make_interval(secs => :furthest_s)
    RETURNING CAST(extract(epoch FROM next_at - {_NOW}) AS double precision)
    """
)
_LOOK: Final = sa.text(
    f"""
    SELECT CAST(extract(epoch FROM max(next_at + make_interval(secs => CASE name WHEN :name THEN :leaving_s ELSE 0 END))
        - {_NOW}) AS double precision)
    FROM paces WHERE name = :name OR name = ANY(CAST(:besides AS text[]))
    """
)
_HOLD: Final = sa.text(
    f"""
    INSERT INTO paces (name, next_at) VALUES (:name, {_NOW} + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE SET next_at = greatest(
        CASE WHEN paces.next_at <= {_NOW} + make_interval(secs => :furthest_s) THEN paces.next_at END, excluded.next_at
    )
    """
)
_SWEEP: Final = sa.text(
    f"""
    DELETE FROM paces WHERE name IN (
        SELECT name FROM paces WHERE next_at < {_NOW} - make_interval(secs => :seconds) FOR UPDATE SKIP LOCKED
    )
    """
)


class Paces:
    """Implements `bot.stores.PaceStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """`clock` counts where the database has no clock of its own: on SQLite, which is one machine."""
        self._database = database
        self._clock = clock
        self._has_clock = database.dialect == "postgresql"
        self._reserved = 0

    async def reserve(
        self,
        name: str,
        *,
        every_s: float,
        burst: int = 1,
        leaving: int = 0,
        within_s: float = 0.0,
        besides: Sequence[str] = (),
    ) -> float:
        """Seconds to wait before one request goes out; longer than `within_s`: nothing was reserved."""
        self._reserved += 1
        asked = {"name": name, "besides": list(besides), "within_s": float(within_s), "every_s": float(every_s)}
        asked |= {"burst_s": float((burst - 1) * every_s), "leaving_s": float(leaving * every_s)}
        asked |= {"furthest_s": FURTHEST.total_seconds()}
        async with self._alone() as connection:
            if self._has_clock:
                wait = await _reserve_there(connection, asked)
            else:
                wait = await self._reserve_here(connection, asked)
            if self._reserved % SWEEPS_EVERY == 0:
                await self._sweep(connection)
        return wait

    async def hold(self, names: Sequence[str], seconds: float) -> None:
        """Nobody sends under these names for so long; a longer hold stays."""
        seconds = min(seconds, LONGEST.total_seconds())
        async with self._alone() as connection:
            for name in names:
                if self._has_clock:
                    held = {"name": name, "seconds": float(seconds), "furthest_s": FURTHEST.total_seconds()}
                    await connection.execute(_HOLD, held)
                    continue
                until = self._clock.now() + timedelta(seconds=seconds)
                known = await self._known_here(connection, [name])
                await _put_here(connection, name, max(until, known.get(name, until)))

    def _alone(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Statements that stand each for itself on PostgreSQL; on SQLite, together one write."""
        return self._database.look() if self._has_clock else self._database.write("pace", among=())

    async def _reserve_here(self, connection: AsyncConnection, asked: dict[str, object]) -> float:
        """The same in two statements: SQLite lets nobody in between."""
        name, now = str(asked["name"]), self._clock.now()
        every, burst, leaving, within = (
            timedelta(seconds=float(str(asked[each]))) for each in ("every_s", "burst_s", "leaving_s", "within_s")
        )
        besides = asked["besides"]
        assert isinstance(besides, list)
        known = await self._known_here(connection, [name, *besides])
        own = known.pop(name, now - burst)
        if (late := max([own + leaving, *known.values()])) > now + within:
            return (late - now).total_seconds()
        next_at = max(own, now - burst) + every
        await _put_here(connection, name, next_at)
        return max(0.0, (next_at - every - now).total_seconds())

    async def _known_here(self, connection: AsyncConnection, names: Sequence[str]) -> dict[str, datetime]:
        found = await connection.execute(sa.select(_table).where(_table.c.name.in_(names)))
        furthest = self._clock.now() + FURTHEST
        return {row.name: row.next_at for row in found if row.next_at <= furthest}

    async def _sweep(self, connection: AsyncConnection) -> None:
        if self._has_clock:
            await connection.execute(_SWEEP, {"seconds": FORGOTTEN_AFTER.total_seconds()})
        else:
            await connection.execute(_table.delete().where(_table.c.next_at < self._clock.now() - FORGOTTEN_AFTER))


async def _put_here(connection: AsyncConnection, name: str, next_at: datetime) -> None:
    row = insert_into("sqlite", _table).values(name=name, next_at=next_at)
    await connection.execute(row.on_conflict_do_update(index_elements=["name"], set_={"next_at": next_at}))


async def _reserve_there(connection: AsyncConnection, asked: dict[str, object]) -> float:
    every_s, within_s = float(str(asked["every_s"])), float(str(asked["within_s"]))
    next_s = (await connection.execute(_RESERVE, asked)).scalar()
    if next_s is not None:
        return max(0.0, min(float(next_s) - every_s, within_s))
    looked = {name: asked[name] for name in ("name", "besides", "leaving_s")}
    left_s = (await connection.execute(_LOOK, looked)).scalar()
    # It may have come near meanwhile: what was refused must not look like what was given.
    return max(float(left_s or 0.0), within_s + 0.001)
