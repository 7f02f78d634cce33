"""What every store of render times promises."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
import sqlalchemy as sa

from bot.tracker.render_times import COUNTED, Measured, RenderKey
from storage import tables
from storage.render_times import KEPT
from tests.conformance.stores import StoreBench

KIND = ("judge", "judge/clip", 5, "720p")


async def add(bench: StoreBench, *seconds: float, kind: tuple[str, str, int, str] = KIND) -> None:
    for each in seconds:
        await bench.stores.render_times.add(*kind, each)


async def test_nothing_was_measured_in_the_beginning(bench: StoreBench) -> None:
    assert await bench.stores.render_times.of(*KIND) == Measured()
    assert await bench.stores.render_times.all() == {}


async def test_what_is_added_counts_at_once(bench: StoreBench) -> None:
    """In the process that added it."""
    await bench.stores.render_times.of(*KIND)

    for count in range(1, 7):
        await add(bench, 30.0 + count)
        assert (await bench.stores.render_times.of(*KIND)).count == count

    assert await bench.stores.render_times.of(*KIND) == Measured.of([31, 32, 33, 34, 35, 36])


@pytest.mark.parametrize(
    "other",
    [("other", "judge/clip", 5, "720p"), ("judge", "judge/other", 5, "720p"), ("judge", "judge/clip", 10, "720p"), ("judge", "judge/clip", 5, "1080p")],
)  # fmt: skip
async def test_kinds_are_kept_apart(bench: StoreBench, other: tuple[str, str, int, str]) -> None:
    """By provider, model, length and resolution."""
    await add(bench, 30, 31)
    await add(bench, 90, kind=other)

    assert (await bench.stores.render_times.of(*KIND)).count == 2
    assert (await bench.stores.render_times.of(*other)).count == 1
    provider, model, duration_s, resolution = other
    key = RenderKey(provider=provider, model=model, duration_s=duration_s, resolution=resolution)
    assert (await bench.stores.render_times.all())[key] == Measured.of([90])


async def test_the_newest_hundred_count(bench: StoreBench) -> None:
    """A provider that became faster is believed in the end."""
    await add(bench, *[90.0] * 20, *[30.0] * COUNTED)

    assert await bench.stores.render_times.of(*KIND) == Measured.of([30.0] * COUNTED)
    assert list((await bench.stores.render_times.all()).values()) == [Measured.of([30.0] * COUNTED)]


async def test_old_measurements_do_not_pile_up(bench: StoreBench) -> None:
    """A busy installation keeps some hundred rows of a kind, and never fewer than count."""
    await add(bench, 90.0, kind=("judge", "judge/clip", 10, "720p"))
    await add(bench, *[30.0] * (KEPT + 5))

    store: Any = bench.stores.render_times
    async with store._database.look() as connection:
        rows = (await connection.execute(sa.select(sa.func.count()).select_from(tables.render_times))).scalar_one()

    assert rows == KEPT + 1
    assert KEPT >= COUNTED


async def test_what_another_process_measured_is_heard_of_within_a_minute(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    """Not at once: a poll asks the database nothing."""
    assert (await bench.stores.render_times.of(*KIND)).count == 0
    await add(elsewhere, 30.0)

    await bench.clock.advance(59)
    assert (await bench.stores.render_times.of(*KIND)).count == 0
    await bench.clock.advance(1)
    assert (await bench.stores.render_times.of(*KIND)).count == 1


async def test_five_thousand_polls_at_once_ask_hardly_anything(bench: StoreBench) -> None:
    """All get an answer, also while the first one reads it anew."""
    await add(bench, *[30.0] * 5)
    await bench.clock.advance(61)

    answers = await asyncio.gather(*(bench.stores.render_times.of(*KIND) for _ in range(5000)))

    assert {answer.count for answer in answers} == {5}


async def test_adding_and_asking_at_the_same_time_loses_nothing(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Whatever the order, the last answer knows all that this process added."""
    for round_number in range(10):
        await bench.clock.advance(61)
        await asyncio.gather(bench.stores.render_times.of(*KIND), add(bench, 30.0), bench.stores.render_times.of(*KIND))
        assert (await bench.stores.render_times.of(*KIND)).count == round_number + 1


@pytest.mark.parametrize("seconds", [0.0, -3.0, math.nan, math.inf])
async def test_no_render_takes_no_time(bench: StoreBench, seconds: float) -> None:
    with pytest.raises(ValueError, match="no render takes"):
        await add(bench, seconds)
    assert await bench.stores.render_times.all() == {}
