"""The words under which a job is found. Everything a history can be filtered by is a word of one full-text index.

A filter that is joined from outside costs a thousand times more when it is rare and the words are not. So persons,
workspaces, channels, states, days and costs are words, too: a range of days is its months and the days at its ends, a
range of costs the amounts that there are in it, or, where they are many, its dollars and the cents at its ends.

The index is a table of its own, `jobs_fts`: FTS5's on SQLite, three `tsvector` under one GIN index on PostgreSQL.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from bot.ids import JobId
from bot.jobs.states import FINAL, State
from bot.money.amount import MICROS_PER_USD, Money

CENT = MICROS_PER_USD // 100
MANY_DOLLARS = 50
"""Costs from here on share one word: clips that dear are few."""

INSERT = "INSERT INTO jobs_fts (rowid, words, tokens, state) VALUES (:seq, :words, :tokens, :state)"
_EXACT = "array_to_tsvector(string_to_array({}, ' '))"
INSERT_ON_SERVER = (
    "INSERT INTO jobs_fts (seq, words, tokens, state) "
    f"VALUES (:seq, to_tsvector('reelbot', :words), {_EXACT.format(':tokens')}, {_EXACT.format(':state')})"
)
_SQL = {
    "sqlite": {
        "insert": sa.text(INSERT),
        "state": sa.text("UPDATE jobs_fts SET state = :state WHERE rowid = (SELECT seq FROM jobs WHERE id = :id)"),
        "words": sa.text("UPDATE jobs_fts SET words = :words WHERE rowid = :seq"),
        "delete": sa.text("DELETE FROM jobs_fts WHERE rowid = :seq"),
    },
    "postgresql": {
        "insert": sa.text(INSERT_ON_SERVER),
        "state": sa.text(
            f"UPDATE jobs_fts SET state = {_EXACT.format(':state')} WHERE seq = (SELECT seq FROM jobs WHERE id = :id)"
        ),
        "words": sa.text("UPDATE jobs_fts SET words = to_tsvector('reelbot', :words) WHERE seq = :seq"),
        "delete": sa.text("DELETE FROM jobs_fts WHERE seq = :seq"),
    },
}


@dataclass(frozen=True, slots=True)
class Term:
    """One requirement of a search: any of these words, in one column of the index."""

    column: str
    words: tuple[str, ...]


def index_job(connection: sa.Connection, seq: int, row: Mapping[str, Any]) -> None:
    """Put a new job into the index, in the transaction that accepts it."""
    dialect = connection.dialect.name
    connection.execute(_SQL[dialect]["insert"], index_entry(seq, row, dialect=dialect))


def index_entry(seq: int, row: Mapping[str, Any], *, dialect: str = "sqlite") -> dict[str, Any]:
    """What the index knows of a row of `jobs`: the values of `INSERT`, or of `INSERT_ON_SERVER`."""
    home = f"{row['platform']}:{row['workspace']}"
    tokens = [_token("person", row["person"]), _token("workspace", home)]
    if row["channel"]:
        tokens.append(_token("channel", f"{home}:{row['channel']}"))
    day = f"{row['created_at']:%Y%m%d}" if isinstance(row["created_at"], datetime) else row["created_at"][:10]
    day = day.replace("-", "")
    return {
        "seq": seq,
        "words": _readable(f"{row['prompt']} {row['model']}", dialect),
        "tokens": " ".join([*tokens, f"day{day}", f"month{day[:6]}"]),
        "state": _standing(State(row["state"]), row.get("charged_micro_usd")),
    }


def index_state(connection: sa.Connection, job_id: JobId, state: State, charged: int | None) -> None:
    """Follow a job into a final state or out of it, and what it cost, in the transaction that moves it."""
    values = {"state": _standing(state, charged), "id": job_id}
    connection.execute(_SQL[connection.dialect.name]["state"], values)


def unindex_job(connection: sa.Connection, seq: int) -> None:
    """Take an erased job out of the index."""
    connection.execute(_SQL[connection.dialect.name]["delete"], {"seq": seq})


def reindex_words(connection: sa.Connection, seq: int, words: str) -> None:
    """Replace the words by which a job is found."""
    dialect = connection.dialect.name
    connection.execute(_SQL[dialect]["words"], {"seq": seq, "words": _readable(words, dialect)})


# --- what a search asks of the index ----------------------------------------------------------------------------------


def words_match(q: str | None) -> list[Term]:
    """All words are required, in any of their forms. Composed as prompts are; an underscore is no word of its own."""
    return [Term("words", (word,)) for word in _words(q or "")]


def exact_match(**exact: str | None) -> list[Term]:
    """Person, workspace, channel."""
    return [Term("tokens", (_token(kind, value),)) for kind, value in exact.items() if value]


def state_match(state: State) -> Term:
    """Exact for final states; jobs that have not ended share one word."""
    return Term("state", (_state_word(state),))


def days_match(first: date, last: date) -> Term:
    """Any of the days from `first` to `last`, both included."""
    return Term("tokens", tuple(_days(first, last)) or ("day0",))


def amounts_match(amounts: Sequence[int]) -> Term:
    """Exactly these costs, in micro-dollars."""
    return Term("state", tuple(f"micro{amount}" for amount in amounts) or ("micro",))


def cost_match(least: Money | None, most: Money | None) -> Term:
    """A superset of the jobs that cost from `least` to `most`, exact to the cent, and to fifty dollars."""
    low = min(max(0, least or 0) // CENT, MANY_DOLLARS * 100)
    high = MANY_DOLLARS * 100 if most is None else min(most // CENT, MANY_DOLLARS * 100)
    return Term("state", tuple(_costs(int(low), int(high))) or ("cent",))


def matching(dialect: str, terms: Iterable[Term]) -> sa.ColumnElement[bool]:
    """What a row of `jobs_fts` must fulfil: all of the terms."""
    if dialect == "sqlite":
        match = " AND ".join(f"{term.column}:({' OR '.join(_quoted(term.words))})" for term in terms)
        return sa.text("jobs_fts MATCH :match").bindparams(match=match)  # type: ignore[return-value]
    conditions: list[sa.ColumnElement[bool]] = []
    words = " ".join(_readable(word, dialect) for term in terms if term.column == "words" for word in term.words)
    if words:
        found = sa.func.plainto_tsquery(sa.literal_column("'reelbot'::regconfig"), words)
        conditions.append(sa.literal_column("jobs_fts.words").op("@@")(found))
    for column in ("tokens", "state"):
        every = " & ".join(f"({' | '.join(term.words)})" for term in terms if term.column == column)
        if every:
            query = sa.cast(every, postgresql.TSQUERY)
            conditions.append(sa.literal_column(f"jobs_fts.{column}").op("@@")(query))
    return sa.and_(*conditions)


def _quoted(words: Iterable[str]) -> Iterator[str]:
    return (f'"{word}"' for word in words)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text))


def _readable(text: str, dialect: str) -> str:
    """On PostgreSQL only words, with Latin letters bare of accents, as FTS5 sees them by itself."""
    if dialect == "sqlite":
        return text
    return " ".join("".join(map(_bare, word)) for word in _words(text))


def _bare(letter: str) -> str:
    first = unicodedata.normalize("NFD", letter)[0]
    return first if first.isascii() else letter


def _days(first: date, last: date) -> Iterator[str]:
    day = first
    while day <= last:
        following = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if day.day == 1 and following - timedelta(days=1) <= last:
            yield f"month{day:%Y%m}"
            day = following
        else:
            yield f"day{day:%Y%m%d}"
            day += timedelta(days=1)


def _costs(low: int, high: int) -> Iterator[str]:
    """Words for every whole cent from `low` to `high`."""
    cent = low
    while cent <= high:
        if cent >= MANY_DOLLARS * 100:
            yield "dollars"
            return
        if cent % 100 == 0 and cent + 99 <= high:
            yield f"dollar{cent // 100}"
            cent += 100
        else:
            yield f"cent{cent}"
            cent += 1


def _standing(state: State, charged: int | None) -> str:
    """State and cost; both are known only once a job has ended."""
    word = _state_word(state)
    if state not in FINAL or charged is None:
        return word
    cents = charged // CENT
    dollars = cents // 100
    return f"{word} micro{charged} " + ("dollars" if dollars >= MANY_DOLLARS else f"cent{cents} dollar{dollars}")


def _state_word(state: State) -> str:
    """Jobs that have not ended share one word: they are few, and change too often to be indexed by state."""
    return state.value if state in FINAL else "unfinished"


def _token(kind: str, value: str) -> str:
    """One word of the index for an exact value: digits, which no tokenizer takes apart and no stemmer shortens."""
    return f"{kind}{int.from_bytes(b'1' + value.encode())}"
