"""Commands that answer one person alone: history, quota, jobs, data, forgetting, and the check-up of operators."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.chat.discord.sim import World, a_world, labels, shown, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_history_shows_ones_own_clips_and_turns_pages(world: World) -> None:
    """Newest first, five a page; its buttons work after a restart, for they say which page comes next."""
    for number in range(7):
        await world.animate(prompt=f"leaf number {number}")

    answer = await world.alice.slash(world.room, "history")
    first = words(answer.response)
    await world.restart()
    await world.alice.click(shown(answer), label="Older")
    second = words(answer.response)
    await world.alice.click(shown(answer), label="Newest")

    assert answer.ephemeral
    assert "leaf number 6" in first
    assert "leaf number 1" not in first
    assert "leaf number 1" in second
    assert words(answer.response) == first


async def test_history_is_searched_and_the_search_goes_with_the_pages(world: World) -> None:
    """The words stay in force while pages are turned."""
    for number in range(6):
        await world.animate(prompt=f"falling leaf {number}")
    await world.animate(prompt="a boat")

    answer = await world.alice.slash(world.room, "history", search="leaf")
    first = words(answer.response)
    await world.alice.click(shown(answer), label="Older")

    assert "a boat" not in first
    assert "falling leaf 0" in words(answer.response)


async def test_a_search_too_long_to_be_carried_on_says_so(world: World) -> None:
    """Ids of buttons have room for some words only."""
    words_searched = "the leaves of the old lime tree behind the house begin to move"
    for _ in range(6):
        await world.animate(prompt=words_searched)

    answer = await world.alice.slash(world.room, "history", search=words_searched)

    assert labels(shown(answer)) == []
    assert "search with fewer words" in words(answer.response)


async def test_nobody_sees_what_others_made_but_whoever_manages_the_server(world: World) -> None:
    """Bob sees nothing of Alice's; the team lead may ask for everybody's."""
    await world.animate(prompt="the leaves move")

    own = await world.bob.slash(world.room, "history")
    refused = await world.bob.slash(world.room, "history", everyone=True)
    everybodys = await world.lea.slash(world.room, "history", everyone=True)

    assert "nothing here yet" in words(own.response)
    assert "Only people who manage this place" in words(refused.response)
    assert "the leaves move" in words(everybodys.response)
    assert everybodys.ephemeral


async def test_a_clip_is_posted_again_from_the_history(world: World) -> None:
    """Where the history was asked for."""
    await world.animate()
    await world.finish()
    elsewhere = world.guild.create_text_channel("elsewhere")
    await world.env.settle()

    answer = await world.alice.slash(elsewhere, "history")
    await world.alice.click(shown(answer), label="Post here")
    await world.finish()

    posted = elsewhere.last_message
    assert posted is not None
    assert posted.attachments[0].filename.endswith("-2.mp4")


async def test_quota_says_what_is_left(tmp_path: Path) -> None:
    """Used and limit of every scope that counts, and when it resets in the reader's own time."""
    async with a_world(tmp_path, limits={"user_daily_jobs": "20", "user_daily_usd": "5"}) as world:
        await world.animate()
        await world.finish()

        answer = await world.alice.slash(world.room, "quota")

        assert answer.ephemeral
        assert "**You, today**: 1 of 20 clips · $0.50 of $5.00 · resets <t:" in words(answer.response)


async def test_jobs_lists_what_is_under_way_with_a_way_to_its_card(world: World) -> None:
    """One's own; what has ended is in the history."""
    card = (await world.animate()).response
    await world.animate(world.bob, prompt="a boat")

    answer = await world.alice.slash(world.room, "jobs")

    assert answer.ephemeral
    assert f"https://discord.com/channels/{world.guild.id}/{world.room.id}/{card.id}" in words(answer.response)
    assert "a boat" not in words(answer.response)


async def test_my_data_is_sent_as_a_file_to_its_owner(world: World) -> None:
    """Everything that is kept of the person, and nothing of others."""
    await world.animate()
    await world.animate(world.bob, prompt="a boat")
    await world.finish((await world.jobs())[1])

    answer = await world.alice.slash(world.room, "my-data")

    assert answer.ephemeral
    (attachment,) = shown(answer).attachments
    found = world.env.backend.cdn.get(attachment.url)
    assert found is not None
    with zipfile.ZipFile(io.BytesIO(found)) as archive:
        document = json.loads(archive.read("export.json"))
    assert [job["prompt"] for job in document["jobs"]] == ["the leaves move"]
    assert list(world.house.app.desk.scratch.iterdir()) == []


async def test_data_too_large_to_be_sent_says_who_has_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator can write it out; the sentence names the command."""
    monkeypatch.setattr("adapters.chat.discord.mine.MOST_UPLOADED", 0)
    await world.animate()

    answer = await world.alice.slash(world.room, "my-data")

    assert f"reelbot export --user discord:{world.guild.id}:{world.alice.id}" in words(answer.response).replace(
        "\\", ""
    )


async def test_forgetting_asks_first_and_says_what_remains(world: World) -> None:
    """What is done is erased and taken down, what others made stays."""
    await world.animate()
    await world.finish()
    await world.animate(world.bob, prompt="a boat")

    asked = await world.alice.slash(world.room, "forget-me")
    await world.restart()
    await world.alice.click(shown(asked), label="Erase everything")

    assert asked.ephemeral
    assert [job.prompt for job in await world.jobs()] == ["a boat"]
    assert "1 job was erased" in words(asked.response)
    assert "ledger" in words(asked.response)


async def test_whoever_keeps_it_is_not_forgotten(world: World) -> None:
    """The other button."""
    await world.animate()

    asked = await world.alice.slash(world.room, "forget-me")
    await world.alice.click(shown(asked), label="Keep it")

    assert len(await world.jobs()) == 1
    assert labels(shown(asked)) == []


async def test_the_checkup_is_for_operators(tmp_path: Path) -> None:
    """Permissions in this channel, providers, database and disk; for nobody else's eyes."""
    async with a_world(tmp_path) as world:
        refused = await _doctor(world, world.lea)
    async with a_world(tmp_path / "other", operators=f"discord:{world.lea.id}") as world:
        answer = await _doctor(world, world.lea)

    assert "Only operators" in refused
    assert "In this channel I lack" in answer or "every permission I need" in answer
    assert "judge is ready" in answer
    assert "database" in answer
    assert "free for clips" in answer


async def _doctor(world: World, actor: Any) -> str:
    answer = await actor.slash(world.room, "doctor")
    assert answer.ephemeral
    return words(answer.response).replace("\\", "")
