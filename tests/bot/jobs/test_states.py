"""The transition table, and that the database obeys it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Fenced
from bot.jobs.model import Job
from bot.jobs.moves import Move
from bot.jobs.states import BEFORE_SUBMITTING, FINAL, RUNNING, TRANSITIONS, State, is_allowed, require
from bot.money.amount import FREE
from tests.factories import a_request
from tests.house import a_house


def test_every_state_has_a_way_on_and_a_way_to_an_end() -> None:
    """No dead ends, no islands."""
    assert set(TRANSITIONS) == set(State)
    for state in State:
        seen, edge = {state}, {state}
        while edge:
            edge = {after for before in edge for after in TRANSITIONS[before]} - seen
            seen |= edge
        assert seen & FINAL


def test_what_may_have_been_paid_never_goes_back_to_the_queue_by_itself() -> None:
    """From `unconfirmed` on there is no way to a second submission."""
    reachable, edge = set[State](), {State.UNCONFIRMED}
    while edge:
        edge = {after for before in edge for after in TRANSITIONS[before]} - reachable
        reachable |= edge

    assert not reachable & {State.QUEUED, State.SUBMITTING, State.QUOTED, State.RECEIVED}


def test_cancelling_is_in_the_table_wherever_it_is_free() -> None:
    """Before submitting, at once."""
    assert all(is_allowed(state, State.CANCELLED) for state in BEFORE_SUBMITTING)
    assert not RUNNING & FINAL


def test_a_move_the_table_lacks_raises() -> None:
    """And changes nothing, which the next test looks at in the database."""
    with pytest.raises(ValueError, match="never goes from delivered to queued"):
        require(State.DELIVERED, State.QUEUED)


@settings(max_examples=20, deadline=None)
@given(walk=st.lists(st.tuples(st.sampled_from(list(State)), st.booleans()), max_size=40))
def test_no_walk_leaves_the_table(walk: list[tuple[State, bool]]) -> None:
    """Whatever is tried, from a fresh or a stale view: the row follows the table, one version at a time."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_walk(Path(folder), walk))


async def _walk(folder: Path, walk: list[tuple[State, bool]]) -> None:
    async with a_house(folder) as house:
        job, _ = await house.app.stores.jobs.accept(a_request(), FREE, ())
        stale = job
        for to, from_stale in walk:
            view = stale if from_stale else job
            in_table = to is view.state or is_allowed(view.state, to)
            moved: Job | None = None
            try:
                moved = await house.app.stores.jobs.move(Move(job=view, to=to))
            except Fenced:
                assert view.version != job.version
            except ValueError:
                assert not in_table
            else:
                assert in_table
                assert (moved.version, moved.state) == (job.version + 1, to)
            if moved is not None:
                stale, job = job, moved
            assert await house.load(job) == job
