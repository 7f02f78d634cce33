"""Deliveries and cards: what was posted where, and how far a post has come."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.errors import Fenced
from bot.ids import JobId
from bot.jobs.model import Delivery, Job
from bot.jobs.moves import DeliveryFact
from bot.jobs.states import FINAL
from bot.ports import Checkpoint, Clock
from storage import tables
from storage.database import Database
from storage.rows import delivery_from_row, is_still, job_from_row

_deliveries = tables.deliveries
_jobs = tables.jobs
_cards = tables.cards


_LOAD = sa.select(_deliveries).where(_deliveries.c.id == sa.bindparam("of_id"))
_OF_JOB = sa.select(_deliveries).where(_deliveries.c.job_id == sa.bindparam("of_job")).order_by(_deliveries.c.number)
_CHECKPOINT = _deliveries.update().where(_deliveries.c.id == sa.bindparam("of_id"))
_END = _deliveries.update().where(_deliveries.c.id == sa.bindparam("of_id"), _deliveries.c.outcome.is_(None))
_INSERT = _deliveries.insert()


class Deliveries:
    """The deliveries and cards of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def load(self, delivery_id: str) -> Delivery | None:
        """One delivery."""
        async with self._database.look() as connection:
            found = await connection.execute(_LOAD, {"of_id": delivery_id})
            row = found.mappings().first()
        return delivery_from_row(row) if row else None

    async def of_job(self, job_id: JobId) -> list[Delivery]:
        """Every delivery of a job, in order."""
        async with self._database.look() as connection:
            rows = await connection.execute(_OF_JOB, {"of_job": job_id})
            return [delivery_from_row(row) for row in rows.mappings()]

    async def save_checkpoint(self, job: Job, delivery_id: str, checkpoint: Checkpoint) -> None:
        """Commit how far a delivery has come. `Fenced` when the job is no longer this engine's: nothing is written."""
        await self._database.transact("checkpoint", _save_checkpoint, job, delivery_id, checkpoint, among=())

    async def card(self, job_id: JobId) -> tuple[str, int] | None:
        """Where the job's card is, and which version of the job it shows."""
        async with self._database.look() as connection:
            row = (await connection.execute(sa.select(_cards).where(_cards.c.job_id == job_id))).first()
        return (row.reference, row.version) if row else None

    async def stale_cards(self, platforms: Collection[str], *, limit: int = 1000) -> list[Job]:
        """Of the newest ended jobs on these platforms, those whose card does not show how they ended."""
        behind = sa.or_(_cards.c.version.is_(None), _cards.c.version < _jobs.c.version)
        ended = sa.and_(
            _jobs.c.state.in_([state.value for state in FINAL]),
            _jobs.c.platform.in_(platforms),
            _jobs.c.erased_at.is_(None),
        )
        newest = sa.select(_jobs.c.seq).where(ended).order_by(_jobs.c.seq.desc()).limit(limit)
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_jobs).outerjoin(_cards, _cards.c.job_id == _jobs.c.id).where(_jobs.c.seq.in_(newest), behind)
            )
            return [job_from_row(row) for row in rows.mappings()]

    async def save_card(self, job_id: JobId, reference: str, version: int) -> None:
        """Remember the card."""
        async with self._database.write("card", among=(f"card {job_id}",)) as connection:
            await connection.execute(_cards.delete().where(_cards.c.job_id == job_id))
            await connection.execute(_cards.insert().values(job_id=job_id, reference=reference, version=version))


def add_delivery(connection: sa.Connection, delivery: Delivery, now: datetime) -> None:
    """Begin a delivery, inside the transaction that moves its job."""
    row = {"id": delivery.id, "job_id": delivery.job_id, "number": delivery.number, "place": delivery.place}
    connection.execute(_INSERT, row | {"created_at": now})


def end_delivery(connection: sa.Connection, fact: DeliveryFact, now: datetime) -> None:
    """Write down how a delivery ended; the first word stands."""
    changes: dict[str, Any] = {"outcome": fact.outcome, "method": fact.method, "reference": fact.reference}
    if fact.place is not None:
        changes["place"] = fact.place
    if fact.outcome == "posted":
        changes["posted_at"] = now
    connection.execute(_END, changes | {"of_id": fact.delivery_id})


def _save_checkpoint(connection: sa.Connection, job: Job, delivery_id: str, checkpoint: Checkpoint) -> None:
    if not is_still(connection, job, locks=True):
        raise Fenced(f"job {job.id} was moved by somebody else")
    connection.execute(_CHECKPOINT, {"of_id": delivery_id, "checkpoint": checkpoint})
