"""Whoever a person waits for writes first; nobody is left out, and a turn is never lost."""

from __future__ import annotations

import asyncio

import pytest

from storage.turns import MOST_IN_A_ROW, Turns
from tests.patience import PATIENCE_S


async def in_line(turns: Turns, log: list[str], name: str, *, first: bool = False) -> asyncio.Task[None]:
    """Somebody who waits, and writes their name when it is their turn."""

    async def write() -> None:
        async with turns.turn(first=first):
            log.append(name)
            await asyncio.sleep(0)

    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    return task


async def test_who_is_waited_for_goes_first_and_the_rest_in_the_order_of_coming() -> None:
    turns, log = Turns(), list[str]()
    async with turns.turn():
        waiting = [await in_line(turns, log, name) for name in ("move 1", "move 2")]
        waiting += [await in_line(turns, log, name, first=True) for name in ("person 1", "person 2")]

    await asyncio.gather(*waiting)

    assert log == ["person 1", "person 2", "move 1", "move 2"]


async def test_a_flood_of_requests_does_not_stop_the_work() -> None:
    turns, log = Turns(), list[str]()
    async with turns.turn():
        waiting = [await in_line(turns, log, "move")]
        waiting += [await in_line(turns, log, "person", first=True) for _ in range(3 * MOST_IN_A_ROW)]

    await asyncio.gather(*waiting)

    assert log.index("move") == MOST_IN_A_ROW


@pytest.mark.parametrize("first", [True, False])
async def test_whoever_gives_up_takes_no_turn_along(first: bool) -> None:
    """Also in the very moment in which the turn comes."""
    turns, log = Turns(), list[str]()
    async with turns.turn():
        early = await in_line(turns, log, "early", first=first)
        late = await in_line(turns, log, "late", first=first)
        patient = await in_line(turns, log, "patient", first=first)
        early.cancel()
    late.cancel()

    await asyncio.gather(early, late, return_exceptions=True)
    await patient

    assert log == ["patient"]
    async with asyncio.timeout(PATIENCE_S), turns.turn():
        pass


async def test_a_block_that_raises_lets_the_next_one_in() -> None:
    turns, log, waiting = Turns(), list[str](), list[asyncio.Task[None]]()

    async def broken() -> None:
        async with turns.turn():
            waiting.append(await in_line(turns, log, "next"))
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await broken()
    await waiting[0]

    assert log == ["next"]
