"""Which jobs changed since somebody last looked: for pages and streams that show them as they are.

On PostgreSQL events become visible in another order than their numbers: a number is taken before its transaction ends. So
whoever looks remembers what he was told above the last number that nobody can still come in below.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bot.jobs.model import Job
from bot.jobs.states import State
from bot.stores.jobs import Seen
from storage import tables
from storage.database import Database
from storage.rows import job_from_row

_jobs = tables.jobs
_events = tables.job_events

MOST = 500
"""Jobs in one answer; who is further behind gets the rest with the next."""
_NEWEST = sa.select(_events.c.id, _events.c.at).order_by(_events.c.id.desc()).limit(MOST)
_MOVED = (
    sa.select(_events.c.id, _events.c.job_id, _events.c.at)
    .where(_events.c.id > sa.bindparam("after"))
    .order_by(_events.c.id)
)
OPEN_FOR = timedelta(seconds=15)
"""Longer than a transaction can last: a number that is missing below an event this old will never be seen."""
# Neither progress nor a note while it stands makes an event: they are hints for who looks, not history.
_UNDER_WAY = sa.select(_jobs.c.id, _jobs.c.version, _jobs.c.progress).where(
    _jobs.c.state.in_([State.QUEUED.value, State.RENDERING.value, State.DELIVERING.value])
)


class Changes:
    """Implements `bot.stores.ChangeStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, seen: Seen | None) -> tuple[Seen, list[Job]]:
        """How things stand, and the jobs that changed since `seen`, each as it is now; none without it."""
        return await self._database.consult(_since, seen)


def _since(connection: sa.Connection, seen: Seen | None) -> tuple[Seen, list[Job]]:
    stands = {row.id: (row.version, row.progress) for row in connection.execute(_UNDER_WAY)}
    if seen is None:
        told = list(connection.execute(_NEWEST))[::-1]
        known = told[0].id - 1 if told else 0
        settled = _settled(known, told)
        return Seen(event=settled, told=_above(settled, told), stands=stands), []
    rows = list(connection.execute(_MOVED.limit(MOST + len(seen.told)), {"after": seen.event}))
    moved = [row for row in rows if row.id not in seen.told]
    settled = _settled(seen.event, rows)
    changed = {row.job_id for row in moved}
    changed |= {job_id for job_id, how in stands.items() if seen.stands.get(job_id, how) != how}
    jobs: list[Job] = []
    if changed:
        found = connection.execute(sa.select(_jobs).where(_jobs.c.id.in_(changed)).order_by(_jobs.c.seq))
        jobs = [job_from_row(row) for row in found.mappings()]
    return Seen(event=settled, told=_above(settled, rows), stands=stands), jobs


def _settled(known: int, rows: Sequence[Any]) -> int:
    """The last number up to which every event there will ever be is among these rows, or was before."""
    old = rows[-1].at - OPEN_FOR if rows else None
    for row in rows:
        if row.id != known + 1 and not row.at < old:
            break
        known = row.id
    return known


def _above(settled: int, rows: Sequence[Any]) -> frozenset[int]:
    return frozenset(row.id for row in rows if row.id > settled)
