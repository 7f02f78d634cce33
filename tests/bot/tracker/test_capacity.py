"""Who goes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bot.ports import Capacity
from bot.tracker.capacity import BATCH, Queued, next_in_line
from tests.fakes.provider import FakeProvider
from tests.house import a_house

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def queued(job_id: str, person: str, waited_s: float) -> Queued:
    return Queued(job_id=job_id, person=person, since=NOW - timedelta(seconds=waited_s))


def line(jobs: list[Queued], running: dict[str, int] | None = None, *, room: int = 10, each: int = 3) -> list[str]:
    return next_in_line(jobs, running or {}, room=room, person_concurrent=each, now=NOW)


def test_the_person_with_the_fewest_running_goes_first_then_age() -> None:
    """Alice asked first and often; Bob asked last and once."""
    jobs = [queued("a1", "alice", 50), queued("a2", "alice", 40), queued("b1", "bob", 10)]

    assert line(jobs) == ["a1", "b1", "a2"]
    assert line(jobs, {"alice": 1}) == ["b1", "a1", "a2"]


def test_who_waited_over_ten_minutes_goes_first() -> None:
    """However many he has running."""
    jobs = [queued("a1", "alice", 601), queued("b1", "bob", 10)]

    assert line(jobs, {"alice": 2}) == ["a1", "b1"]


def test_over_ones_own_concurrency_one_waits() -> None:
    """Patience does not lift it, and others pass."""
    jobs = [queued("a1", "alice", 900), queued("b1", "bob", 10)]

    assert line(jobs, {"alice": 3}) == ["b1"]


@given(
    people=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 2000)), max_size=60),
    running=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5)),
    room=st.integers(0, 40),
    each=st.integers(1, 4),
)
def test_never_more_than_the_room_nor_than_anybodys_share(
    people: list[tuple[str, float]], running: dict[str, int], room: int, each: int
) -> None:
    """And never fewer than could go."""
    jobs = [queued(str(number), person, waited) for number, (person, waited) in enumerate(people)]
    owner = {job.job_id: job.person for job in jobs}

    chosen = line(jobs, running, room=room, each=each)

    assert len(chosen) == len(set(chosen)) <= min(room, BATCH)
    taken = {person: [owner[job] for job in chosen].count(person) for person in "abcd"}
    could = {}
    for person in "abcd":
        waiting = sum(job.person == person for job in jobs)
        free = max(0, each - running.get(person, 0))
        assert taken[person] <= min(waiting, free)
        could[person] = min(waiting, free)
    assert len(chosen) == min(room, BATCH, sum(could.values()))


async def test_a_turn_without_room_still_ends_after_a_day_in_line(tmp_path: Path) -> None:
    """Whose turn it was told to be, although somebody else was faster, waits no longer than anybody."""
    async with a_house(tmp_path, providers=[FakeProvider(capacity=Capacity(max_concurrent=0))]) as house:
        job = await house.ask()
        before = await house.tracker.run(job.id)

        after = await house.tracker.run(job.id, turn=True)

    assert before.for_turn
    assert before.until is not None
    assert (after.for_turn, after.until) == (True, before.until)
