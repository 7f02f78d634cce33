"""Small things one process tells its later selves: what was synchronised last, and which alerts were told."""

from __future__ import annotations

import sqlalchemy as sa

from bot.ports import Clock
from storage import tables
from storage.database import Database

_meta = tables.meta
_alerts = tables.alerts


class Notes:
    """The notes of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, name: str) -> str | None:
        """What was last written down under this name."""
        async with self._database.look() as connection:
            row = (await connection.execute(sa.select(_meta.c.value).where(_meta.c.key == f"note.{name}"))).first()
        return row.value if row else None

    async def put(self, name: str, value: str) -> None:
        """Write something down in the place of what was there."""
        key = f"note.{name}"
        async with self._database.write("note") as connection:
            await connection.execute(_meta.delete().where(_meta.c.key == key))
            await connection.execute(_meta.insert().values(key=key, value=value))

    async def is_first_today(self, cause: str) -> bool:
        """Whether an alert for this cause was not told yet today (UTC); says so once, whichever process asks."""
        today = f"{self._clock.now():%Y-%m-%d}"
        async with self._database.write("alert") as connection:
            told = (await connection.execute(sa.select(_alerts.c.day).where(_alerts.c.cause == cause))).first()
            if told is not None and told.day == today:
                return False
            await connection.execute(_alerts.delete().where(_alerts.c.cause == cause))
            await connection.execute(_alerts.insert().values(cause=cause, day=today))
        return True
