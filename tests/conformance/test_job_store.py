"""What every job store promises: one row per key, one engine per job, and nothing overlooked."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import Fenced, RequestKeyReused
from bot.ids import new_id
from bot.jobs.model import InputRef, JobError, Relation, RenderSettings, WishKind
from bot.jobs.moves import Release
from bot.jobs.states import FINAL, State
from tests.conformance.stores import HALF, StoreBench
from tests.factories import BOB, a_picture, a_request, a_requester, an_asset

PICTURE = a_picture(locator="the-same-picture")


# --- accepting ------------------------------------------------------------------------------------------------------


async def test_everything_that_was_asked_is_kept(bench: StoreBench, elsewhere: StoreBench) -> None:
    request = a_request(
        requester=a_requester(thread="th", roles=("8", "9")),
        prompt="Blätter — “bewegt” 🌊 ' ; --",
        settings=RenderSettings(duration_s=10, resolution="1080p", seed=7, negative_prompt="rain", camera="orbit"),
        audio=InputRef(source="judge", locator="sound", filename="a.wav"),
        confirmed=True,
        parent_id=new_id(),
        relation=Relation.EDIT,
    )
    picture = an_asset()

    job, is_new = await bench.stores.jobs.accept(request, HALF, [("image", picture)])

    assert is_new
    assert (job.state, job.version, job.quote, job.confirmed) == (State.RECEIVED, 1, HALF, HALF)
    asked = ("requester", "request_key", "prompt", "provider", "model", "image", "audio", "settings", "parent_id")
    assert {name: getattr(job, name) for name in asked} == {name: getattr(request, name) for name in asked}
    assert job.relation is Relation.EDIT
    assert job.image_asset == picture.id
    assert await elsewhere.load(job) == job
    assert [event.kind for event in await elsewhere.stores.jobs.events(job.id)] == ["accepted"]


async def test_the_same_key_and_request_is_the_same_job_also_when_it_has_moved_on(bench: StoreBench) -> None:
    request = a_request(request_key="k", image=PICTURE)
    first, _ = await bench.stores.jobs.accept(request, HALF, ())
    moved = await bench.queue(first)

    again, is_new = await bench.stores.jobs.accept(replace(request, confirmed=True), HALF * 2, ())

    assert (again, is_new) == (moved, False)
    assert await bench.stores.jobs.accepted_since(0) == (await newest(bench), [first.id])


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "something else"},
        {"settings": RenderSettings(seed=1)},
        {"model": "judge/long"},
        {"provider": "other"},
        {"image": a_picture(locator="another-picture")},
        {"audio": InputRef(source="judge", locator="sound")},
        {"parent_id": "a-parent"},
        {"relation": Relation.AGAIN},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_another_request_under_a_key_is_refused_and_nothing_is_written(
    bench: StoreBench, other: dict[str, Any]
) -> None:
    first = await bench.accept(request_key="k", image=PICTURE)
    asset = an_asset(id="ee" * 32)

    with pytest.raises(RequestKeyReused):
        await bench.stores.jobs.accept(
            a_request(**{"request_key": "k", "image": PICTURE, **other}), HALF, [("image", asset)]
        )

    assert await bench.load(first) == first
    assert (await bench.stores.jobs.accepted_since(0))[1] == [first.id]
    assert await bench.stores.assets.load(asset.id) is None


async def test_a_key_belongs_to_its_owner_and_no_key_never_matches(bench: StoreBench) -> None:
    hers = await bench.accept(request_key="k", image=PICTURE)
    his = await bench.accept(request_key="k", image=PICTURE, requester=BOB)
    keyless = [await bench.accept(request_key=None, image=PICTURE) for _ in range(2)]

    assert len({hers.id, his.id, *(job.id for job in keyless)}) == 4
    assert await bench.stores.jobs.is_repeated(a_request(request_key="k", image=PICTURE))
    assert not await bench.stores.jobs.is_repeated(a_request(request_key="another", image=PICTURE))
    assert not await bench.stores.jobs.is_repeated(a_request(request_key=None, image=PICTURE))


async def test_twenty_at_once_with_one_key_are_one_job(bench: StoreBench, elsewhere: StoreBench) -> None:
    """From two processes: each of them is answered, one of them is told that the job is new."""
    request = a_request(request_key="k", image=PICTURE)
    asset = an_asset()

    answers = await asyncio.gather(
        *(each.stores.jobs.accept(request, HALF, [("image", asset)]) for _ in range(10) for each in (bench, elsewhere))
    )

    assert len({job.id for job, _ in answers}) == 1
    assert [is_new for _, is_new in answers].count(True) == 1
    assert len((await bench.stores.jobs.accepted_since(0))[1]) == 1


async def test_a_job_is_found_by_the_beginning_of_its_id(bench: StoreBench) -> None:
    job = await bench.accept()
    await bench.accept()

    assert await bench.stores.jobs.find(job.id) == [job]
    assert job in await bench.stores.jobs.find(job.id[:30], limit=50)
    assert await bench.stores.jobs.find("%") == await bench.stores.jobs.find("f" * 8) == []
    assert await bench.stores.jobs.load(job.id[:8]) is None


# --- epochs -------------------------------------------------------------------------------------------------------------


async def test_each_engine_has_a_higher_epoch_than_any_before(bench: StoreBench, elsewhere: StoreBench) -> None:
    epochs = [await each.stores.jobs.raise_epoch() for each in (bench, elsewhere, bench)]

    assert epochs == sorted(set(epochs))
    assert (await elsewhere.accept()).epoch == epochs[-1]


async def test_an_engine_takes_over_what_is_unfinished_and_leaves_the_rest(bench: StoreBench) -> None:
    first, second = await bench.accept(), await bench.rendering()
    ended = await bench.fail(await bench.accept(), changes={"error": JobError(code="x", message="y")})
    epoch = await bench.stores.jobs.raise_epoch()

    taken = await bench.stores.jobs.claim_all(epoch)

    assert [(job.id, job.epoch) for job in taken] == [(first.id, epoch), (second.id, epoch)]
    assert await bench.load(ended) == ended
    with pytest.raises(Fenced):
        await bench.move(first, State.CANCELLED)
    await bench.stores.jobs.claim(ended, epoch)
    assert (await bench.load(ended)).epoch == epoch
    await bench.stores.jobs.claim(ended, epoch - 1)
    assert (await bench.load(ended)).epoch == epoch


# --- looking ------------------------------------------------------------------------------------------------------------


async def newest(bench: StoreBench) -> int:
    return (await bench.stores.jobs.accepted_since(0))[0]


async def test_accepted_since_tells_only_what_is_newer(bench: StoreBench, elsewhere: StoreBench) -> None:
    assert await bench.stores.jobs.accepted_since(0) == (0, [])
    await bench.accept()
    mark = await newest(bench)

    later = [await each.accept() for each in (elsewhere, bench, elsewhere)]

    new_mark, ids = await bench.stores.jobs.accepted_since(mark)
    assert ids == [job.id for job in later]
    assert await bench.stores.jobs.accepted_since(new_mark) == (new_mark, [])


async def test_the_place_in_line_is_among_the_same_providers_queued_jobs(bench: StoreBench) -> None:
    jobs = []
    for provider in ("judge", "other", "judge", "judge"):
        jobs.append(await bench.queued(provider=provider))
        await bench.clock.advance(1)

    places = [await bench.stores.jobs.queue_position(job) for job in jobs]
    await bench.move(jobs[0], State.CANCELLED, money=Release(reason="x"))

    assert places == [1, 1, 2, 3]
    assert await bench.stores.jobs.queue_position(jobs[2]) == 1
    assert await bench.stores.jobs.queue_position(await bench.load(jobs[0])) is None


async def test_jobs_are_listed_by_state_oldest_first(bench: StoreBench) -> None:
    first, second = await bench.queued(), await bench.accept()
    third = await bench.queued()

    assert await bench.stores.jobs.in_state(State.QUEUED) == [first, third]
    assert await bench.stores.jobs.in_state(State.RECEIVED, State.QUEUED) == [first, second, third]
    assert await bench.stores.jobs.in_state(*FINAL) == []


async def test_times_come_back_as_they_were(bench: StoreBench) -> None:
    """Aware, in UTC, to the microsecond."""
    later = bench.clock.now() + timedelta(days=3, microseconds=123_457)

    job = await bench.move(await bench.accept(), State.RECEIVED, changes={"next_at": later})

    assert job.next_at == later
    assert job.next_at is not None
    assert job.next_at.utcoffset() == timedelta(0)


async def test_the_newest_is_where_listening_begins(bench: StoreBench) -> None:
    """Of jobs and of wishes: nothing old is heard again, and everything later is."""
    jobs, wishes = bench.stores.jobs, bench.stores.wishes
    assert (await jobs.newest(), await wishes.newest()) == (0, 0)
    old = await bench.accept()
    await wishes.add(old.id, WishKind.HINT, "judge")
    heard = (await jobs.newest(), await wishes.newest())

    new = await bench.accept()
    await wishes.add(new.id, WishKind.HINT, "judge")

    assert (await jobs.accepted_since(heard[0]))[1] == [new.id]
    assert (await wishes.added_since(heard[1]))[1] == [new.id]
