"""History: newest first, by any word, person, workspace, channel, state, day or cost.

The index is SQLite's FTS5 (`storage.history_index`), whose rowid is the job's `seq`: newest first is the order of the
index itself and needs no sorting. Words match whole and by their stem ("move" finds "moving"): the beginning of a word
would mean to merge the lists of every word that begins so, which took two seconds at a million jobs. PostgreSQL's
`tsvector` takes these modules' place in part 7.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import BadPrompt
from bot.jobs.model import Job
from bot.jobs.states import FINAL, State
from bot.money.amount import Money
from storage import tables
from storage.database import Database
from storage.history_index import amounts_match, cost_match, days_match, exact_match, state_match, words_match
from storage.rows import job_from_row

_jobs = tables.jobs
_index = sa.table("jobs_fts", sa.column("rowid"))

LONGEST_PAGE = 100
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
        async with self._database.look() as connection:
            if since is not None or until is not None:
                first, last = await _span(connection, since, until)
                match.append(days_match(first, last))
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
            rows = list((await connection.execute(_newest(chosen, match, before, limit + 1))).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(jobs=[job_from_row(row) for row in rows], next_cursor=f"s{rows[-1]['seq']}" if more else None)


def _newest(chosen: sa.Select[Any], match: list[str], before: int | None, limit: int) -> sa.Select[Any]:
    if match:
        # FTS5 leads: its rowids come in order, so that SQLite never sorts.
        chosen = chosen.select_from(_index.join(_jobs, _jobs.c.seq == _index.c.rowid))
        chosen = chosen.where(sa.text("jobs_fts MATCH :match").bindparams(match=" AND ".join(match)))
        seq = _index.c.rowid
    else:
        chosen = chosen.where(_jobs.c.erased_at.is_(None))
        seq = _jobs.c.seq
    if before is not None:
        chosen = chosen.where(seq < before)
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
