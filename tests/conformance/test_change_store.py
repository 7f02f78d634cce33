"""What every change store promises: each change is told once, also one whose number is older than what was told already."""

from __future__ import annotations

from pathlib import Path

import psycopg

from bot.jobs.states import State
from bot.stores.jobs import Seen
from tests import postgres
from tests.conformance.stores import StoreBench


async def look(bench: StoreBench, seen: Seen | None) -> tuple[Seen, list[str]]:
    """How far it is, and the ids of what changed."""
    now, jobs = await bench.stores.changes.since(seen)
    return now, [job.id for job in jobs]


async def test_the_first_look_tells_nothing_and_the_next_what_happened_since(bench: StoreBench) -> None:
    """Whatever was before is not news."""
    before = await bench.accept()

    seen, at_first = await look(bench, None)
    after = await bench.accept()
    seen, then = await look(bench, seen)

    assert (at_first, then) == ([], [after.id])
    assert before.id not in then


async def test_a_change_is_told_once(bench: StoreBench) -> None:
    """However often somebody looks."""
    seen, _ = await look(bench, None)
    job = await bench.accept()
    seen, told = await look(bench, seen)
    again = [await look(bench, seen) for _ in range(3)]
    await bench.fail(job)
    _, later = await look(bench, again[-1][0])

    assert told == later == [job.id]
    assert [ids for _, ids in again] == [[], [], []]


async def test_another_process_is_seen_too(bench: StoreBench, elsewhere: StoreBench) -> None:
    """The database is what is asked."""
    seen, _ = await look(bench, None)
    job = await elsewhere.accept()

    assert (await look(bench, seen))[1] == [job.id]


async def test_an_event_that_becomes_visible_late_is_told(tmp_path: Path) -> None:
    """On PostgreSQL a transaction may end after one that took its numbers later: also one that was open at the first look."""
    from tests.conformance.stores import open_stores

    async with open_stores("postgresql", tmp_path) as bench:
        slow, quick = await bench.accept(), await bench.accept()
        late = psycopg.connect(postgres.database_of(tmp_path))
        event = "INSERT INTO job_events (job_id, at, kind, state, details) VALUES (%s, now(), 'moved', 'queued', '{}')"
        late.execute(event, (slow.id,))
        seen, _ = await look(bench, None)
        await bench.move(quick, State.QUEUED)
        seen, first = await look(bench, seen)
        late.commit()
        seen, then = await look(bench, seen)
        _, at_last = await look(bench, seen)
        late.close()

    assert (first, then, at_last) == ([quick.id], [slow.id], [])
