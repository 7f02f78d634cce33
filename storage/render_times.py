"""How long renders took: what the schedule of polls and every estimate come from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.ports import Clock
from bot.tracker.render_times import COUNTED, Measured, RenderKey
from storage import tables
from storage.database import Database

_times = tables.render_times

KEPT = 500
"""Rows of one kind of render; more would tell nothing that the newest do not."""
FRESH_S = 60.0
"""How old an answer may be before the database is asked again: what other processes measured is heard of within this."""

_of_key = sa.and_(
    _times.c.provider == sa.bindparam("of_provider"),
    _times.c.model == sa.bindparam("of_model"),
    _times.c.duration_s == sa.bindparam("of_duration_s"),
    _times.c.resolution == sa.bindparam("of_resolution"),
)
_INSERT = _times.insert()
_NEWEST = sa.select(_times.c.seconds).where(_of_key).order_by(_times.c.id.desc()).limit(COUNTED)
_SURPLUS = sa.select(_times.c.id).where(_of_key).order_by(_times.c.id.desc()).offset(KEPT).limit(1).scalar_subquery()
_PRUNE = _times.delete().where(_of_key, _times.c.id <= _SURPLUS)
_KINDS = (_times.c.provider, _times.c.model, _times.c.duration_s, _times.c.resolution)
_age = sa.func.row_number().over(partition_by=_KINDS, order_by=_times.c.id.desc())
_numbered = sa.select(*_KINDS, _times.c.seconds, _age.label("age")).subquery()
_ALL = sa.select(_numbered).where(_numbered.c.age <= COUNTED)


class RenderTimes:
    """The measured renders of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[RenderKey, tuple[float, Measured]] = {}
        """When it was read, by the monotonic clock, and what it said."""

    async def add(self, provider: str, model: str, duration_s: int, resolution: str, seconds: float) -> None:
        """Remember that a render took so many seconds. `ValueError` for what is no length of time."""
        if not (math.isfinite(seconds) and seconds > 0):
            raise ValueError(f"no render takes {seconds} seconds")
        key = RenderKey(provider=provider, model=model, duration_s=duration_s, resolution=resolution)
        async with self._database.write("render time", among=()) as connection:
            row = {"provider": provider, "model": model, "duration_s": duration_s, "resolution": resolution}
            await connection.execute(_INSERT, row | {"seconds": seconds, "at": self._clock.now()})
            await connection.execute(_PRUNE, _bound(key))
            measured = await _read(connection, key)
        self._known[key] = (self._clock.monotonic(), measured)

    async def of(self, provider: str, model: str, duration_s: int, resolution: str) -> Measured:
        """What was measured of one kind of render: the newest `COUNTED`.

        Usually without a question to the database; what this process adds counts at once, what another adds within a
        minute.
        """
        key = RenderKey(provider=provider, model=model, duration_s=duration_s, resolution=resolution)
        now = self._clock.monotonic()
        known = self._known.get(key)
        if known is not None:
            if now - known[0] < FRESH_S:
                return known[1]
            # Whoever asks meanwhile gets the old answer: five thousand polls must not read the same rows at once.
            self._known[key] = known = (now, known[1])
        async with self._database.look() as connection:
            measured = await _read(connection, key)
        if self._known.get(key) is known:  # else something was added meanwhile, and what was read is older
            self._known[key] = (now, measured)
        return measured

    async def all(self) -> Mapping[RenderKey, Measured]:
        """Everything measured, by kind, in the order of their names; for `doctor` and the admin page."""
        seconds: dict[RenderKey, list[float]] = {}
        async with self._database.look() as connection:
            for row in await connection.execute(_ALL):
                key = RenderKey(
                    provider=row.provider, model=row.model, duration_s=row.duration_s, resolution=row.resolution
                )
                seconds.setdefault(key, []).append(row.seconds)
        ordered = sorted(seconds, key=lambda key: (key.provider, key.model, key.resolution, key.duration_s))
        return {key: Measured.of(seconds[key]) for key in ordered}


async def _read(connection: AsyncConnection, key: RenderKey) -> Measured:
    found = await connection.execute(_NEWEST, _bound(key))
    return Measured.of(found.scalars().all())


def _bound(key: RenderKey) -> dict[str, object]:
    return {
        "of_provider": key.provider,
        "of_model": key.model,
        "of_duration_s": key.duration_s,
        "of_resolution": key.resolution,
    }
