"""History: newest first, by any word, person, workspace, channel, state or provider.

The index is SQLite's FTS5, whose rowid is the job's `seq`: newest first is the order of the index itself and needs no
sorting. Persons, workspaces, channels and providers are tokens beside the words, because a filter joined from outside
the index costs a hundred times more at a million jobs. PostgreSQL's `tsvector` takes this module's place in part 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import BadPrompt
from bot.jobs.model import Job
from bot.jobs.states import State
from storage import tables
from storage.database import Database
from storage.rows import job_from_row

_jobs = tables.jobs

LONGEST_PAGE = 100


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
        provider: str | None = None,
        state: State | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of jobs. Words in `q` are all required; the last matches as a beginning.

        `person` like `discord:1:7`; `workspace` like `discord:1`; `cursor` from the page before.
        Raises `BadPrompt` for a cursor that is not one of ours.
        """
        limit = max(1, min(limit, LONGEST_PAGE))
        before = _read_cursor(cursor)
        match = _match(q, person=person, workspace=workspace, channel=channel, provider=provider)
        chosen = sa.select(_jobs).order_by(_jobs.c.seq.desc()).limit(limit + 1)
        if before is not None:
            chosen = chosen.where(_jobs.c.seq < before)
        if state is not None:
            chosen = chosen.where(_jobs.c.state == state.value)
        if match is not None:
            chosen = _through_index(match, before, state, limit)
        async with self._database.read() as connection:
            rows = list((await connection.execute(chosen)).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(jobs=[job_from_row(row) for row in rows], next_cursor=f"s{rows[-1]['seq']}" if more else None)


def _through_index(match: str, before: int | None, state: State | None, limit: int) -> sa.Select[Any]:
    """Newest matches by the index's own order; a state is checked row by row along the way."""
    index = sa.table("jobs_fts", sa.column("rowid"))
    chosen = (
        sa.select(_jobs)
        # CROSS JOIN order: the index leads, so that SQLite never sorts.
        .select_from(index.join(_jobs, _jobs.c.seq == index.c.rowid))
        .where(sa.text("jobs_fts MATCH :match").bindparams(match=match))
        .order_by(index.c.rowid.desc())
        .limit(limit + 1)
    )
    if before is not None:
        chosen = chosen.where(index.c.rowid < before)
    if state is not None:
        chosen = chosen.where(sa.literal_column("+jobs.state") == state.value)
    return chosen


async def index_job(connection: AsyncConnection, seq: int, row: Mapping[str, Any]) -> None:
    """Put a new job into the index, in the transaction that accepts it."""
    tokens = [_token("person", row["person"]), _token("workspace", f"{row['platform']}:{row['workspace']}")]
    tokens.append(_token("provider", row["provider"]))
    if row["channel"]:
        tokens.append(_token("channel", row["channel"]))
    await connection.execute(
        sa.text("INSERT INTO jobs_fts (rowid, words, tokens) VALUES (:seq, :words, :tokens)"),
        {"seq": seq, "words": f"{row['prompt']} {row['model']}", "tokens": " ".join(tokens)},
    )


def _token(kind: str, value: str) -> str:
    """One word of the index for an exact value: hex, so that no tokenizer takes it apart."""
    return f"{kind}x{value.encode().hex()}"


def _match(q: str | None, **exact: str | None) -> str | None:
    parts = [f'tokens:"{_token(kind, value)}"' for kind, value in exact.items() if value]
    words = re.findall(r"\w+", q or "")
    parts += [f'words:"{word}"' for word in words[:-1]] + [f'words:"{word}"*' for word in words[-1:]]
    return " AND ".join(parts) or None


def _read_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"s[0-9]{1,18}", cursor):
        raise BadPrompt(f"{cursor!r} is no cursor of this history; leave it out to begin with the newest.")
    return int(cursor[1:])
