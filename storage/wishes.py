"""Wishes of people and hints of providers: rows of their own, never a change of the job."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.model import Wish, WishKind
from bot.ports import Clock
from storage import tables
from storage.database import Database, new_row_id
from storage.rows import wish_from_row

_wishes = tables.wishes


class Wishes:
    """What was asked of jobs that exist."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, job_id: JobId, kind: WishKind, by: str, details: dict[str, Any] | None = None) -> int:
        """Write a wish down; the order of ids is the order in which they count."""
        async with self._database.write(f"wish {kind}", among=()) as connection:
            inserted = await connection.execute(
                _wishes.insert().values(
                    job_id=job_id, kind=kind.value, by=by, at=self._clock.now(), details=details or {}
                )
            )
            return new_row_id(inserted)

    async def waiting(self, job_id: JobId) -> list[Wish]:
        """Wishes not answered yet, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_wishes)
                .where(_wishes.c.job_id == job_id, _wishes.c.taken_at.is_(None))
                .order_by(_wishes.c.id)
            )
            return [wish_from_row(row) for row in rows.mappings()]

    async def unanswered(self) -> list[JobId]:
        """Jobs with wishes not answered yet."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_wishes.c.job_id).where(_wishes.c.taken_at.is_(None)).distinct())
            return [row.job_id for row in rows]

    async def newest(self) -> int:
        """The id of the newest wish; 0 when there is none."""
        async with self._database.look() as connection:
            return int((await connection.execute(sa.select(sa.func.max(_wishes.c.id)))).scalar() or 0)

    async def added_since(self, wish_id: int) -> tuple[int, list[JobId]]:
        """Jobs with wishes newer than `wish_id`, and the newest id: how an engine hears other processes."""
        async with self._database.look() as connection:
            rows = (
                await connection.execute(
                    sa.select(_wishes.c.id, _wishes.c.job_id).where(_wishes.c.id > wish_id).order_by(_wishes.c.id)
                )
            ).all()
        return (rows[-1].id if rows else wish_id), [row.job_id for row in rows]

    async def take(self, wish: Wish) -> None:
        """Mark a wish answered without a transition."""
        async with self._database.write("wish taken", among=()) as connection:
            await connection.execute(_wishes.update().where(_wishes.c.id == wish.id).values(taken_at=self._clock.now()))

    async def cancel_requested(self, job_id: JobId) -> bool:
        """Whether a cancel was ever asked of this job."""
        async with self._database.look() as connection:
            found = await connection.execute(
                sa.select(_wishes.c.id)
                .where(_wishes.c.job_id == job_id, _wishes.c.kind == WishKind.CANCEL.value)
                .limit(1)
            )
            return found.first() is not None
