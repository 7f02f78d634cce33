"""Which jobs changed since somebody last looked: for pages and streams that show them as they are."""

from __future__ import annotations

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
_NEWEST = sa.select(sa.func.coalesce(sa.func.max(_events.c.id), 0))
_MOVED = sa.select(_events.c.id, _events.c.job_id).where(_events.c.id > sa.bindparam("after")).order_by(_events.c.id)
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
        return Seen(event=int(connection.execute(_NEWEST).scalar_one()), stands=stands), []
    moved = list(connection.execute(_MOVED.limit(MOST), {"after": seen.event}))
    changed = {row.job_id for row in moved}
    changed |= {job_id for job_id, how in stands.items() if seen.stands.get(job_id, how) != how}
    jobs: list[Job] = []
    if changed:
        rows = connection.execute(sa.select(_jobs).where(_jobs.c.id.in_(changed)).order_by(_jobs.c.seq))
        jobs = [job_from_row(row) for row in rows.mappings()]
    return Seen(event=moved[-1].id if moved else seen.event, stands=stands), jobs
