"""Everything there is to judge a case by: the database, the judges' logs, and what people were told."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.crash.rooms import rooms
from tests.crash.stories import Story
from tests.emulators.judging import read_journal

Row = dict[str, Any]

DATABASE = "data/reelbot.db"
SERVER = "server.url"
"""In a case's folder: where its PostgreSQL database is."""
ACKS = "acks.log"
PROVIDERS = ("judge", "backup")


def providers_of(story: Story) -> tuple[str, ...]:
    """Who renders in a story: the two judges, or the emulator of one paid service."""
    return PROVIDERS if story.vendor is None else (story.vendor,)


CHAT = "chat"
UNCONFIRMED_OCCUPIES_S = 0.5
"""In the place of half an hour."""

_JSON_COLUMNS = {"output", "error", "details", "checkpoint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """A job as a provider's books show it."""

    provider: str
    id: str
    accepted: Row
    status: str
    kept: int
    """Micro-USD it did not give back."""
    ended_at: float
    """By the provider's clock; infinite while it renders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Read once, when every patient is dead."""

    story: Story
    folder: Path
    jobs: dict[str, Row]
    submissions: dict[str, Row]
    deliveries: dict[str, Row]
    ledger: list[Row]
    sums: dict[tuple[str, str], tuple[int, int]]
    wishes: list[Row]
    cards: dict[str, Row]
    history: dict[str, list[Row]]
    """Each job's events, oldest first."""
    renders: list[Render]
    provider_log: list[Row]
    chat_log: list[Row]
    acks: list[Row]
    references: list[Row]
    """Which job refers to which file."""

    def posts(self, delivery: Row) -> list[Row]:
        """What the chat shows of a delivery."""
        filename = f"{delivery['job_id']}-{delivery['number']}.mp4"
        return [entry for entry in self.chat_log if entry["event"] == "posted" and entry["filename"] == filename]

    def is_erased(self, job_id: str) -> bool:
        """Whether only its bookkeeping is left."""
        return self.jobs[job_id]["erased_at"] is not None

    def file(self, asset_id: str) -> bytes | None:
        """A file of the media store."""
        path = self.folder / "data" / "media" / asset_id[:2] / asset_id
        return path.read_bytes() if path.exists() else None

    def files_of(self, job_id: str) -> list[str]:
        """Files a job refers to."""
        return [row["asset_id"] for row in self.references if row["job_id"] == job_id]

    def entries(self, job_id: str) -> list[Row]:
        """A job's ledger."""
        return [entry for entry in self.ledger if entry["job_id"] == job_id]

    def net(self, job_id: str) -> int:
        """What a job counts for in every sum, in micro-USD."""
        return sum(entry["delta_micro_usd"] for entry in self.entries(job_id))

    def deeds_done(self, job_id: str) -> list[str]:
        """Wishes of people that were acknowledged for this job."""
        return [ack["did"] for ack in self.acks if ack.get("did") and ack["job_id"] == job_id and ack["said"] == "ok"]


def read_evidence(folder: Path, story: Story) -> Evidence:
    """Collect it; opening the database also recovers it, as any start would."""
    with _questions(folder) as rows:
        history = defaultdict(list)
        for event in rows("SELECT * FROM job_events ORDER BY id"):
            history[event["job_id"]].append(event)
        providers = providers_of(story)
        submissions = {row["attempt_id"]: row for row in rows("SELECT * FROM submissions")}
        logs = {name: list(read_journal(folder / f"{name}.log")) for name in providers}
        if story.vendor is not None:
            _name_the_attempts(logs[story.vendor], submissions)
        cards = {row["job_id"]: row for row in rows("SELECT * FROM cards")}
        chat_log = list(read_journal(folder / f"{CHAT}.log"))
        if (room := rooms().get(story.chat)) is not None:
            chat_log = list(room.as_judged(chat_log, cards))
        return Evidence(
            story=story,
            folder=folder,
            jobs={row["id"]: row for row in rows("SELECT * FROM jobs ORDER BY seq")},
            submissions=submissions,
            deliveries={row["id"]: row for row in rows("SELECT * FROM deliveries")},
            ledger=rows("SELECT * FROM ledger ORDER BY id"),
            sums={(r["scope"], r["period"]): (r["micro_usd"], r["jobs"]) for r in rows("SELECT * FROM ledger_sums")},
            wishes=rows("SELECT * FROM wishes ORDER BY id"),
            cards=cards,
            history=dict(history),
            renders=[render for name in providers for render in _renders(name, logs[name])],
            provider_log=[entry for name in providers for entry in logs[name]],
            chat_log=chat_log,
            acks=list(read_journal(folder / ACKS)),
            references=rows("SELECT * FROM job_assets"),
        )


@contextmanager
def _questions(folder: Path) -> Iterator[Callable[[str], list[Row]]]:
    """Answers of the case's database, spelt as SQLite does."""
    if (server := folder / SERVER).exists():
        with psycopg.connect(server.read_text(), row_factory=dict_row, options="-c timezone=UTC") as there:
            yield lambda query: [_spelt(row) for row in there.execute(query.encode())]
        return
    here = sqlite3.connect(folder / DATABASE)
    here.row_factory = sqlite3.Row
    try:
        yield lambda query: [_decoded(row) for row in here.execute(query)]
    finally:
        here.close()


def _decoded(row: sqlite3.Row) -> Row:
    return {
        name: json.loads(row[name]) if name in _JSON_COLUMNS and row[name] is not None else row[name]
        for name in row.keys()  # noqa: SIM118  a Row iterates over values
    }


def _spelt(row: Row) -> Row:
    return {
        name: f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value for name, value in row.items()
    }


def _name_the_attempts(log: list[Row], submissions: dict[str, Row]) -> None:
    """A vendor knows nothing of our jobs: what it billed belongs to the attempt that wrote its input's address down."""
    by_input = {row["input_url"]: row for row in submissions.values()}
    for entry in log:
        if entry["event"] == "accepted":
            row = by_input.get(entry["input_url"])
            nobody = f"nobody's {entry['provider_job_id']}"
            entry["attempt_id"] = row["attempt_id"] if row else nobody
            entry["job_id"] = row["job_id"] if row else nobody
            entry["token"] = row["token"] if row else nobody


def _renders(name: str, log: list[Row]) -> list[Render]:
    endings = {
        entry["provider_job_id"]: entry for entry in log if entry["event"] in ("succeeded", "failed", "cancelled")
    }
    renders = []
    for entry in log:
        if entry["event"] == "accepted":
            ending = endings.get(
                entry["provider_job_id"], {"event": "rendering", "kept": entry["billed"], "at": math.inf}
            )
            renders.append(
                Render(
                    provider=name,
                    id=entry["provider_job_id"],
                    accepted=entry,
                    status=ending["event"],
                    kept=ending["kept"],
                    ended_at=ending["at"],
                )
            )
    return renders
