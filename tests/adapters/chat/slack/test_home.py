"""The Home tab on Slack: drawn for one person when it is opened, with everything that is theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.ports import Rendering
from tests.adapters.chat.slack.own_pages import asked, home, letters, offers, window, wished
from tests.adapters.chat.slack.room import Room, a_room, texts
from tests.emulators.slack_world import SlackWorld


async def test_it_shows_what_runs_what_is_left_and_what_was_made(tmp_path: Path, town: SlackWorld) -> None:
    """One's own, and nothing of others."""
    async with a_room(tmp_path, town, limits={"user_daily_jobs": "20"}) as room:
        written = await room.say("the leaves <!channel> move")
        await room.done(written["ts"])
        room.provider.checks = [Rendering()] * 400
        await room.say("a boat", by=room.bob)
        await room.say("a cat blinks")
        await room.until(lambda: len(room.provider.paid) == 3, "the renders")

        view = await home(room, room.alice)

    told = texts(view["blocks"])
    assert told.index("Under way") < told.index("a cat blinks") < told.index("What is left")
    assert "*You, today*: 2 of 20 clips" in told
    assert told.index("What you made") < told.index("the leaves <!channel> move")
    assert "a boat" not in told
    assert offers(view) == ["New clip", "Refresh", "My data", "Forget me", "Cancel", "Post again"]


async def test_admins_find_settings_and_operators_the_doctor(tmp_path: Path, town: SlackWorld) -> None:
    """Nobody else is offered them."""
    olga = town.person("Olga")
    async with a_room(tmp_path, town, engine=False, operators=[f"slack:{town.team}:{olga}"]) as room:
        offered = {who: offers(await home(room, who)) for who in (room.alice, room.lea, olga)}

    assert [each in offered[room.alice] for each in ("Settings", "Doctor")] == [False, False]
    assert [each in offered[room.lea] for each in ("Settings", "Doctor")] == [True, False]
    assert [each in offered[olga] for each in ("Settings", "Doctor")] == [True, True]


async def test_it_speaks_the_language_of_whoever_opens_it(room: Room) -> None:
    """All of it."""
    hans = await room.act(room.world.person, "Hans", locale="de-DE")
    hana = await room.act(room.world.person, "Hana", locale="ja-JP")

    german, japanese = await home(room, hans), await home(room, hana)

    assert offers(german) == ["Neuer Clip", "Aktualisieren", "Meine Daten", "Vergiss mich"]
    assert "Von dir läuft gerade nichts." in texts(german["blocks"])
    assert "履歴" not in texts(german["blocks"])
    assert "あなたが作ったもの" in texts(japanese["blocks"])


async def test_it_has_room_for_the_busiest_person(tmp_path: Path, town: SlackWorld) -> None:
    """At most a hundred blocks, however much runs; the emulated Slack refuses more."""
    async with a_room(tmp_path, town, engine=False) as room:
        for number in range(20):
            await wished(room, room.alice, f"leaf {number} {'x' * 500}")

        view = await home(room, room.alice)

    assert len(view["blocks"]) < 100
    assert offers(view).count("Cancel") == 15
    assert "5 more." in texts(view["blocks"])
    assert "As of <!date^" in texts(view["blocks"][-1])


async def test_what_changed_shows_after_refresh(room: Room) -> None:
    """It is drawn when it is opened, and when somebody asks."""
    before = await home(room, room.alice)
    await wished(room, room.alice, "a cat blinks")

    await room.press(room.alice, before, "Refresh")

    assert "a cat blinks" not in texts(before["blocks"])
    await home(room, room.alice, "a cat blinks")


async def test_a_new_clip_begins_here(room: Room) -> None:
    """The form asks where the clip goes."""
    await room.press(room.alice, await home(room, room.alice), "New clip")

    await window(room, room.alice, "What should happen?")


async def test_a_guest_who_may_not_ask_is_told_so_and_keeps_the_rest(room: Room) -> None:
    """What is kept of them is theirs all the same."""
    guest = await room.act(room.world.person, "Gus", is_restricted=True)

    view = await home(room, guest)

    assert "Guests cannot use Reelbot here" in texts(view["blocks"])
    assert offers(view) == ["Refresh", "My data", "Forget me"]


async def test_what_runs_is_stopped_from_here(room: Room) -> None:
    """The button says which job."""
    room.provider.checks = [Rendering()] * 400
    await room.say()
    await room.until(lambda: room.provider.paid, "the render")

    await room.press(room.alice, await home(room, room.alice), "Cancel")

    await room.until(lambda: room.provider.cancels, "the wish")


async def test_older_clips_open_in_a_form_that_is_turned(tmp_path: Path, town: SlackWorld) -> None:
    """The tab stays as it is."""
    async with a_room(tmp_path, town, engine=False) as room:
        for number in range(12):
            await wished(room, room.alice, f"leaf number {number}.")

        await room.press(room.alice, await home(room, room.alice), "Older")
        second = await window(room, room.alice, "leaf number 6.")
        await room.press(room.alice, second, "Older")
        third = await window(room, room.alice, "leaf number 1.")
        await room.press(room.alice, third, "Newest")
        first = await window(room, room.alice, "leaf number 11.")

    assert "leaf number 7." not in texts(second)
    assert "leaf number 2." not in texts(third)
    assert second["id"] == third["id"] == first["id"]


async def test_a_copy_of_the_data_is_asked_for_here(room: Room) -> None:
    """It comes to direct messages."""
    await wished(room, room.alice)

    await room.press(room.alice, await home(room, room.alice), "My data")

    await window(room, room.alice, "is being collected")
    (share,) = await room.until(lambda: room.world.shared("reelbot-data.zip"), "the file")
    assert share["channel"] == await room.act(room.world.dm, room.alice)


async def test_nothing_kept_is_said_in_direct_messages(room: Room) -> None:
    """There is no channel in which to say it."""
    await room.press(room.alice, await home(room, room.alice), "My data")

    assert await letters(room, room.alice, "Nothing is kept of you here.")


async def test_forgetting_is_asked_in_a_form_and_answered_directly(room: Room) -> None:
    """Closing the form keeps everything; sending it erases."""
    await wished(room, room.alice)
    view = await home(room, room.alice)

    await room.press(room.alice, view, "Forget me")
    question = await window(room, room.alice, "cannot be undone")
    await room.act(room.world.close, room.alice)
    kept = len(await room.jobs())
    await room.press(room.alice, view, "Forget me")
    await window(room, room.alice, "cannot be undone")
    await room.act(room.world.submit, room.alice)

    assert (question["submit"]["text"], question["close"]["text"]) == ("Erase everything", "Keep it")
    assert kept == 1
    assert await letters(room, room.alice, "1 job")


async def test_the_doctor_opens_in_a_form(tmp_path: Path, town: SlackWorld) -> None:
    """What is wrong stands there, not in a channel."""
    olga = town.person("Olga")
    async with a_room(tmp_path, town, engine=False, operators=[f"slack:{town.team}:{olga}"]) as room:
        await room.press(olga, await home(room, olga), "Doctor")

        found = texts(await window(room, olga, "is ready"))

    assert "🟢 The app has every scope it needs here." in found
    assert "🟢 judge is ready; $100.00 are left." in found


async def test_a_tab_that_slack_does_not_take_is_no_fault_of_anybody(room: Room) -> None:
    """It is logged, and nobody is told of it; the next opening draws it."""
    view = await home(room, room.alice)
    await wished(room, room.alice, "a cat blinks")
    await room.act(room.world.fault, "views.publish", "error:not_enabled")

    pressed = await room.press(room.alice, view, "Refresh")
    refused = await room.act(room.world.journal, "fault")
    await room.act(room.world.open_home, room.alice)

    assert (pressed.kind, len(refused)) == ("answered", 1)
    assert "a cat blinks" in texts((await home(room, room.alice, "a cat blinks"))["blocks"])
    assert await room.act(room.world.from_bot, await room.act(room.world.dm, room.alice)) == []


async def test_it_is_the_same_tab_wherever_it_is_opened_from(room: Room) -> None:
    """A channel's own budget and language stay with the channel."""
    await room.app.stores.workspaces.choose("slack", room.world.team, "language", "ja", channel=room.channel)
    direct: Any = await room.act(room.world.dm, room.alice)
    await room.app.stores.workspaces.choose("slack", room.world.team, "language", "de", channel=direct)

    told = texts(await asked(room, room.alice, "jobs"))
    view = await home(room, room.alice)

    assert "ありません" in told
    assert "New clip" in offers(view)
