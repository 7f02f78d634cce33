"""What every pace store owes the chats: no place is given twice, a pause holds for everybody, and leases have one owner."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from storage import paces
from tests.conformance.stores import StoreBench

LONG_S = 300.0
"""An interval that no test outlasts: what is measured does not depend on how fast we are."""


async def test_the_first_goes_at_once_and_the_next_waits_its_turn(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Two processes stand in one line."""
    here, there = bench.stores.paces, elsewhere.stores.paces

    first = await here.reserve("a", every_s=LONG_S, within_s=10 * LONG_S)
    second = await there.reserve("a", every_s=LONG_S, within_s=10 * LONG_S)
    third = await here.reserve("a", every_s=LONG_S, within_s=10 * LONG_S)

    assert first == 0.0
    assert second == pytest.approx(LONG_S, abs=60)
    assert third == pytest.approx(2 * LONG_S, abs=60)


async def test_after_a_rest_some_go_at_once(bench: StoreBench, elsewhere: StoreBench) -> None:
    """As many as the burst says, whoever they are."""
    stores = (bench.stores.paces, elsewhere.stores.paces) * 2

    waits = [await each.reserve("a", every_s=LONG_S, burst=3, within_s=LONG_S) for each in stores]

    assert waits[:3] == [0.0, 0.0, 0.0]
    assert waits[3] == pytest.approx(LONG_S, abs=60)


async def test_whoever_does_not_want_to_wait_takes_no_place(bench: StoreBench) -> None:
    """A refused reservation pushes nobody back."""
    store = bench.stores.paces
    await store.reserve("a", every_s=LONG_S)

    refused = [await store.reserve("a", every_s=LONG_S, within_s=1.0) for _ in range(5)]
    patient = await store.reserve("a", every_s=LONG_S, within_s=2 * LONG_S)

    assert all(1.0 < wait <= LONG_S for wait in refused)
    assert patient == pytest.approx(LONG_S, abs=60)


async def test_what_is_left_for_others_is_left(bench: StoreBench) -> None:
    """Courtesies use what is beyond it; what matters may use it all."""
    store = bench.stores.paces

    courtesies = [await store.reserve("a", every_s=LONG_S, burst=4, leaving=2) for _ in range(4)]
    matters = [await store.reserve("a", every_s=LONG_S, burst=4) for _ in range(3)]

    assert [wait == 0.0 for wait in courtesies] == [True, True, False, False]
    assert [wait == 0.0 for wait in matters] == [True, True, False]


async def test_names_have_nothing_to_do_with_each_other(bench: StoreBench) -> None:
    """Another channel, another workspace."""
    store = bench.stores.paces
    await store.reserve("a", every_s=LONG_S)

    assert await store.reserve("b", every_s=LONG_S) == 0.0


async def test_a_place_is_given_once_however_many_ask_at_the_same_moment(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    """Twenty at once from two processes: each waits for another turn."""
    asked = [
        each.stores.paces.reserve("a", every_s=LONG_S, within_s=100 * LONG_S)
        for each in (bench, elsewhere)
        for _ in range(10)
    ]

    waits = sorted(await asyncio.gather(*asked))

    assert [round(wait / LONG_S) for wait in waits] == list(range(20))


async def test_a_pause_that_one_was_told_holds_for_everybody(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Also where there would have been room; and no shorter pause ends it."""
    await bench.stores.paces.hold(["a", "b"], LONG_S)
    await bench.stores.paces.hold(["a"], 1.0)

    refused = await elsewhere.stores.paces.reserve("a", every_s=1.0, burst=5, within_s=10.0)
    patient = await elsewhere.stores.paces.reserve("b", every_s=1.0, within_s=2 * LONG_S)

    assert refused == pytest.approx(LONG_S, abs=60)
    assert patient == pytest.approx(LONG_S, abs=60)


async def test_nothing_is_reserved_while_what_it_belongs_to_is_held(bench: StoreBench, elsewhere: StoreBench) -> None:
    """The limit of everything is not used up by requests that may not go out."""
    await bench.stores.paces.hold(["the channel"], LONG_S)

    refused = await elsewhere.stores.paces.reserve("all", every_s=LONG_S, within_s=10.0, besides=["the channel"])
    another = await elsewhere.stores.paces.reserve("all", every_s=LONG_S, besides=["another channel"])

    assert refused == pytest.approx(LONG_S, abs=60)
    assert another == 0.0


async def test_time_gives_places_back(bench: StoreBench) -> None:
    """An interval that is over counts no more."""
    store, soon_over_s = bench.stores.paces, 0.000_001
    await store.reserve("a", every_s=soon_over_s)
    await bench.clock.advance(1.0)

    assert await store.reserve("a", every_s=soon_over_s) == 0.0


async def test_a_clock_that_was_put_back_holds_nobody_off(
    bench: StoreBench, elsewhere: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies further ahead than anybody is ever held is due, for reservations and for pauses."""
    store = bench.stores.paces
    await store.hold(["a", "b", "c"], LONG_S)
    monkeypatch.setattr(paces, "FURTHEST", timedelta(seconds=LONG_S / 2))

    assert await store.reserve("a", every_s=1.0) == 0.0
    assert await store.reserve("all", every_s=1.0, besides=["b"]) == 0.0
    await store.hold(["c"], 10.0)
    assert await elsewhere.stores.paces.reserve("c", every_s=1.0) == pytest.approx(10.0, abs=9)


async def test_rows_that_say_nothing_any_more_are_removed(
    bench: StoreBench, elsewhere: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Channels come and go; what lies far behind is swept away by those who go on, what is ahead stays."""
    monkeypatch.setattr(paces, "SWEEPS_EVERY", 1)
    store = bench.stores.paces
    await store.reserve("old", every_s=LONG_S, burst=1000)
    await store.hold(["ahead"], LONG_S)

    await store.reserve("new", every_s=LONG_S)

    left = [
        await elsewhere.stores.paces.reserve("old", every_s=LONG_S, burst=1000, leaving=999),
        await elsewhere.stores.paces.reserve("ahead", every_s=LONG_S),
        await elsewhere.stores.paces.reserve("new", every_s=LONG_S),
    ]
    assert [wait == 0.0 for wait in left] == [True, False, False]


# --- leases -------------------------------------------------------------------------------------------------------------


def same(extent: str, another: str) -> bool:
    """The simplest rule: one owner for each extent."""
    return extent == another


async def test_a_lease_has_one_owner(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Who comes second hears what is taken; the first keeps it."""
    first = await bench.stores.leases.take("g", "0-3/16", "ann", for_s=LONG_S, clashes=same)
    second = await elsewhere.stores.leases.take("g", "0-3/16", "ben", for_s=LONG_S, clashes=same)
    kept = await bench.stores.leases.take("g", "0-3/16", "ann", for_s=LONG_S, clashes=same)

    assert (first, second, kept) == (None, "0-3/16", None)


async def test_what_does_not_clash_is_held_side_by_side(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Another extent, or another group."""
    await bench.stores.leases.take("g", "0-3/16", "ann", for_s=LONG_S, clashes=same)

    beside = await elsewhere.stores.leases.take("g", "4-7/16", "ben", for_s=LONG_S, clashes=same)
    apart = await elsewhere.stores.leases.take("h", "0-3/16", "ben", for_s=LONG_S, clashes=same)

    assert (beside, apart) == (None, None)


async def test_a_lease_given_back_is_free_at_once(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Only its owner can give it back."""
    await bench.stores.leases.take("g", "all", "ann", for_s=LONG_S, clashes=same)

    await elsewhere.stores.leases.give_back("g", "all", "ben")
    before = await elsewhere.stores.leases.take("g", "all", "ben", for_s=LONG_S, clashes=same)
    await bench.stores.leases.give_back("g", "all", "ann")
    after = await elsewhere.stores.leases.take("g", "all", "ben", for_s=LONG_S, clashes=same)

    assert (before, after) == ("all", None)


async def test_the_lease_of_one_who_is_gone_ends(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Nobody has to clear up after it."""
    await bench.stores.leases.take("g", "all", "ann", for_s=0.0, clashes=same)

    assert await elsewhere.stores.leases.take("g", "all", "ben", for_s=LONG_S, clashes=same) is None


async def test_a_lease_from_before_a_clock_was_put_back_is_over(bench: StoreBench, elsewhere: StoreBench) -> None:
    """It ends later than anybody may have it for."""
    await bench.stores.leases.take("g", "all", "ann", for_s=100 * LONG_S, clashes=same)

    assert await elsewhere.stores.leases.take("g", "all", "ben", for_s=LONG_S, clashes=same) is None


async def test_of_many_who_want_it_at_once_one_gets_it(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Ten processes start in the same moment."""
    asked = [
        each.stores.leases.take("g", "all", f"{number}", for_s=LONG_S, clashes=same)
        for number, each in enumerate((bench, elsewhere) * 5)
    ]

    assert (await asyncio.gather(*asked)).count(None) == 1
