"""History: newest first, by any word, person, workspace, channel, state, day or cost.

The index (`storage.history_index`) knows a job by its `seq`. With SQLite's FTS5 newest first is the order of the index
itself and needs no sorting; PostgreSQL reads its newest rows where the words are common, and its GIN index where they
are rare. Words match whole and by their stem ("move" finds "moving"): the beginning of a word would mean to merge the
lists of every word that begins so, which took two seconds at a million jobs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import BadPrompt
from bot.jobs.model import Job
from bot.jobs.states import FINAL, State
from bot.money.amount import Money
from storage import tables
from storage.database import Database
from storage.history_index import (
    Term,
    amounts_match,
    cost_match,
    days_match,
    exact_match,
    matching,
    state_match,
    words_match,
)
from storage.rows import job_from_row

_jobs = tables.jobs
_index = sa.table("jobs_fts", sa.column("rowid"), sa.column("seq"))
_KEYS: dict[str, sa.ColumnElement[int]] = {"sqlite": _index.c.rowid, "postgresql": _index.c.seq}
"""The job's `seq`, in the index."""

_Within = tuple[int | None, int | None]
"""Numbers of jobs, both excluded."""

LONGEST_PAGE = 100
SLACK = timedelta(hours=1)
LARGEST = 2**62
"""Micro-dollars; more than any column holds."""
MOST_AMOUNTS = 200
"""Different costs that a range is spelt out as. Clips have list prices: a dozen, not hundreds."""
# From one amount to the next through the index, instead of past every job.
_AMOUNTS = sa.text(
    "WITH RECURSIVE amounts (amount) AS ("
    "SELECT min(charged_micro_usd) FROM jobs WHERE charged_micro_usd BETWEEN :low AND :high UNION ALL "
    "SELECT (SELECT min(charged_micro_usd) FROM jobs WHERE charged_micro_usd > amount AND charged_micro_usd <= :high) "
    "FROM amounts WHERE amount IS NOT NULL) "
    "SELECT amount FROM amounts WHERE amount IS NOT NULL LIMIT :most"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of history; `next_cursor` is `None` on the last."""

    jobs: list[Job]
    next_cursor: str | None


class History:
    """What was made, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        q: str | None = None,
        person: str | None = None,
        workspace: str | None = None,
        channel: str | None = None,
        state: State | None = None,
        since: date | None = None,
        until: date | None = None,
        cost_min: Money | None = None,
        cost_max: Money | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of jobs. Words in `q` are all required, in any order and any of their forms.

        `person` like `discord:1:7`, `workspace` like `discord:1`, `channel` like `discord:1:2`; `since` and `until` are
        days in UTC, both included; costs are what was charged, so only jobs that have ended have one; `cursor` is from
        the page before. Erased jobs are nowhere.
        Raises `BadPrompt` for a cursor that is not one of ours.
        """
        limit = max(1, min(limit, LONGEST_PAGE))
        before = _read_cursor(cursor)
        match = words_match(q) + exact_match(person=person, workspace=workspace, channel=channel)
        chosen = sa.select(_jobs)
        within: _Within = (None, None)
        async with self._database.look() as connection:
            if since is not None or until is not None:
                first, last = await _span(connection, since, until)
                if self._database.dialect == "sqlite":
                    match.append(days_match(first, last))
                else:
                    chosen, within = await _between(connection, chosen, first, last)
            if cost_min is not None or cost_max is not None:
                low, high = [
                    min(int(each), LARGEST) for each in (cost_min or 0, LARGEST if cost_max is None else cost_max)
                ]
                if (amounts := await _amounts(connection, low, high)) is not None:
                    match.append(amounts_match(amounts))
                else:
                    match.append(cost_match(cost_min, cost_max))
                    chosen = chosen.where(_jobs.c.charged_micro_usd.between(low, high))
            if match and state is not None:
                match.append(state_match(state))
            if state is not None and not (match and state in FINAL):
                chosen = chosen.where(_jobs.c.state == state.value)
            question = _newest(self._database.dialect, chosen, match, before, within, limit + 1)
            rows = list((await connection.execute(question)).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(jobs=[job_from_row(row) for row in rows], next_cursor=f"s{rows[-1]['seq']}" if more else None)


def _newest(
    dialect: str, chosen: sa.Select[Any], match: list[Term], before: int | None, within: _Within, limit: int
) -> sa.Select[Any]:
    seq: sa.ColumnElement[int] = _jobs.c.seq
    if match:
        # The index leads: FTS5's rowids come in order, so that SQLite never sorts.
        seq = _KEYS[dialect]
        chosen = chosen.select_from(_index.join(_jobs, _jobs.c.seq == seq)).where(matching(dialect, match))
    else:
        chosen = chosen.where(_jobs.c.erased_at.is_(None))
    low, high = within
    if low is not None:
        chosen = chosen.where(seq > low)
    for end in (high, before):
        if end is not None:
            chosen = chosen.where(seq < end)
    return chosen.order_by(seq.desc()).limit(limit)


async def _span(connection: AsyncConnection, since: date | None, until: date | None) -> tuple[date, date]:
    """Both ends; an open one is that of the jobs there are."""
    # Two questions in one: asked together, SQLite would read the whole index for them.
    ends = [sa.select(each(_jobs.c.created_at)).scalar_subquery() for each in (sa.func.min, sa.func.max)]
    oldest, newest = (await connection.execute(sa.select(*ends))).one()
    if oldest is None:
        return date.max, date.min
    first, last = oldest.date(), newest.date()
    return max(since or first, first), min(until or last, last)


async def _between(
    connection: AsyncConnection, chosen: sa.Select[Any], first: date, last: date
) -> tuple[sa.Select[Any], _Within]:
    """The jobs of these days, and between which numbers they lie.

    PostgreSQL has no order in its index of words: it is told where in the order of jobs to look. They are numbered
    as they come, but for the clocks of machines, which differ by less than `SLACK`.
    """
    if last < first:
        return chosen.where(sa.false()), (None, None)
    begin = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last, time.min, UTC) + timedelta(days=1)
    made = _jobs.c.created_at
    before = sa.select(_jobs.c.seq).where(made < begin - SLACK).order_by(made.desc()).limit(1).scalar_subquery()
    after = sa.select(_jobs.c.seq).where(made >= end + SLACK).order_by(made).limit(1).scalar_subquery()
    low, high = (await connection.execute(sa.select(before, after))).one()
    return chosen.where(made >= begin, made < end), (low, high)


async def _amounts(connection: AsyncConnection, low: int, high: int) -> list[int] | None:
    """Every amount from `low` to `high` that anybody was charged; `None` when they are too many to be named."""
    found = await connection.execute(_AMOUNTS, {"low": low, "high": high, "most": MOST_AMOUNTS + 1})
    amounts = [row[0] for row in found]
    return None if len(amounts) > MOST_AMOUNTS else amounts


def _read_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"s[0-9]{1,18}", cursor):
        raise BadPrompt(f"{cursor!r} is no cursor of this history; leave it out to begin with the newest.")
    return int(cursor[1:])
