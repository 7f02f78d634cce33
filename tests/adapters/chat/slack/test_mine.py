"""What belongs to one person on Slack: the budget, what is under way, a copy of the data, being forgotten."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bot.ports import Rendering
from tests.adapters.chat.slack.own_pages import asked, letters, offers, seen, wished
from tests.adapters.chat.slack.room import PICTURE, Room, a_room, texts
from tests.emulators.slack_world import SlackWorld


async def test_quota_says_what_is_left(tmp_path: Path, town: SlackWorld) -> None:
    """Used and limit of every budget that counts, and when it resets in the reader's own time."""
    async with a_room(tmp_path, town, limits={"user_daily_jobs": "20", "user_daily_usd": "5"}) as room:
        written = await room.say()
        await room.done(written["ts"])

        told = texts(await asked(room, room.alice, "quota"))

    assert "*You, today*: 1 of 20 clips · $0.50 of $5.00 · resets <!date^" in told
    assert "*This workspace, this month*: 1 clip · $0.50 of $100.00" in told


async def test_jobs_lists_what_is_under_way_with_a_way_to_its_card(room: Room) -> None:
    """One's own; the link leads into the thread, and it can be stopped."""
    room.provider.checks = [Rendering()] * 400
    written = await room.say("the <!channel> leaves move")
    card = await room.card(written["ts"])
    await room.say("a boat", by=room.bob)
    await room.until(lambda: len(room.provider.paid) == 2, "the renders")

    answer = await asked(room, room.alice, "jobs")

    link = f"archives/{room.channel}/p{card['ts'].replace('.', '')}?thread_ts={written['ts']}&cid={room.channel}"
    assert f"/{link}|Go to the card>" in texts(answer)
    assert "the <!channel> leaves move" in texts(answer)
    assert "a boat" not in texts(answer)
    assert offers(answer) == ["Cancel"]
    await room.press(room.alice, await seen(room, room.alice), "Cancel")
    await room.until(lambda: room.provider.cancels, "the wish")


async def test_no_jobs_are_a_sentence(room: Room) -> None:
    """What has ended is in the history."""
    written = await room.say()
    await room.done(written["ts"])

    assert "Nothing of yours is under way." in texts(await asked(room, room.alice, "jobs"))


async def test_a_long_list_of_jobs_is_cut(tmp_path: Path, town: SlackWorld) -> None:
    """A message has room for fifty blocks; how many more there are is said."""
    async with a_room(tmp_path, town, engine=False) as room:
        for number in range(18):
            await wished(room, room.alice, f"leaf {number}")

        answer = await asked(room, room.alice, "jobs")

    assert offers(answer).count("Cancel") == 15
    assert "3 more." in texts(answer)


async def test_my_data_comes_to_direct_messages_as_a_file(room: Room) -> None:
    """Everything that is kept of the person, nothing of others, and nothing stays on our disk."""
    written = await room.say("zoom in on the <!channel> lake")
    await room.done(written["ts"])
    theirs = await room.say("a boat", by=room.bob)
    await room.done(theirs["ts"])

    told = texts(await asked(room, room.alice, "my-data"))
    (share,) = await room.until(lambda: room.world.shared("reelbot-data.zip"), "the file")

    assert "is being collected" in told
    assert share["channel"] == await room.act(room.world.dm, room.alice)
    (letter,) = await letters(room, room.alice, "1 job of yours in this workspace.")
    with zipfile.ZipFile(io.BytesIO(await room.act(room.world.download, letter["files"][0]))) as archive:
        document = json.loads(archive.read("export.json"))
    assert [job["prompt"] for job in document["jobs"]] == ["zoom in on the <!channel> lake"]
    await room.until(lambda: not list(room.app.desk.scratch.glob("*.zip")), "an empty disk")


async def test_data_that_slack_does_not_take_names_who_has_it(room: Room) -> None:
    """Too large, or files are not allowed: the operator can write it out, and the sentence names the command."""
    await wished(room, room.alice)
    await room.act(room.world.knobs, file_uploads=False)

    await asked(room, room.alice, "my-data")
    told = texts(await seen(room, room.alice, "Slack does not take it"))

    assert f"`reelbot export --user slack:{room.world.team}:{room.alice}`" in told
    await room.act(room.world.knobs, file_uploads=None)


async def test_data_too_large_for_slack_is_not_uploaded(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is known before the first byte."""
    monkeypatch.setattr("adapters.chat.slack.mine.MOST_UPLOADED", 0)
    await wished(room, room.alice)

    await asked(room, room.alice, "my-data")
    await seen(room, room.alice, "reelbot export")

    assert await room.act(room.world.journal, "upload-url") == []


async def test_nobody_waits_in_vain_for_their_data(room: Room) -> None:
    """Nothing kept, or something broken on our side: either is told to the person who asked, without a path of ours."""
    await asked(room, room.alice, "my-data")
    nothing = texts(await seen(room, room.alice, "Nothing is kept of you here."))
    await wished(room, room.alice)
    await room.act(room.world.fault, "conversations.open", "error:internal_error")

    await asked(room, room.alice, "my-data")
    broken = texts(await seen(room, room.alice, "Something went wrong on our side"))

    assert str(room.app.desk.scratch) not in nothing + broken


async def test_data_whose_upload_was_answered_by_nobody_is_looked_for(room: Room) -> None:
    """It may be there all the same: one file is shared, and nothing is said of a fault."""
    await wished(room, room.alice)
    await room.act(room.world.fault, "files.completeUploadExternal", "reset", when="after")

    await asked(room, room.alice, "my-data")
    await letters(room, room.alice, "1 job of yours")
    await room.running.aclose()

    assert len(await room.act(room.world.shared, "reelbot-data.zip")) == 1
    assert len(await room.act(room.world.ephemerals, room.alice)) == 1


async def test_forget_me_asks_first(room: Room) -> None:
    """Keeping everything is one press, and leaves everything."""
    await wished(room, room.alice)

    answer = await asked(room, room.alice, "forget-me")
    await room.press(room.alice, await seen(room, room.alice), "Keep it")

    assert "cannot be undone" in texts(answer)
    assert offers(answer) == ["Erase everything", "Keep it"]
    kept = await seen(room, room.alice, "Nothing was deleted.")
    assert offers(kept) == []
    assert len(await room.jobs()) == 1


async def test_forget_me_erases_what_is_the_persons_and_says_what_remains(room: Room) -> None:
    """Clips and cards go from Slack; Bob keeps his."""
    written = await room.say()
    await room.done(written["ts"])
    theirs = await room.say("a boat", by=room.bob)
    await room.done(theirs["ts"])

    await asked(room, room.alice, "forget-me")
    await room.press(room.alice, await seen(room, room.alice), "Erase everything")
    told = texts(await seen(room, room.alice, "was erased"))

    assert "1 job was erased. 1 message was deleted." in told
    assert "Amounts stay in the ledger" in told
    assert [job.prompt for job in await room.jobs()] == ["a boat"]
    assert await room.act(room.world.from_bot, room.channel, written["ts"]) == []
    assert await room.act(room.world.from_bot, room.channel, theirs["ts"]) != []


async def test_a_wish_to_be_forgotten_that_fails_is_not_left_unsaid(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is told with a reference, in the place of the question."""
    await wished(room, room.alice)

    async def broken(*_: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(type(room.app.service.forgetting), "forget", broken)
    await asked(room, room.alice, "forget-me")
    await room.press(room.alice, await seen(room, room.alice), "Erase everything")

    assert "the disk is gone" not in texts(await seen(room, room.alice, "Something went wrong on our side"))


async def test_a_link_to_the_card_of_a_clip_asked_for_in_direct_messages(room: Room) -> None:
    """Direct messages have addresses, too."""
    room.provider.checks = [Rendering()] * 400
    direct = await room.act(room.world.dm, room.alice)
    written = await room.act(room.world.say, room.alice, direct, "the leaves move", files=[PICTURE])
    card = await room.card(written["ts"], channel=direct)

    answer = await asked(room, room.alice, "jobs")

    assert f"/archives/{direct}/p{card['ts'].replace('.', '')}?thread_ts={written['ts']}&cid={direct}" in texts(answer)
