"""The words under which a job is found. Everything a history can be filtered by is a word of one FTS5 index.

A filter that is joined from outside costs a thousand times more when it is rare and the words are not. So persons,
workspaces, channels, states, days and costs are words, too: a range of days is its months and the days at its ends, a
range of costs the amounts that there are in it, or, where they are many, its dollars and the cents at its ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.states import FINAL, State
from bot.money.amount import MICROS_PER_USD, Money

CENT = MICROS_PER_USD // 100
MANY_DOLLARS = 50
"""Costs from here on share one word: clips that dear are few."""

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
    day = f"{row['created_at']:%Y%m%d}" if isinstance(row["created_at"], datetime) else row["created_at"][:10]
    day = day.replace("-", "")
    return {
        "seq": seq,
        "words": f"{row['prompt']} {row['model']}",
        "tokens": " ".join([*tokens, f"day{day}", f"month{day[:6]}"]),
        "state": _standing(State(row["state"]), row.get("charged_micro_usd")),
    }


def index_state(connection: sa.Connection, job_id: JobId, state: State, charged: int | None) -> None:
    """Follow a job into a final state or out of it, and what it cost, in the transaction that moves it."""
    connection.execute(
        sa.text("UPDATE jobs_fts SET state = :state WHERE rowid = (SELECT seq FROM jobs WHERE id = :id)"),
        {"state": _standing(state, charged), "id": job_id},
    )


def unindex_job(connection: sa.Connection, seq: int) -> None:
    """Take an erased job out of the index."""
    connection.execute(sa.text("DELETE FROM jobs_fts WHERE rowid = :seq"), {"seq": seq})


def reindex_words(connection: sa.Connection, seq: int, words: str) -> None:
    """Replace the words by which a job is found."""
    connection.execute(sa.text("UPDATE jobs_fts SET words = :words WHERE rowid = :seq"), {"seq": seq, "words": words})


# --- what a search asks of the index ----------------------------------------------------------------------------------


def words_match(q: str | None) -> list[str]:
    """All words are required, in any of their forms. Composed as prompts are; an underscore is no word of its own."""
    text = unicodedata.normalize("NFC", q or "")
    return [f'words:"{word}"' for word in re.findall(r"[^\W_]+", text)]


def exact_match(**exact: str | None) -> list[str]:
    """Person, workspace, channel."""
    return [f'tokens:"{_token(kind, value)}"' for kind, value in exact.items() if value]


def state_match(state: State) -> str:
    """Exact for final states; jobs that have not ended share one word."""
    return f"state:{_state_word(state)}"


def days_match(first: date, last: date) -> str:
    """Any of the days from `first` to `last`, both included."""
    return _any_of("tokens", [*_days(first, last)] or ["day0"])


def amounts_match(amounts: Sequence[int]) -> str:
    """Exactly these costs, in micro-dollars."""
    return _any_of("state", [f"micro{amount}" for amount in amounts] or ["micro"])


def cost_match(least: Money | None, most: Money | None) -> str:
    """A superset of the jobs that cost from `least` to `most`, exact to the cent, and to fifty dollars."""
    low = min(max(0, least or 0) // CENT, MANY_DOLLARS * 100)
    high = MANY_DOLLARS * 100 if most is None else min(most // CENT, MANY_DOLLARS * 100)
    return _any_of("state", [*_costs(int(low), int(high))] or ["cent"])


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


def _any_of(column: str, words: Sequence[str]) -> str:
    return f"{column}:({' OR '.join(words)})"


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
