"""Who of several processes does what only one may do at a time, until a time that the owner keeps moving on.

Leases stand beside the paces, as rows of their own: until when nobody else may begin. Their owner is part of the name, so
that only the owner can keep one; who dies leaves it to the next when its time is over.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Clock
from storage import tables
from storage.database import Database

_table = tables.paces


class Leases:
    """Implements `bot.stores.LeaseStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """`clock` counts where the database has no clock of its own: on SQLite, which is one machine."""
        self._database = database
        self._clock = clock

    async def take(
        self, group: str, extent: str, owner: str, *, for_s: float, clashes: Callable[[str, str], bool]
    ) -> str | None:
        """Take it or keep it for so long; the extent of another owner that it clashes with, and then nothing was taken."""
        prefix, mine = f"lease {group} ", _name(group, extent, owner)
        async with self._database.write("lease", among=(prefix,)) as connection:
            now = await self._now(connection)
            of_group = _table.c.name.startswith(prefix, autoescape=True)
            # Further ahead than anybody takes it: that was written before a clock was put back.
            is_over = sa.or_(_table.c.next_at <= now, _table.c.next_at > now + timedelta(seconds=for_s))
            await connection.execute(_table.delete().where(of_group, is_over))
            found = await connection.execute(sa.select(_table.c.name).where(of_group, _table.c.name != mine))
            for row in found:
                another = str(row.name).removeprefix(prefix).rpartition(" ")[0]
                if clashes(extent, another):
                    return another
            await connection.execute(_table.delete().where(_table.c.name == mine))
            await connection.execute(_table.insert().values(name=mine, next_at=now + timedelta(seconds=for_s)))
        return None

    async def give_back(self, group: str, extent: str, owner: str) -> None:
        """Another may have it at once."""
        async with self._database.write("lease", among=(f"lease {group} ",)) as connection:
            await connection.execute(_table.delete().where(_table.c.name == _name(group, extent, owner)))

    async def _now(self, connection: AsyncConnection) -> datetime:
        if self._database.dialect != "postgresql":
            return self._clock.now()
        found: datetime = (await connection.execute(sa.select(sa.func.clock_timestamp()))).scalar_one()
        return found


def _name(group: str, extent: str, owner: str) -> str:
    """Owners have no spaces in them."""
    return f"lease {group} {extent} {owner}"
