"""Buttons under cards on Slack: who may press what, what comes of it, and that they work for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.jobs.states import State
from bot.ports import Rendering
from tests.adapters.chat.slack.room import PICTURE, Room, a_room, labels, texts
from tests.emulators.slack_world import SlackWorld


async def test_again_by_another_person_is_theirs_to_pay(room: Room) -> None:
    """A new card in the same thread; the presser pays."""
    asked = await room.say()
    card = await room.done(asked["ts"])

    await room.press(room.bob, card, "Again")

    await room.until(lambda: len(room.provider.paid) == 2, "the second render")
    again, first = await room.jobs()
    assert (again.requester.user, again.parent_id, again.relation) == (room.bob, first.id, "again")
    assert (await room.clip(again))["thread"] == asked["ts"]


async def test_two_presses_on_one_clip_are_one_job(room: Room) -> None:
    """The second is told so, alone."""
    asked = await room.say()
    card = await room.done(asked["ts"])

    first = await room.press(room.bob, card, "Again")
    second = await room.press(room.bob, card, "Again")

    assert (first.kind, second.kind) == ("answered", "answered")
    assert "You asked for the same a moment ago" in texts(await room.act(second.post))
    assert len(await room.jobs()) == 2


async def test_edit_opens_a_form_filled_in_and_is_the_askers_alone(room: Room) -> None:
    """Somebody else is told so in the form that opened."""
    asked = await room.say("the leaves move --10s")
    card = await room.done(asked["ts"])

    theirs = await room.press(room.bob, card, "Edit")
    refused = await room.until(lambda: _saying(room, room.bob, "Only the person who asked can edit"), "the refusal")
    await room.act(room.world.close, room.bob)
    own = await room.press(room.alice, card, "Edit")
    await room.until(lambda: _saying(room, room.alice, "What should happen?"), "the form")
    await room.act(room.world.submit, room.alice, {"What should happen?": "the leaves fall"})

    assert (theirs.kind, own.kind) == ("answered", "answered")
    assert refused
    await room.until(lambda: len(room.provider.paid) == 2, "the second render")
    edited = (await room.jobs())[0]
    assert (edited.prompt, edited.settings.duration_s, edited.relation) == ("the leaves fall", 10, "edit")


async def test_extend_loop_and_last_frame_make_new_jobs(room: Room) -> None:
    """Each in the same thread."""
    asked = await room.say()
    card = await room.done(asked["ts"])

    await room.press(room.alice, card, "Loop")
    await room.press(room.alice, card, "Use last frame")
    await room.until(lambda: _saying(room, room.alice, "What should happen?"), "the form")
    await room.act(room.world.submit, room.alice, {"What should happen?": "rain falls"})

    await room.until(lambda: len(room.world.from_bot(room.channel, asked["ts"])) >= 4, "their cards")
    relations = {job.relation for job in await room.jobs()}
    assert relations == {None, "loop", "frame"}


async def test_cancel_is_for_the_asker_and_team_leads(room: Room) -> None:
    """Bob is told so, alone; Lea may."""
    room.provider.checks = [Rendering()] * 400
    asked = await room.say()
    card = await room.card(asked["ts"], "Rendering")

    refused = await room.press(room.bob, card, "Cancel")
    allowed = await room.press(room.lea, card, "Cancel")

    assert "Only the person who asked, or a team lead" in texts(await room.act(refused.post))
    assert allowed.kind == "answered"
    await room.until(lambda: room.provider.cancels, "the wish")


async def test_delete_takes_the_clip_and_the_card_away(room: Room) -> None:
    """Slack's own client asks before the press is sent."""
    asked = await room.say()
    card = await room.done(asked["ts"])
    job = await room.job()
    share = await room.clip(job)
    [button] = [each for block in card["blocks"] for each in block.get("elements", ()) if "confirm" in each]

    refused = await room.press(room.bob, card, "Delete")
    pressed = await room.press(room.alice, card, "Delete")

    assert "Delete for good" in texts(button["confirm"])
    assert "Only the person who asked, a team lead or a moderator" in texts(await room.act(refused.post))
    assert "1 job was erased" in texts(await room.act(pressed.post))
    await room.until(lambda: room.world.from_bot(room.channel, asked["ts"]) == [], "the thread to be empty")
    assert share["file"] in [each["id"] for each in await room.act(room.world.files) if each["deleted"]]


async def test_a_price_is_confirmed_by_the_asker_alone(tmp_path: Path, town: SlackWorld) -> None:
    """Above the threshold the card asks; nothing is paid before."""
    limits = {"user_daily_jobs": 100, "user_daily_usd": "1000", "confirm_above_usd": "0.01"}
    async with a_room(tmp_path, town, limits=limits) as room:
        asked = await room.say()
        card = await room.card(asked["ts"], "Ready when you are")

        refused = await room.press(room.lea, card, "Start")
        told = texts(await room.act(refused.post))
        assert "Only the person who asked can start this job." in told
        assert room.provider.paid == []
        await room.press(room.alice, card, "Start")

        await room.done(asked["ts"])
        assert labels(card) == ["Start", "Cancel"]


async def test_buttons_work_after_a_restart(tmp_path: Path, town: SlackWorld) -> None:
    """Nothing of a card is remembered by the process."""
    async with a_room(tmp_path, town) as room:
        asked = await room.say()
        card = await room.done(asked["ts"])
        channel, alice = room.channel, room.alice
    async with a_room(tmp_path, town) as room:
        room.channel, room.alice = channel, alice

        pressed = await room.press(alice, card, "Again")

        assert pressed.kind == "answered"
        await room.until(lambda: len(room.world.from_bot(channel, asked["ts"])) >= 4, "the second card and clip")


async def test_send_again_posts_once_more(room: Room) -> None:
    """A new delivery, with a name of its own."""
    asked = await room.say()
    card = await room.done(asked["ts"])
    job = await room.job()

    await room.press(room.alice, card, "Send again")

    await room.until(lambda: room.world.shared(f"{job.id}-2.mp4"), "the second share")
    assert (await room.job()).state in {State.DELIVERED, State.DELIVERING}


@pytest.mark.parametrize("locale", ["de-DE", "ja-JP"])
async def test_everything_speaks_the_persons_language(room: Room, locale: str) -> None:
    """By the locale of their Slack."""
    await room.act(room.world.change_person, room.alice, locale=locale)
    asked = await room.act(room.world.say, room.alice, room.channel, room.world.mention("rain"), files=[PICTURE])

    said = {"de-DE": "Dein Clip ist fertig", "ja-JP": "クリップ"}[locale]
    card = await room.card(asked["ts"], said)

    await room.until(lambda: len(room.world.from_bot(room.channel, asked["ts"])) == 2, "the clip")
    assert "Again" not in labels(card)


def _saying(room: Room, person: str, text: str) -> bool:
    """Whether the form that this person sees says so."""
    view = room.world.view(person)
    return view is not None and text in texts(view)
