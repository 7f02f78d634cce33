"""Asking for clips on Discord: commands, mentions, direct messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.jobs.states import State
from tests.adapters.chat.discord.sim import PICTURE, World, a_world, anchor, labels, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_a_command_is_answered_by_the_card_of_its_job(world: World) -> None:
    """The row is committed, then the answer shows its card, which everybody in the channel may see."""
    result = await world.animate(prompt="the leaves move --10s")

    job = await world.job()
    assert (job.state, job.prompt, job.settings.duration_s) == (State.RECEIVED, "the leaves move", 10)
    assert not result.ephemeral
    assert "Looking at your picture" in words(result.response)
    assert labels(result.response) == ["Cancel"]
    known = await world.house.app.stores.deliveries.card(job.id)
    assert known == (f"{world.room.id}:{result.response.id}", job.version)


async def test_the_requester_says_who_asked_and_where_the_answer_hangs(world: World) -> None:
    """The workspace is the server, roles feed the personal allowance, and the interaction is the request's key."""
    role = world.guild.create_role("artist")
    carol = world.guild.add_member(world.env.create_user("carol"), roles=[role])

    await world.animate(carol)

    job = await world.job()
    assert job.requester.person == f"discord:{world.guild.id}:{carol.id}"
    assert set(job.requester.roles) == {str(role.id), str(world.guild.id)}
    assert job.requester.channel == str(world.room.id)
    assert job.request_key == f"discord:i:{anchor(job).interaction}"
    assert not anchor(job).by_token


async def test_a_clip_comes_back_where_it_was_asked_for(world: World) -> None:
    """The whole way: asked, rendered, posted in the same channel, and the same card says so in the end."""
    result = await world.animate()

    job = await world.finish()

    assert job.state is State.DELIVERED
    assert "Your clip is ready" in words(result.response)
    posted = world.room.last_message
    assert posted is not None
    assert posted.attachments[0].filename.endswith(".mp4")


async def test_a_refusal_is_told_to_the_asker_alone_with_the_words_written(world: World) -> None:
    """Nobody else sees what did not work, and what was typed is not lost."""
    result = await world.animate(prompt="the leaves --speed fast")

    assert result.ephemeral
    assert "I do not know" in words(result.response)
    assert "the leaves" in words(result.response)
    assert await world.jobs() == []


async def test_a_mention_with_a_picture_is_a_request(world: World) -> None:
    """Our name is taken out of the words, and the card is a reply to the message."""
    me = world.env.bot.user
    assert me is not None

    message = await world.alice.send(world.room, f"{me.mention} the leaves move --10s", attachments=[PICTURE])

    job = await world.job()
    assert (job.prompt, job.settings.duration_s) == ("the leaves move", 10)
    assert job.request_key == f"discord:m:{world.room.id}:{message.id}"
    await world.draw()
    card = world.room.last_message
    assert card is not None
    assert card.reference is not None
    assert card.reference.message_id == message.id
