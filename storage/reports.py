"""What the admin pages count: three passes over the ledger's index of days; nothing is kept, so nothing can be stale.

Every entry carries the day of its hold, so an amount is found on the day it was reserved, whenever it was settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from bot.jobs.states import UNFINISHED, State
from bot.money.amount import Money
from bot.money.ledger import EntryKind
from bot.reports import BlockedPerson, DayLine, Line, Pause, Spending, Spent, Undelivered, Work
from storage import tables
from storage.database import Database
from storage.rows import WHOLE_JOB, job_from_row

_entries = tables.ledger.c
_jobs = tables.jobs


def _of_kind(amounts: dict[EntryKind, Any]) -> sa.ColumnElement[int]:
    """The sum of an amount of each kind of entry named; others count nothing."""
    by_kind = {kind.value: amount for kind, amount in amounts.items()}
    return sa.func.sum(sa.case(by_kind, value=_entries.kind, else_=0))


_SPENT = (
    # What limits count: taken and held together.
    sa.func.sum(_entries.delta_micro_usd).label("counted"),
    sa.func.sum(_entries.delta_jobs).label("jobs"),
    _of_kind({EntryKind.SETTLE: _entries.micro_usd, EntryKind.CORRECTION: _entries.delta_micro_usd}).label("settled"),
    _of_kind({EntryKind.SETTLE: 1}).label("clips"),
    _of_kind({EntryKind.RELEASE: 1}).label("not_charged"),
)
_IN_SPAN = sa.and_(
    _entries.installation_day >= sa.bindparam("since"), _entries.installation_day <= sa.bindparam("until")
)


class Reports:
    """Implements `bot.stores.ReportStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def spending(self, since: date, until: date, *, workspace: str | None = None) -> Spending:
        """What was spent in these days of the installation, on one consistent view.

        Measured with a million jobs and two million entries in three years: 0.15 s for a month, the slowest of its
        statements 50 ms (`benchmarks/reports.py`).
        """
        return await self._database.consult(_spending, since, until, workspace)

    async def undelivered(self, *, workspace: str | None = None, limit: int = 50) -> Undelivered:
        """Clips that are kept and were not posted: how many, and the newest `limit`."""
        return await self._database.consult(_undelivered, workspace, limit)

    async def under_way(self, *, workspace: str | None = None) -> list[Work]:
        """How many unfinished jobs stand where, at each provider."""
        by = (_jobs.c.provider, _jobs.c.state)
        chosen = sa.select(*by, sa.func.count().label("jobs")).group_by(*by).order_by(*by)
        chosen = chosen.where(_jobs.c.state.in_([state.value for state in UNFINISHED]), *_within(workspace))
        async with self._database.look() as connection:
            rows = await connection.execute(chosen)
            return [Work(provider=row.provider, state=State(row.state), count=row.jobs) for row in rows]

    async def pauses(self) -> list[Pause]:
        """Which providers are paused, since when, and by whom; `*` stands for all of them."""
        health = tables.provider_health
        chosen = sa.select(health).where(health.c.paused_at.is_not(None)).order_by(health.c.provider)
        async with self._database.look() as connection:
            rows = await connection.execute(chosen)
            return [Pause(provider=row.provider, since=row.paused_at, by=row.paused_by) for row in rows]

    async def blocked_people(self) -> list[BlockedPerson]:
        """Whose requests are refused, the latest first."""
        blocked = tables.blocked_people
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(blocked).order_by(blocked.c.at.desc(), blocked.c.person))
            return [BlockedPerson(person=row.person, since=row.at) for row in rows]


def _spending(connection: sa.Connection, since: date, until: date, workspace: str | None) -> Spending:
    where = _IN_SPAN if workspace is None else sa.and_(_IN_SPAN, _entries.workspace_scope == f"workspace:{workspace}")
    span = {"since": since.isoformat(), "until": until.isoformat()}

    def summed(*by: Any, joined: bool = False) -> list[Any]:
        chosen = sa.select(*by, *_SPENT).where(where).group_by(*by)
        if joined:
            # Outer: what was spent stays in the ledger, whatever becomes of its job.
            chosen = chosen.select_from(tables.ledger.outerjoin(_jobs, _jobs.c.id == _entries.job_id))
        return list(connection.execute(chosen, span))

    days = summed(_entries.installation_day, _jobs.c.provider, _jobs.c.model, joined=True)
    people = summed(_entries.user_scope)
    # One pass for both, they being few.
    places = summed(_entries.channel_scope, _entries.workspace_scope)
    return Spending(
        since=since,
        until=until,
        days=tuple(
            DayLine(
                day=date.fromisoformat(row.installation_day),
                provider=row.provider or "",
                model=row.model or "",
                spent=_spent(row),
            )
            for row in sorted(days, key=lambda row: (row.installation_day, row.provider or "", row.model or ""))
        ),
        people=_lines((row.user_scope, row) for row in people),
        channels=_lines((row.channel_scope, row) for row in places if row.channel_scope is not None),
        workspaces=_lines((row.workspace_scope, row) for row in places),
    )


def _lines(rows: Iterable[tuple[str, Any]]) -> tuple[Line, ...]:
    """What spent most first; rows of one scope added up."""
    sums: dict[str, Spent] = {}
    for scope, row in rows:
        sums[scope] = sums[scope] + _spent(row) if scope in sums else _spent(row)
    lines = (Line(name=scope.partition(":")[2], spent=spent) for scope, spent in sums.items())
    return tuple(sorted(lines, key=lambda line: (-line.spent.counted, -line.spent.clips, line.name)))


def _spent(row: Any) -> Spent:
    """A settle or a release takes its hold out of both sums, so what is counted and not settled is held still."""
    return Spent(
        settled=Money(row.settled),
        held=Money(row.counted - row.settled),
        clips=row.clips,
        open=row.jobs - row.clips,
        not_charged=row.not_charged,
    )


def _undelivered(connection: sa.Connection, workspace: str | None, limit: int) -> Undelivered:
    where = sa.and_(_jobs.c.state == State.UNDELIVERED.value, _jobs.c.erased_at.is_(None), *_within(workspace))
    count = connection.execute(sa.select(sa.func.count()).select_from(_jobs).where(where)).scalar_one()
    newest = connection.execute(sa.select(*WHOLE_JOB).where(where).order_by(_jobs.c.seq.desc()).limit(limit))
    return Undelivered(count=int(count), newest=tuple(job_from_row(row) for row in newest.mappings().all()))


def _within(workspace: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Of one workspace (`slack:T1`), or of all."""
    if workspace is None:
        return ()
    platform, _, name = workspace.partition(":")
    return (_jobs.c.platform == platform, _jobs.c.workspace == name)
