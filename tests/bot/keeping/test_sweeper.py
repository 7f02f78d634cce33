"""The sweeper on a whole Reelbot: what is old goes, little at a time, and nothing that anybody still needs."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.jobs.actions import Presser
from bot.jobs.lineage import Changes
from bot.jobs.model import AssetKind, Job, Relation
from bot.keeping.retention import Kept
from bot.ports import Rendering
from storage.shelves import key_of
from tests.factories import ALICE
from tests.house import House, a_house

DAYS_91 = timedelta(days=91).total_seconds()
A_YEAR = timedelta(days=366).total_seconds()


def make_old(house: House, age_s: float = 7200) -> None:
    """As if every file had been put that long ago."""
    then = time.time() - age_s
    for path in (house.app.data_dir / "media").glob("??/*"):
        os.utime(path, (then, then))


def files(house: House) -> set[str]:
    return {path.name for path in (house.app.data_dir / "media").glob("??/*")}


async def clips(house: House, count: int) -> list[Job]:
    return [await house.run(await house.ask(prompt=f"number {number}")) for number in range(count)]


async def grow_old(house: House, seconds: float) -> None:
    """Time passes evenly, and the sweeper's hourly look at the clock is not missed."""
    await house.clock.advance(seconds)
    await house.app.service.sweeper.look_at_clock()


async def sweep(house: House, **how: Any) -> Any:
    return await house.app.service.sweeper.sweep(**how)


async def test_what_is_young_stays(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await clips(house, 2)
        await sweep(house)
        before = files(house)
        make_old(house)
        await grow_old(house, timedelta(days=80).total_seconds())

        swept = await sweep(house)

        assert {kind: each.deleted for kind, each in swept.kinds.items()} == {"inputs": 0, "clips": 0, "prompts": 0}
        assert files(house) == before


async def test_rows_go_first_and_files_second_a_fifth_at_a_time_oldest_first(tmp_path: Path) -> None:
    """Ten clips with their posters are twenty: four a run; the job says when, and its bytes are gone."""
    async with a_house(tmp_path) as house:
        await sweep(house)
        jobs = await clips(house, 10)
        await grow_old(house, DAYS_91)
        make_old(house)

        first = await sweep(house)

        gone = first.kinds[Kept.CLIPS]
        total = gone.kept + gone.deleted
        assert (gone.deleted, gone.expired) == (total // 5, total)
        oldest, newest = await house.load(jobs[0]), await house.load(jobs[-1])
        assert (oldest.clip_deleted_at is not None, newest.clip_deleted_at) == (True, None)
        assert oldest.output is not None
        assert oldest.output.asset_id not in files(house)
        assert not await house.app.desk.stores.assets.load(oldest.output.asset_id)

        everything = await sweep(house, everything=True)

        assert everything.kinds[Kept.CLIPS].kept == 0
        assert files(house) == set()
        assert {(await house.load(job)).clip_deleted_at is not None for job in jobs} == {True}


async def test_what_a_later_job_uses_is_as_young_as_that_job(tmp_path: Path) -> None:
    """Loop under an old clip: the clip stays as long as the loop does."""
    async with a_house(tmp_path) as house:
        await sweep(house)
        (parent,) = await clips(house, 1)
        await grow_old(house, timedelta(days=60).total_seconds())
        lineage = house.app.service.lineage
        loop, _ = await lineage.descend(parent, Relation.LOOP, ALICE, Presser(person=ALICE.person), Changes())
        await house.run(loop)
        await grow_old(house, timedelta(days=60).total_seconds())

        await sweep(house, everything=True)

        parent = await house.load(parent)
        assert (parent.clip_deleted_at, parent.inputs_deleted_at is not None) == (None, True)


async def test_a_running_job_keeps_its_picture_however_old(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await sweep(house)
        house.provider.checks = [Rendering()] * 3
        job = await house.ask()
        await house.step(job)
        await grow_old(house, DAYS_91)

        swept = await sweep(house, everything=True)

        assert swept.kinds[Kept.INPUTS].expired == 0
        assert (await house.load(job)).image_asset is not None


async def test_prompts_go_after_a_year_with_the_words_they_are_found_by(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await sweep(house)
        (job,) = await clips(house, 1)
        await grow_old(house, A_YEAR)

        await sweep(house, everything=True)

        assert (await house.load(job)).prompt == ""
        page = await house.app.stores.history.page(q="number")
        assert page.jobs == []
        assert [each.id for each in (await house.app.stores.history.page(person=ALICE.person)).jobs] == [job.id]


@pytest.mark.parametrize("jump", [timedelta(days=4000), -timedelta(days=4000), timedelta(hours=3)], ids=str)
async def test_a_jump_of_the_clock_deletes_nothing(tmp_path: Path, jump: timedelta) -> None:
    """Not in that run, nor in any until the clock went evenly for a day."""
    async with a_house(tmp_path) as house:
        await sweep(house)
        await clips(house, 5)
        make_old(house)
        before = files(house)

        house.clock.jump(jump.total_seconds())
        swept = await sweep(house)
        await house.clock.advance(3600)
        again = await sweep(house)

        assert files(house) == before
        assert "clock jumped" in swept.doubt
        assert "clock jumped" in again.doubt
        assert swept.kinds[Kept.CLIPS].deleted == 0


async def test_another_process_that_looks_in_between_makes_no_jump(tmp_path: Path) -> None:
    """A server looks each hour; a command beside it writes down its own look half-way."""
    async with a_house(tmp_path) as house:
        sweeper = house.app.service.sweeper
        await sweeper.look_at_clock()
        await house.clock.advance(1800)
        await sweeper._retention.remember({"clock_seen_at": house.clock.now().isoformat()})
        await house.clock.advance(1800)

        assert (await sweeper.look_at_clock()).is_trusted


async def test_two_sweepers_at_once_delete_each_thing_once(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await sweep(house)
        jobs = await clips(house, 6)
        await grow_old(house, DAYS_91)
        make_old(house)

        swept = await asyncio.gather(*(sweep(house, everything=True) for _ in range(2)), return_exceptions=True)

        assert not [each for each in swept if isinstance(each, BaseException)]
        assert files(house) == set()
        assert {(await house.load(job)).clip_deleted_at is not None for job in jobs} == {True}


async def test_a_dry_run_counts_and_deletes_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await sweep(house)
        await clips(house, 5)
        await grow_old(house, DAYS_91)
        make_old(house)
        before = files(house)

        swept = await sweep(house, dry_run=True)

        assert swept.kinds[Kept.CLIPS].expired > 0
        assert files(house) == before


async def test_files_that_nobody_named_are_removed_once_they_are_old(tmp_path: Path) -> None:
    """A process died between keeping a file and naming it. Young ones may be somebody's work in progress."""
    async with a_house(tmp_path) as house:
        await sweep(house)
        await clips(house, 1)
        lost = tmp_path / "lost"
        lost.write_bytes(b"nobody's")
        orphan = await house.app.service.media.put(lost, AssetKind.CLIP, "video/mp4")
        before = files(house)

        young = await sweep(house)
        make_old(house)
        old = await sweep(house)

        assert (young.orphans, old.orphans) == (0, 1)
        assert before - files(house) == {orphan.id}


async def test_a_file_put_again_while_it_is_being_removed_stays(tmp_path: Path) -> None:
    """Its row was deleted, its bytes not yet: whoever puts the same bytes now finds them afterwards."""
    async with a_house(tmp_path) as house:
        await sweep(house)
        (job,) = await clips(house, 1)
        assert job.output is not None
        asset_id = job.output.asset_id
        copy = tmp_path / "copy"
        copy.write_bytes((house.app.data_dir / "media" / key_of(asset_id)).read_bytes())
        await grow_old(house, DAYS_91)
        make_old(house)
        await house.app.service.sweeper._retention.delete(Kept.CLIPS, [asset_id], house.clock.now())

        await house.app.service.media.put(copy, AssetKind.CLIP, "video/mp4")
        await house.app.service.forgetting.finish()

        assert asset_id in files(house)


async def test_sweeping_is_due_once_a_day(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        sweeper = house.app.service.sweeper
        before = await sweeper.is_due()
        await sweep(house)
        after = await sweeper.is_due()
        await house.clock.advance(24 * 3600)

        assert (before, after, await sweeper.is_due()) == (True, False, True)
