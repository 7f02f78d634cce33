"""Again, Edit, Extend, Loop, Use last frame: what a child is made from, who may ask for it, and who pays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadInput, BadPrompt, Expired, LimitReached, NotAllowed, NotFound, TooLate
from bot.jobs.actions import Presser
from bot.jobs.lineage import Changes
from bot.jobs.model import InputRef, Job, Relation, RenderSettings, Requester
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.factories import ALICE, BOB, MALLORY, a_picture, a_request
from tests.fakes.provider import FakeProvider
from tests.fakes.workshop import SOUND_MAGIC
from tests.house import OPERATOR, House, a_house

HALF = Money.usd("0.50")


async def child(
    house: House, parent: Job, relation: Relation, *, by: Requester = ALICE, **said: Any
) -> tuple[Job, bool]:
    presser = Presser(person=by.person)
    key = said.pop("key", None)
    return await house.app.service.lineage.descend(parent, relation, by, presser, Changes(**said), request_key=key)


async def parent_of(house: House, **changes: Any) -> Job:
    """A delivered clip of Alice's."""
    job = await house.run(await house.ask(**changes))
    assert job.state is State.DELIVERED
    return job


async def content(house: House, asset_id: str | None) -> bytes:
    path = await house.app.service.media.local_path(asset_id or "")
    assert path is not None
    return path.read_bytes()


async def test_again_is_the_same_with_a_new_seed_and_is_paid_by_the_presser(tmp_path: Path) -> None:
    """Bob presses Again under Alice's clip: her words and picture, his bill."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house, settings=RenderSettings(seed=7, camera="orbit"))

        again, is_new = await child(house, parent, Relation.AGAIN, by=BOB)
        again = await house.run(again)

        assert (is_new, again.state, again.charged) == (True, State.DELIVERED, HALF)
        assert (again.prompt, again.settings) == (parent.prompt, replace(parent.settings, seed=None))
        assert (again.parent_id, again.relation, again.image_asset) == (parent.id, "again", parent.image_asset)
        assert await house.used(BOB, f"user:{BOB.person}", "day") == HALF
        assert await house.used(ALICE, f"user:{ALICE.person}", "day") == HALF


async def test_a_child_keeps_its_picture_when_the_parent_is_erased(tmp_path: Path) -> None:
    """Its own reference was taken when it was accepted: what happens to the parent afterwards does not touch it."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)
        again, _ = await child(house, parent, Relation.AGAIN, by=BOB)

        await house.app.service.forgetting.delete(parent, OPERATOR)
        again = await house.run(again)

        assert again.state is State.DELIVERED
        assert (await content(house, again.image_asset)).startswith(PICTURE_MAGIC)


async def test_two_presses_within_ten_seconds_are_one_job_and_later_ones_are_not(tmp_path: Path) -> None:
    """By one person on one clip; another person's, another relation and other words are jobs of their own."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        first, _ = await child(house, parent, Relation.AGAIN, key="a")
        twice, is_new = await child(house, parent, Relation.AGAIN, key="b")
        others = [
            await child(house, parent, Relation.AGAIN, by=BOB),
            await child(house, parent, Relation.EXTEND),
            await child(house, parent, Relation.EDIT, prompt="the wind rises"),
            await child(house, parent, Relation.EDIT, prompt="the wind falls"),
        ]
        await house.clock.advance(10.5)
        later, later_is_new = await child(house, parent, Relation.AGAIN, key="c")
        delayed, delayed_is_new = await child(house, parent, Relation.AGAIN, key="b")

        assert (twice.id, is_new) == (first.id, False)
        assert len({first.id, later.id, *(job.id for job, _ in others)}) == 6
        assert later_is_new
        assert all(new for _, new in others)
        # The second press's own key, said again by a platform that retries, still means the first one's job.
        assert (delayed.id, delayed_is_new) == (first.id, False)


async def test_a_second_press_is_answered_though_the_first_one_took_the_last_of_the_budget(tmp_path: Path) -> None:
    """It asks for nothing new, so no limit refuses it."""
    tight = {"limits": {"user_daily_jobs": 2, "confirm_above_usd": "100"}}
    async with a_house(tmp_path, **tight) as house:
        parent = await parent_of(house)
        first, _ = await child(house, parent, Relation.AGAIN)
        await house.run(first)

        twice, is_new = await child(house, parent, Relation.AGAIN)

        assert (twice.id, is_new) == (first.id, False)
        with pytest.raises(LimitReached):
            await child(house, parent, Relation.EXTEND)


async def test_edit_changes_only_what_is_said(tmp_path: Path) -> None:
    """Words in the prompt count as in any other; the rest stays as it was."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house, settings=RenderSettings(seed=7, camera="orbit"))

        edited, _ = await child(house, parent, Relation.EDIT, prompt="the wind rises --10s", settings={"motion": "low"})

        assert edited.prompt == "the wind rises"
        assert edited.settings == replace(parent.settings, duration_s=10, motion="low")
        assert edited.image_asset is None, "another length may need its inputs prepared anew"
        assert (await house.run(edited)).state is State.DELIVERED


async def test_only_words_of_settings_leave_the_prompt_as_it_was(tmp_path: Path) -> None:
    """`--480p` alone is no new prompt."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        edited, _ = await child(house, parent, Relation.EDIT, prompt="--480p")

        assert (edited.prompt, edited.settings.resolution) == (parent.prompt, "480p")


@pytest.mark.parametrize("relation", [Relation.AGAIN, Relation.LOOP])
async def test_what_takes_no_changes_says_so(tmp_path: Path, relation: Relation) -> None:
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        with pytest.raises(BadPrompt, match="use Edit"):
            await child(house, parent, relation, prompt="something else")


async def test_an_edit_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        with pytest.raises(BadPrompt, match="use Again"):
            await child(house, parent, Relation.EDIT, settings={"seed": None})


async def test_only_the_asker_edits_and_strangers_see_nothing(tmp_path: Path) -> None:
    """Bob may press Again, not Edit; for Mallory, of another workspace, there is no such job."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        with pytest.raises(NotAllowed, match="press Again"):
            await child(house, parent, Relation.EDIT, by=BOB, prompt="mine now")
        for relation in Relation:
            with pytest.raises(NotFound):
                await child(house, parent, relation, by=MALLORY)


async def test_an_extension_begins_with_the_last_frame_and_is_delivered_joined_and_by_itself(tmp_path: Path) -> None:
    """A new paid job; its clip is both in one, and the new part is kept beside it."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        extended, _ = await child(house, parent, Relation.EXTEND, prompt="and then it rains")
        assert extended.state is State.RECEIVED, "the frame is taken afterwards: the person hears at once"
        extended = await house.run(extended)

        assert parent.output is not None
        assert extended.output is not None
        before = await content(house, parent.output.asset_id)
        assert before in await content(house, extended.image_asset)
        part = await content(house, extended.output.part_id)
        assert await content(house, extended.output.asset_id) == b"".join(
            [before[: before.index(b"\n") + 1], b"joined\n", before, part]
        )
        assert (extended.charged, extended.settings.seed) == (HALF, None)
        files = await house.app.stores.assets.of_job(extended.id)
        assert {"source", "clip", "part", "poster", "original", "image"} == set(files)


@pytest.mark.parametrize("relation", [Relation.EXTEND, Relation.FRAME])
async def test_what_goes_on_from_a_clip_has_a_seed_of_its_own_however_it_is_said(
    tmp_path: Path, relation: Relation
) -> None:
    """Not the parent's; one in the words counts as much as one in a field."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house, settings=RenderSettings(seed=7))

        plain, _ = await child(house, parent, relation, prompt="it rains")
        in_words, _ = await child(house, parent, relation, prompt="it snows --seed 5")
        in_a_field, _ = await child(house, parent, relation, prompt="it hails", settings={"seed": 6})

        assert [job.settings.seed for job in (plain, in_words, in_a_field)] == [None, 5, 6]


async def test_again_under_an_extension_goes_on_from_the_same_frame_and_is_joined_too(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)
        extended = await house.run((await child(house, parent, Relation.EXTEND))[0])

        again = await house.run((await child(house, extended, Relation.AGAIN))[0])

        assert again.output is not None
        assert again.output.part_id is not None
        assert again.image_asset == extended.image_asset


async def test_a_part_that_cannot_be_joined_is_delivered_alone_and_the_card_says_so(tmp_path: Path) -> None:
    """It is paid for and plays; nothing is held back for the sake of the joint."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        async def refuse(first: Path, second: Path, into: Path) -> None:
            raise BadInput("The first clip is damaged.")

        house.app.desk.workshop.join = refuse  # type: ignore[method-assign]
        extended = await house.run((await child(house, parent, Relation.EXTEND))[0])

        assert (extended.state, extended.charged) == (State.DELIVERED, HALF)
        assert extended.output is not None
        assert extended.output.part_id is None
        assert "only the new part" in extended.adjustments[-1]


async def test_a_loop_is_made_from_the_clip_and_costs_nothing(tmp_path: Path) -> None:
    """The provider gets the clip itself; no other clip can be ordered from that model."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        loop = await house.run((await child(house, parent, Relation.LOOP))[0])

        assert parent.output is not None
        assert (loop.state, loop.charged, loop.model) == (State.DELIVERED, FREE, "judge/loop")
        assert house.provider.paid[-1].image.asset.id == parent.output.asset_id
        with pytest.raises(BadPrompt, match="press Loop"):
            await house.ask(model="judge/loop")


async def test_again_and_extend_under_a_loop_mean_the_clip_it_was_made_from(tmp_path: Path) -> None:
    """A loop has no words of its own; its last frame is its own."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)
        loop = await house.run((await child(house, parent, Relation.LOOP))[0])

        again, _ = await child(house, loop, Relation.AGAIN)
        extended = await house.run((await child(house, loop, Relation.EXTEND))[0])

        assert (again.model, again.image_asset, again.parent_id) == (parent.model, parent.image_asset, loop.id)
        assert loop.output is not None
        assert await content(house, loop.output.asset_id) in await content(house, extended.image_asset)


async def test_use_last_frame_begins_anew_from_it(tmp_path: Path) -> None:
    """A clip of its own, not joined to anything."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)

        framed = await house.run((await child(house, parent, Relation.FRAME, prompt="now snow falls"))[0])

        assert framed.output is not None
        assert parent.output is not None
        assert (framed.prompt, framed.output.part_id) == ("now snow falls", None)
        assert await content(house, parent.output.asset_id) in await content(house, framed.image_asset)


@pytest.mark.parametrize("relation", [Relation.EXTEND, Relation.LOOP, Relation.FRAME])
async def test_what_needs_a_clip_says_when_there_is_none(tmp_path: Path, relation: Relation) -> None:
    async with a_house(tmp_path) as house:
        parent = await house.ask()

        with pytest.raises(TooLate, match="no finished clip"):
            await child(house, parent, relation)


async def test_again_works_for_a_job_that_failed_before_its_picture_was_copied(tmp_path: Path) -> None:
    """The picture may still lie where the person left it."""
    async with a_house(tmp_path) as house:
        picture = a_picture()
        parent = await house.ask(image=picture)
        await house.app.service.actions.cancel(parent.id, OPERATOR)
        parent = await house.run(parent)
        assert parent.state is State.CANCELLED

        again, _ = await child(house, parent, Relation.AGAIN)

        assert again.image == picture
        assert (await house.run(again)).state is State.DELIVERED


async def test_what_was_deleted_is_named_with_its_day(tmp_path: Path) -> None:
    """The person reads when the picture went, and to attach it again."""
    async with a_house(tmp_path) as house:
        parent = await parent_of(house)
        await house.clock.advance(timedelta(days=91).total_seconds())
        await house.app.service.sweeper.sweep(everything=True)
        parent = await house.load(parent)

        with pytest.raises(Expired, match=r"picture .* deleted on 2026-\d\d-\d\d, .* attach"):
            await child(house, parent, Relation.AGAIN)
        with pytest.raises(Expired, match=r"clip .* deleted on 2026-\d\d-\d\d"):
            await child(house, parent, Relation.EXTEND)


async def test_a_sound_comes_along_and_can_be_left_out(tmp_path: Path) -> None:
    """The prepared sound serves again for the same length; for another it is cut anew from the original."""
    provider = FakeProvider()
    provider.takes_audio = True
    async with a_house(tmp_path, providers=[provider]) as house:
        source = tmp_path / "sound.wav"
        source.write_bytes(SOUND_MAGIC + b"la la la")
        model = house.app.service.front_desk.model("judge", None)
        sound = await house.app.service.take_sound(source, model, 5)
        request = a_request(audio=sound.ref, settings=RenderSettings(audio=True))
        parent = await house.run((await house.app.service.front_desk.accept(request, sound.assets))[0])
        assert house.provider.paid[0].audio is not None

        again, _ = await child(house, parent, Relation.AGAIN)
        longer, _ = await child(house, parent, Relation.EDIT, settings={"duration_s": 10})
        silent, _ = await child(house, parent, Relation.EDIT, settings={"audio": False})

        assert (again.audio_asset, longer.audio_asset) == (parent.audio_asset, None)
        assert (await house.run(longer)).audio_asset is not None
        assert (silent.audio, silent.settings.audio) == (None, False)
        assert isinstance(again.audio, InputRef)
