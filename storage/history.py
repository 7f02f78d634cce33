"""History: newest first, by any word, person, workspace, channel or state.

The index is SQLite's FTS5, whose rowid is the job's `seq`: newest first is the order of the index itself and needs no
sorting. Persons, workspaces, channels and states are words of the index too, because a filter that is joined
from outside costs a thousand times more when it is rare and the words are not. Words match whole and by their stem
("move" finds "moving"): the beginning of a word would mean to merge the lists of every word that begins so, which took
two seconds at a million jobs. PostgreSQL's `tsvector` takes this module's place in part 7.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.errors import BadPrompt
from bot.ids import JobId
from bot.jobs.model import Job
from bot.jobs.states import FINAL, State
from storage import tables
from storage.database import Database
from storage.rows import job_from_row

_jobs = tables.jobs
_index = sa.table("jobs_fts", sa.column("rowid"))

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
        state: State | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of jobs. Words in `q` are all required, in any order and any of their forms.

        `person` like `discord:1:7`, `workspace` like `discord:1`, `channel` like `discord:1:2`; `cursor` from the page
        before.
        Raises `BadPrompt` for a cursor that is not one of ours.
        """
        limit = max(1, min(limit, LONGEST_PAGE))
        before = _read_cursor(cursor)
        match = _match(q, person=person, workspace=workspace, channel=channel)
        chosen = (
            _through_index(match, state)
            if match
            else (sa.select(_jobs).where(_jobs.c.erased_at.is_(None)).order_by(_jobs.c.seq.desc()))
        )
        if before is not None:
            chosen = chosen.where((_index.c.rowid if match else _jobs.c.seq) < before)
        if state is not None and not (match and state in FINAL):
            chosen = chosen.where(_jobs.c.state == state.value)
        chosen = chosen.limit(limit + 1)
        async with self._database.look() as connection:
            rows = list((await connection.execute(chosen)).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(jobs=[job_from_row(row) for row in rows], next_cursor=f"s{rows[-1]['seq']}" if more else None)


def _through_index(match: str, state: State | None) -> sa.Select[Any]:
    """Newest matches, in the index's own order."""
    if state is not None:
        match = f"{match} AND state:{_state_word(state)}"
    return (
        sa.select(_jobs)
        # FTS5 leads: its rowids come in order, so that SQLite never sorts.
        .select_from(_index.join(_jobs, _jobs.c.seq == _index.c.rowid))
        .where(sa.text("jobs_fts MATCH :match").bindparams(match=match))
        .order_by(_index.c.rowid.desc())
    )


INSERT = "INSERT INTO jobs_fts (rowid, words, tokens, state) VALUES (:seq, :words, :tokens, :state)"


def index_job(connection: sa.Connection, seq: int, row: Mapping[str, Any]) -> None:
    """Put a new job into the index, in the transaction that accepts it."""
    connection.execute(sa.text(INSERT), index_entry(seq, row))


def index_entry(seq: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the index knows of a row of `jobs`: the values of `INSERT`."""
    home = f"{row['platform']}:{row['workspace']}"
    tokens = [_token("person", row["person"]), _token("workspace", home)]
    if row["channel"]:
        tokens.append(_token("channel", f"{home}:{row['channel']}"))
    return {
        "seq": seq,
        "words": f"{row['prompt']} {row['model']}",
        "tokens": " ".join(tokens),
        "state": _state_word(State(row["state"])),
    }


def unindex_job(connection: sa.Connection, seq: int) -> None:
    """Take an erased job out of the index."""
    connection.execute(sa.text("DELETE FROM jobs_fts WHERE rowid = :seq"), {"seq": seq})


def reindex_words(connection: sa.Connection, seq: int, words: str) -> None:
    """Replace the words by which a job is found."""
    connection.execute(sa.text("UPDATE jobs_fts SET words = :words WHERE rowid = :seq"), {"seq": seq, "words": words})


def index_state(connection: sa.Connection, job_id: JobId, state: State) -> None:
    """Follow a job into a final state or out of it, in the transaction that moves it."""
    connection.execute(
        sa.text("UPDATE jobs_fts SET state = :state WHERE rowid = (SELECT seq FROM jobs WHERE id = :id)"),
        {"state": _state_word(state), "id": job_id},
    )


def _state_word(state: State) -> str:
    """Jobs that have not ended share one word: they are few, and change too often to be indexed by state."""
    return state.value if state in FINAL else "unfinished"


def _token(kind: str, value: str) -> str:
    """One word of the index for an exact value: digits, which no tokenizer takes apart and no stemmer shortens."""
    return f"{kind}{int.from_bytes(b'1' + value.encode())}"


def _match(q: str | None, **exact: str | None) -> str | None:
    parts = [f'tokens:"{_token(kind, value)}"' for kind, value in exact.items() if value]
    # Composed as prompts are; an underscore is no word of its own to the index.
    text = unicodedata.normalize("NFC", q or "")
    parts += [f'words:"{word}"' for word in re.findall(r"[^\W_]+", text)]
    return " AND ".join(parts) or None


def _read_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"s[0-9]{1,18}", cursor):
        raise BadPrompt(f"{cursor!r} is no cursor of this history; leave it out to begin with the newest.")
    return int(cursor[1:])
