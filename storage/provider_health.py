"""How each provider fares: pause and breaker, in the database, so that every process sees the same."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Clock
from bot.tracker.breaker import Health
from storage import tables
from storage.database import Database, of_provider

_table = tables.provider_health

ALL = "*"
"""Stands for every provider in `pause` and `resume`."""


_LOAD = sa.select(_table).where(sa.or_(_table.c.provider == ALL, _table.c.provider == sa.bindparam("of_provider")))


class ProviderHealth:
    """Pause and breaker of every provider."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def load(self, provider: str) -> Health:
        """How it fares now; a pause of all providers counts."""
        async with self._database.look() as connection:
            return await connection.run_sync(health_in, provider)

    async def change(self, provider: str, change: Callable[[Health], Health]) -> None:
        """Apply a pure change; writes nothing when it changes nothing."""
        before = await self.load(provider)
        if change(before) == before:
            return
        async with self._database.write("provider health", among=(of_provider(provider),)) as connection:
            row = await _row(connection, provider)
            after = change(health_from_row(provider, row, paused=False))
            await _save(
                connection,
                provider,
                ambiguous=after.ambiguous,
                failures=after.failures,
                throttled=after.throttled,
                opened=after.opened,
                open_until=after.open_until,
                reason=after.reason,
            )

    async def pause(self, provider: str, by: str) -> None:
        """No new creates at this provider (or `ALL`); running jobs finish."""
        async with self._database.write("pause") as connection:
            await _save(connection, provider, paused_at=self._clock.now(), paused_by=by)

    async def resume(self, provider: str) -> None:
        """Creates again. Resuming one provider does not lift a pause of all; resuming all lifts every pause.

        A provider that rests is asked at once whether it is well again.
        """
        async with self._database.write("resume") as connection:
            rests = sa.case((_table.c.open_until.is_not(None), sa.literal(self._clock.now(), tables.UtcTime)))
            chosen = _table.update().values(paused_at=None, paused_by=None, open_until=rests)
            await connection.execute(chosen if provider == ALL else chosen.where(_table.c.provider == provider))

    async def paused(self) -> list[str]:
        """Providers that are paused; `ALL` among them when everything is."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_table.c.provider).where(_table.c.paused_at.is_not(None)))
            return [row.provider for row in rows]


def health_in(connection: sa.Connection, provider: str) -> Health:
    """How a provider fares, inside a transaction."""
    found = connection.execute(_LOAD, {"of_provider": provider})
    rows = {row["provider"]: row for row in found.mappings()}
    everything = rows.get(ALL)
    paused = everything is not None and everything["paused_at"] is not None
    return health_from_row(provider, rows.get(provider), paused=paused)


async def _row(connection: AsyncConnection, provider: str) -> sa.RowMapping | None:
    found = await connection.execute(sa.select(_table).where(_table.c.provider == provider))
    return found.mappings().first()


def health_from_row(provider: str, row: sa.RowMapping | None, *, paused: bool) -> Health:
    """A row of the table; `paused`: all of them are."""
    if row is None:
        return Health(provider=provider, paused=paused)
    return Health(
        provider=provider,
        paused=paused or row["paused_at"] is not None,
        ambiguous=row["ambiguous"],
        failures=row["failures"],
        throttled=row["throttled"],
        opened=row["opened"],
        open_until=row["open_until"],
        reason=row["reason"],
    )


async def _save(connection: AsyncConnection, provider: str, **columns: object) -> None:
    if await _row(connection, provider) is None:
        blank = {"ambiguous": 0, "failures": 0, "throttled": 0, "opened": 0}
        await connection.execute(_table.insert().values(provider=provider, **(blank | columns)))
    else:
        await connection.execute(_table.update().where(_table.c.provider == provider).values(**columns))
