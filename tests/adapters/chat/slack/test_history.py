"""What was made, on Slack: one's own, page by page; others' for whoever leads the workspace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.chat.slack.own_pages import asked, seen, wished
from tests.adapters.chat.slack.room import Room, a_room, labels, texts
from tests.emulators.slack_world import SlackWorld


@pytest.fixture(name="quiet")
async def _quiet(tmp_path: Path, town: SlackWorld) -> AsyncIterator[Room]:
    """Nobody works on what is asked for."""
    async with a_room(tmp_path, town, engine=False) as room:
        yield room


async def test_it_is_five_a_page_newest_first_and_its_buttons_turn_it(quiet: Room) -> None:
    """A page takes the place of the one before, for this person alone."""
    for number in range(7):
        await wished(quiet, quiet.alice, f"leaf number {number}")

    first = texts(await asked(quiet, quiet.alice, "history"))
    await quiet.press(quiet.alice, await seen(quiet, quiet.alice), "Older")
    second = await seen(quiet, quiet.alice)
    await quiet.press(quiet.alice, second, "Newest")
    third = await seen(quiet, quiet.alice)

    assert [number for number in range(7) if f"leaf number {number}" in first] == [2, 3, 4, 5, 6]
    assert [number for number in range(7) if f"leaf number {number}" in texts(second)] == [0, 1]
    assert labels(second) == ["Newest"]
    assert "leaf number 6" in texts(third)
    assert second["seen_by"] == quiet.alice
    assert await quiet.act(quiet.world.from_bot, quiet.channel) == []


async def test_a_search_goes_with_the_pages(quiet: Room) -> None:
    """Whatever was written, the buttons say it, and it is shown as it was written."""
    for number in range(6):
        await wished(quiet, quiet.alice, f"falling <leaf> & 葉 {number}")
    await wished(quiet, quiet.alice, "a boat")

    first = texts(await asked(quiet, quiet.alice, "history <leaf>   葉"))
    await quiet.press(quiet.alice, await seen(quiet, quiet.alice), "Older")
    second = texts(await seen(quiet, quiet.alice))

    assert "· &lt;leaf&gt; 葉" in first
    assert "falling <leaf> & 葉 5" in first
    assert "a boat" not in first + second
    assert "falling <leaf> & 葉 0" in second


async def test_too_long_a_search_is_refused(quiet: Room) -> None:
    """A button has room for some words only."""
    longest = await asked(quiet, quiet.alice, f"history {'葉' * 100}")
    refused = await asked(quiet, quiet.alice, f"history {'leaf ' * 21}")

    assert "nothing here yet" in texts(longest)
    assert "at most 100 characters" in texts(refused)


async def test_nobody_sees_what_others_made_but_whoever_leads_the_workspace(quiet: Room) -> None:
    """Bob sees nothing of Alice's; an admin may ask for everybody's, and is told whose it is."""
    await wished(quiet, quiet.alice, "the leaves move")
    await wished(quiet, quiet.bob, "a cat blinks")
    # In an answer that only the admin sees nobody is pinged.
    await quiet.act(quiet.world.knobs, mentionable=[quiet.alice, quiet.bob])

    own = texts(await asked(quiet, quiet.bob, "history"))
    refused = texts(await asked(quiet, quiet.bob, "history everyone"))
    everybodys = texts(await asked(quiet, quiet.lea, "history everyone"))
    cats = texts(await asked(quiet, quiet.lea, "history alle cat"))
    leas = texts(await asked(quiet, quiet.lea, "history cat"))

    assert "the leaves move" not in own
    assert "Only people who manage this place" in refused
    assert f"<@{quiet.alice}>" in everybodys
    assert "the leaves move" in everybodys
    assert "a cat blinks" in cats
    assert "the leaves move" not in cats
    assert "nothing here yet" in leas
    await quiet.act(quiet.world.knobs, mentionable=None)


async def test_another_workspace_has_a_history_of_its_own(quiet: Room) -> None:
    """An admin sees what was made in their workspace, and nothing of others."""
    await wished(quiet, quiet.alice, "the leaves move", workspace="T0ELSEWHERE")

    everybodys = texts(await asked(quiet, quiet.lea, "history everyone"))

    assert "nothing here yet" in everybodys


async def test_what_people_wrote_pings_nobody(quiet: Room) -> None:
    """It is shown as it was written, in text where nothing is read."""
    await wished(quiet, quiet.alice, "wake <!channel> & <@U0EVERYBODY>")

    answer = await asked(quiet, quiet.alice, "history")

    assert {"type": "plain_text", "text": "“wake <!channel> & <@U0EVERYBODY>”", "emoji": False} in [
        part for block in answer["blocks"] for part in block.get("elements", [])
    ]
    assert "<!channel>" not in answer["text"]
    # The emulated Slack calls every ping a violation; the room sees to it that there is none.


async def test_a_clip_is_found_and_posted_again_from_it(room: Room) -> None:
    """The link leads into its thread; posted again, it comes to where the history was asked for."""
    written = await room.say()
    await room.done(written["ts"])
    share = await room.clip(await room.job())
    elsewhere = await room.act(room.world.new_channel, "elsewhere", room.alice)

    answer = await asked(room, room.alice, "history", channel=elsewhere)
    await room.press(room.alice, await seen(room, room.alice), "Post again")

    link = f"/archives/{room.channel}/p{share['ts'].replace('.', '')}?thread_ts={written['ts']}&cid={room.channel}"
    assert f"{link}|Go to the clip>" in texts(answer)
    again = await room.until(lambda: room.world.shared(f"{share['name'][:-6]}-2.mp4"), "the clip once more")
    assert again[0]["channel"] == elsewhere


async def test_nothing_is_posted_again_that_is_not_there(quiet: Room) -> None:
    """Only a clip that is kept has the button."""
    await wished(quiet, quiet.alice, "the leaves move")

    answer = await asked(quiet, quiet.alice, "history")

    assert "Post again" not in texts(answer)
