"""Pages of history, newest first, at a million jobs.

    python -m benchmarks.history

The database is filled by SQL with jobs like real ones: prompts of a dozen words (a few in every prompt, most of them
rare, as words are), five thousand people, states as they are in a year's work. Then each kind of question is asked
through `History.page` itself, the page being the first 20 jobs; the row shows the slowest kind.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.outside import a_bench
from benchmarks.table import Row, median, play
from bot.jobs.states import State
from bot.money.amount import Money
from storage.history import History
from storage.history_index import INSERT, index_entry
from storage.sqlite import SqliteDatabase

JOBS = 1_000_000
BATCH = 20_000
ROUNDS = 9
PEOPLE, WORDS = 5_000, 20_000
STATES = ("delivered", "failed", "cancelled", "undelivered")
SHARES = (90, 6, 3.95, 0.05)
COSTS, COST_SHARES = (340_000, 500_000, 0, 1_500_000), (70, 25, 4.99, 0.01)
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)

QUESTIONS: dict[str, dict[str, Any]] = {
    "everything": {},
    "a word in every prompt": {"q": "camera"},
    "a rare word": {"q": "w19999"},
    "a word nobody wrote": {"q": "nosuchword"},
    "a common and a rare word": {"q": "camera w19999"},
    "three words of the middle": {"q": "w300 w301 w302"},
    "the busiest person": {"person": "discord:1:p0"},
    "a person with few jobs": {"person": "discord:1:p4999"},
    "the busiest person, a rare word": {"person": "discord:1:p0", "q": "w15000"},
    "a channel": {"channel": "discord:1:c7"},
    "a channel and a word": {"channel": "discord:1:c7", "q": "w50"},
    "a workspace": {"workspace": "discord:1"},
    "a common state": {"state": State.DELIVERED},
    "a rare state": {"state": State.UNDELIVERED},
    "a state with no jobs": {"state": State.UNCONFIRMED},
    "a rare state and a common word": {"state": State.UNDELIVERED, "q": "camera"},
    "a rare state, a person and a word": {"state": State.UNDELIVERED, "person": "discord:1:p1", "q": "w2"},
    "a state with no jobs and a common word": {"state": State.RENDERING, "q": "camera"},
    "a day of the first month": {"since": date(2024, 1, 7), "until": date(2024, 1, 7)},
    "a year and a day": {"since": date(2024, 3, 2), "until": date(2025, 3, 2)},
    "since a day, a rare word": {"since": date(2024, 2, 9), "q": "w19999"},
    "until a day, a person with few jobs": {"until": date(2024, 6, 30), "person": "discord:1:p4999"},
    "a common cost": {"cost_min": Money.usd("0.34"), "cost_max": Money.usd("0.34")},
    "a rare cost": {"cost_min": Money.usd("1.50"), "cost_max": Money.usd("1.51")},
    "a range of costs nobody was charged": {"cost_min": Money.usd("2"), "cost_max": Money.usd("40")},
    "a cost between two cents": {"cost_min": Money.usd("0.342"), "cost_max": Money.usd("0.349")},
    "a cost, a day and a word": {"cost_min": Money.usd("0.40"), "since": date(2025, 5, 5), "q": "camera"},
}


def fill(database: Path, jobs: int) -> None:
    """Copies of the one job that is there, with prompts, people and states of their own."""
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.row_factory = sqlite3.Row
        template = dict(connection.execute("SELECT * FROM jobs LIMIT 1").fetchone())
        names, values = ", ".join(f'"{name}"' for name in template), ", ".join(f":{name}" for name in template)
        insert = f"INSERT INTO jobs ({names}) VALUES ({values})"
        for rows in batches(template, jobs):
            connection.executemany(insert, rows)
            connection.executemany(INSERT, [index_entry(row["seq"], row) for row in rows])
            connection.commit()
        connection.execute("ANALYZE")
    connection.close()


def batches(template: dict[str, Any], jobs: int) -> Iterator[list[dict[str, Any]]]:
    """Rows of so many jobs after the template, in pieces: people, words, states and costs as they are in years of work."""
    rng = random.Random(1)
    words, people = [f"w{number}" for number in range(WORDS)], [f"p{number}" for number in range(PEOPLE)]
    by_rank = [1 / (number + 1) for number in range(WORDS)]
    first = int(template["seq"]) + 1
    for begin in range(first, first + jobs, BATCH):
        count = min(BATCH, first + jobs - begin)
        said = rng.choices(words, by_rank, k=count * 9)
        asked = rng.choices(people, by_rank[:PEOPLE], k=count)
        ended = rng.choices(STATES, SHARES, k=count)
        paid = rng.choices(COSTS, COST_SHARES, k=count)
        yield [
            template
            | {
                "seq": begin + number,
                "id": f"{begin + number:032x}",
                "request_key": None,
                "prompt": "the camera moves " + " ".join(said[number * 9 : number * 9 + 9]),
                "platform": "discord",
                "workspace": "1",
                "channel": f"c{number % 40}",
                "user": asked[number],
                "person": f"discord:1:{asked[number]}",
                "state": ended[number],
                # Three years of work, in order; most clips at one price, few at another.
                "created_at": f"{FIRST_DAY + timedelta(days=1095 * (begin + number) / jobs):%Y-%m-%d %H:%M:%S.%f}",
                "charged_micro_usd": paid[number],
            }
            for number in range(count)
        ]


async def _ask(database: Path) -> dict[str, tuple[float, float, int]]:
    """For each question: the first time, the median afterwards (milliseconds), and how many jobs came."""
    answers = {}
    opened = SqliteDatabase(database)
    history = History(opened)
    for name, question in QUESTIONS.items():
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            page = await history.page(**question)
            taken.append((time.perf_counter() - began) * 1000)
        answers[name] = (taken[0], median(taken[1:]), len(page.jobs))
    await opened.close()
    return answers


def measure(jobs: int = JOBS) -> list[Row]:
    """One row: the slowest kind of question."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), jobs))


async def _measure(folder: Path, jobs: int) -> list[Row]:
    async with a_bench(folder) as bench:
        await bench.ask(0, platform="api")
        database = bench.app.ground.path
    await asyncio.to_thread(fill, database, jobs)
    answers = await _ask(database)
    slowest = max(answers, key=lambda name: answers[name][1])
    coldest = max(answers, key=lambda name: answers[name][0])
    return [
        Row(
            what=f"history, a page of 20 of {jobs:,} jobs, the slowest of {len(answers)} kinds of question",
            measured=f"{answers[slowest][1]:.1f} ms ({slowest}); asked for the first time at most "
            f"{answers[coldest][0]:.1f} ms ({coldest}); database {database.stat().st_size / 1e9:.1f} GB",
            reach="≤ 50 ms",
            reached=answers[slowest][1] <= 50,
        )
    ]


if __name__ == "__main__":
    play(measure)
