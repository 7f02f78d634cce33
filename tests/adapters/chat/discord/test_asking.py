"""Asking for clips on Discord: commands, mentions, direct messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord import turn
from adapters.chat.discord.people import Caller, People
from adapters.chat.discord.scene import Scene
from bot.jobs.states import State
from tests.adapters.chat.discord.sim import PICTURE, World, a_world, anchor, labels, shown, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


@pytest.fixture
def slow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is known before an answer was promised."""
    promised, promise, caller = asyncio.Event(), turn.Turn.promise, People.caller

    async def promising(self: turn.Turn, *, private: bool) -> None:
        await promise(self, private=private)
        promised.set()

    async def looking_up(self: People, scene: Scene, **known: Any) -> Caller:
        await world.env.external_wait(promised.wait(), reason="a slow question")
        return await caller(self, scene, **known)

    monkeypatch.setattr(turn, "PROMISE_AFTER_S", 0.05)
    monkeypatch.setattr(turn.Turn, "promise", promising)
    monkeypatch.setattr(People, "caller", looking_up)


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


async def test_a_mention_without_a_picture_is_told_how_once(world: World) -> None:
    """One reply in ten minutes and channel, which pings nobody."""
    await world.alice.send(world.room, f"{_me(world)} hello")
    await world.alice.send(world.room, f"{_me(world)} hello?")

    said = [each.content for each in world.room.history() if each.author.bot]
    assert len(said) == 1
    assert "Apps → Animate this" in said[0]


async def test_a_reply_to_a_picture_takes_that_picture(world: World) -> None:
    """Where Discord hands over what is replied to: without a privileged intent, when that was written to us, too."""
    picture = await world.bob.send(world.room, _me(world), attachments=[PICTURE])

    await world.alice.send(world.room, f"{_me(world)} the leaves move", reply_to=picture)

    job = await world.job()
    assert job.requester.user == str(world.alice.id)
    assert str(picture.id) in job.image.locator


async def test_talk_that_is_not_meant_for_us_is_left_alone(world: World) -> None:
    """Everybody, other people, a reply to our card without a word to us: no answer."""
    card = (await world.animate()).response
    before = len(world.room.history())

    await world.alice.send(world.room, "@everyone look", attachments=[PICTURE])
    await world.alice.send(world.room, f"{world.bob.mention} look", attachments=[PICTURE])
    await world.alice.send(world.room, "nice", reply_to=card)

    assert len(await world.jobs()) == 1
    assert len(world.room.history()) == before + 3


async def test_a_mention_that_cannot_be_done_gets_one_reply(world: World) -> None:
    """What was wrong is said where it was asked; marks in it stay marks."""
    await world.alice.send(world.room, f"{_me(world)} leaves --spe[x](http://y)", attachments=[PICTURE])

    said = world.room.last_message
    assert said is not None
    assert "I do not know" in said.content
    assert "[x](http" not in said.content


async def test_a_mention_without_words_asks_for_them(world: World) -> None:
    """A picture alone says nothing about what should happen."""
    await world.alice.send(world.room, _me(world), attachments=[PICTURE])

    said = world.room.last_message
    assert said is not None
    assert "what should happen" in said.content


async def test_a_direct_message_counts_in_an_allowed_server_of_the_person(world: World) -> None:
    """Alice is a member of a server that may spend: what she asks for alone counts there."""
    await world.whisper(world.alice.user, "the leaves move")

    job = await world.job()
    assert job.requester.workspace == str(world.guild.id)
    assert anchor(job).guild is None
    assert job.requester.roles == ()


async def test_a_stranger_alone_counts_for_himself_and_may_not_spend(tmp_path: Path) -> None:
    """Mallory is in no allowed server: his direct message is a workspace of its own, and waits to be allowed."""
    async with a_world(tmp_path, allowed_workspaces="") as world:
        mallory = world.env.create_user("mallory")

        await world.whisper(mallory, "the leaves move")

        assert await world.jobs() == []
        said = mallory.dm_channel.last_message
        assert said is not None
        assert "not switched on here yet" in said.content


async def test_a_blocked_person_is_refused(world: World) -> None:
    """Privately, and nothing is written."""
    await world.house.app.stores.workspaces.block(f"discord:{world.guild.id}:{world.alice.id}")

    result = await world.animate()

    assert result.ephemeral
    assert "blocked" in words(result.response)
    assert await world.jobs() == []


async def test_a_full_limit_is_told_privately_with_its_reset(tmp_path: Path) -> None:
    """Which limit, how much is left, and when it resets."""
    async with a_world(tmp_path, limits={"user_daily_jobs": "1"}) as world:
        await world.animate()
        await world.finish()

        result = await world.animate(prompt="once more")

        assert result.ephemeral
        assert "daily limit of 1 clips" in words(result.response)
        assert "It resets at" in words(result.response)


async def test_no_prompt_pings_or_formats_anything(world: World) -> None:
    """Shown escaped, and no message of ours may mention anybody."""
    result = await world.animate(prompt="@everyone **bold** [x](http://evil) <@1>")
    await world.finish()

    assert "@everyone" not in words(result.response)
    assert "**bold**" not in words(result.response)
    assert all(each["allowed_mentions"]["parse"] == [] for each in world.http.said())


async def test_models_are_suggested_with_their_price(world: World) -> None:
    """Of those that make clips from pictures; a loop is made from a clip."""
    choices = await world.alice.autocomplete(world.room, "animate", "model", "")

    assert choices == [{"name": "Clip by judge: $0.50 for 5 s", "value": "judge/judge/clip"}]


async def test_what_was_suggested_is_checked_all_the_same(world: World) -> None:
    """Discord does not hold people to suggestions."""
    result = await world.animate(model="no such model")

    assert result.ephemeral
    assert "I do not know the model" in words(result.response)


async def test_a_sound_goes_along(world: World) -> None:
    """An attachment of its own; only for models that take one."""
    refused = await world.animate(audio=("wind.wav", b"a sound"))
    world.house.provider.takes_audio = True
    await world.animate(audio=("wind.wav", b"a sound"))

    job = await world.job()
    assert "takes no audio" in words(refused.response)
    assert job.settings.audio
    assert job.audio is not None
    assert job.audio.filename == "wind.wav"


async def test_a_file_that_is_no_picture_is_refused_at_once(world: World) -> None:
    """By what it says of itself; what only pretends is found when it is read."""
    result = await world.alice.slash(world.room, "animate", image=("notes.txt", b"words"), prompt="move")

    assert result.ephemeral
    assert "notes.txt is no picture" in words(result.response).replace("\\", "")


@pytest.mark.usefixtures("slow")
async def test_a_slow_acceptance_is_promised_and_then_shown(world: World) -> None:
    """Within three seconds Discord hears something; the card takes the promise's place."""
    asking = await world.animate()
    await world.env.advance_time(turn.PROMISE_AFTER_S)

    job = await world.job()
    assert not asking.ephemeral
    assert "Looking at your picture" in words(asking.response)
    known = await world.house.app.stores.deliveries.card(job.id)
    assert known is not None
    assert known[0] == f"{world.room.id}:{shown(asking).id}"


@pytest.mark.usefixtures("slow")
async def test_a_slow_refusal_is_private_all_the_same(world: World) -> None:
    """The public promise is taken back, and the reason comes to the asker alone."""
    asking = await world.animate(prompt="the leaves --speed fast")
    await world.env.advance_time(turn.PROMISE_AFTER_S)

    assert await world.jobs() == []
    assert asking.response is None
    assert [each.ephemeral for each in asking.followups] == [True]
    assert "I do not know" in asking.followups[0].content


def _me(world: World) -> str:
    assert world.env.bot.user is not None
    return world.env.bot.user.mention
