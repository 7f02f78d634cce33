"""`/reelbot …`: one person's own pages, told to that person alone, in their language and in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.slack.scopes import NEEDED
from bot.money.amount import Money
from tests.adapters.chat.slack.own_pages import asked, letters, seen, wished
from tests.adapters.chat.slack.room import Room, a_room, texts
from tests.emulators.slack_world import SlackWorld


@pytest.fixture(name="olga")
def _olga(town: SlackWorld) -> str:
    """She operates the installation."""
    return town.person("Olga")


@pytest.fixture(name="run_by_olga")
async def _run_by_olga(tmp_path: Path, town: SlackWorld, olga: str) -> AsyncIterator[Room]:
    async with a_room(tmp_path, town, engine=False, operators=[f"slack:{town.team}:{olga}"]) as room:
        yield room


async def test_words_of_a_page_are_understood_in_every_language(room: Room) -> None:
    """English words work for everybody, translated ones and small slips too; only the person who asked sees it."""
    answers = {
        words: texts(await asked(room, room.alice, words))
        for words in ("jobs", "JOBS", " Aufträge ", "進行中", "my-data", "my data", "quota", "予算", "forget me")
    }

    assert all("under way" in answers[words] for words in ("jobs", "JOBS", " Aufträge ", "進行中"))
    assert answers["my-data"] == answers["my data"]
    assert answers["quota"] == answers["予算"]
    assert "cannot be undone" in answers["forget me"]
    assert await room.act(room.world.ephemerals, room.bob) == []


async def test_without_a_word_or_with_an_unknown_one_it_says_what_there_is(room: Room) -> None:
    """The word is named, and read by nobody."""
    hana = await room.act(room.world.person, "Hana", locale="ja-JP")

    helped = texts(await asked(room, room.alice, ""))
    unknown = texts(await asked(room, room.alice, "<!channel> & more"))
    japanese = texts(await asked(room, hana, "ヘルプ"))

    pages = ("history", "quota", "jobs", "settings", "doctor", "my-data", "forget-me", "help")
    assert all(f"`/reelbot {page}`:" in helped for page in pages)
    assert "I do not know &lt;!channel&gt;." in unknown
    assert "`/reelbot history`:" in unknown
    assert "`/reelbot quota`:" in japanese
    assert "What is left" not in japanese


async def test_it_is_answered_where_we_are_no_member_and_in_direct_messages(room: Room) -> None:
    """A command needs us in no channel."""
    elsewhere = await room.act(room.world.new_channel, f"x-{room.channel.lower()}", room.alice, bot=False)
    direct = await room.act(room.world.dm, room.alice)

    for channel in (elsewhere, direct):
        assert "under way" in texts(await asked(room, room.alice, "jobs", channel=channel))


async def test_the_doctor_is_for_operators(run_by_olga: Room, olga: str) -> None:
    """An admin of a workspace runs no Reelbot."""
    room = run_by_olga

    refused = texts(await asked(room, room.lea, "doctor"))
    told = texts(await asked(room, olga, "doctor"))

    assert "Only operators of this Reelbot" in refused
    assert "🟢 The app has every scope it needs here." in told
    assert "🟢 judge is ready; $100.00 are left." in told
    assert "GB are free for clips" in told


async def test_the_doctor_names_the_scopes_that_are_missing_now(run_by_olga: Room, olga: str) -> None:
    """What was granted when the app was added may be less today."""
    room = run_by_olga
    await room.act(room.world.scopes, "chat:write", "commands", "users:read", "app_mentions:read", "im:history")

    told = texts(await asked(room, olga, "doctor"))

    assert "🔴 The app lacks these scopes here: files:read, files:write, im:write and reactions:write." in told
    await room.act(room.world.scopes, *NEEDED)


async def test_a_doctor_who_takes_long_says_so_at_once(run_by_olga: Room, olga: str) -> None:
    """Slack waits three seconds: what a slow provider says comes after them, to the same person."""
    room, answers = run_by_olga, asyncio.Event()

    async def slow() -> Money:
        await answers.wait()
        return Money.usd(7)

    room.provider.balance = slow  # type: ignore[method-assign]
    first = texts(await asked(room, olga, "doctor"))
    answers.set()

    assert "One moment" in first
    assert "judge is ready; $7.00 are left." in texts(await seen(room, olga, "is ready"))


async def test_a_fault_of_ours_is_told_with_a_reference_and_nothing_else(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever broke: the person is answered, and reads nothing of our insides."""

    async def broken(*_: Any) -> None:
        raise OSError("/var/lib/reelbot is gone")

    monkeypatch.setattr(type(room.app.stores.ledger), "standings", broken)

    told = texts(await asked(room, room.alice, "quota"))

    assert "Something went wrong on our side" in told
    assert "/var/lib" not in told


async def test_a_button_of_another_version_is_answered(room: Room) -> None:
    """It is told to whoever pressed it, and nothing else happens."""
    button = {"type": "button", "text": {"type": "plain_text", "text": "Gone"}, "action_id": "rb:p:gone", "value": "1"}
    bot = await room.courier.bots.of(room.world.team)
    blocks = [{"type": "actions", "elements": [button]}]
    await room.courier.api.call(bot, "chat.postMessage", channel=room.channel, text="old", blocks=blocks)
    (old,) = await room.act(room.world.from_bot, room.channel)

    answer = await room.press(room.alice, old, "Gone")

    assert answer.kind == "answered"
    assert "from another version" in texts(await seen(room, room.alice))


async def test_a_form_of_another_version_is_answered(room: Room) -> None:
    """Below its first field where it has one, else in direct messages."""
    bot = await room.courier.bots.of(room.world.team)
    field = {
        "type": "input", "block_id": "old", "label": {"type": "plain_text", "text": "Old"}, "optional": True,
        "element": {"type": "plain_text_input", "action_id": "rb:i:old"},
    }  # fmt: skip
    says = {"type": "section", "text": {"type": "plain_text", "text": "Old"}}

    sent = [await _open_and_send(room, bot, blocks) for blocks in ([field], [says])]

    assert [each.kind for each in sent] == ["answered", "answered"]
    assert "from another version" in sent[0].body["errors"]["old"]
    assert await letters(room, room.alice, "from another version")


async def test_what_others_pressed_is_theirs(room: Room) -> None:
    """A page's buttons carry no person: each sees what they may see themselves."""
    await wished(room, room.alice, "the leaves move")
    bot = await room.courier.bots.of(room.world.team)
    older = {
        "type": "button", "text": {"type": "plain_text", "text": "Older"}, "action_id": "rb:p:history:1", "value": "e..",
    }  # fmt: skip
    blocks = [{"type": "actions", "elements": [older]}]
    await room.courier.api.call(bot, "chat.postMessage", channel=room.channel, text="shared", blocks=blocks)
    (page,) = await room.act(room.world.from_bot, room.channel)

    await room.press(room.bob, page, "Older")

    assert "Only people who manage this place" in texts(await seen(room, room.bob))
    assert "the leaves move" not in texts(await room.act(room.world.message, room.channel, page["ts"]))


async def _open_and_send(room: Room, bot: Any, blocks: list[dict[str, Any]]) -> Any:
    """Send a form with an unknown name."""
    trigger = (await room.act(room.world.slash, room.alice, room.channel, "/reelbot", "help")).trigger_id
    view = {
        "type": "modal", "callback_id": "rb:f:gone", "title": {"type": "plain_text", "text": "Old"},
        "submit": {"type": "plain_text", "text": "Send"}, "blocks": blocks,
    }  # fmt: skip
    await room.courier.api.call(bot, "views.open", trigger_id=trigger, view=view)
    answer = await room.act(room.world.submit, room.alice)
    if answer.body:
        await room.act(room.world.close, room.alice)
    return answer
