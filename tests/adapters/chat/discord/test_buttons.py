"""Buttons under cards and clips: who may press what, what is told to whom, and that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from adapters.chat.discord.custom_ids import button_id
from adapters.chat.discord.people import People
from bot.jobs.model import Relation
from bot.jobs.states import State
from tests.adapters.chat.discord.sim import World, a_world, labels, shown, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def a_clip(world: World) -> Any:
    """Alice's finished clip: the message it was posted in, with what can be made of it."""
    await world.animate()
    await world.finish()
    return world.room.last_message


async def a_card(world: World) -> Any:
    """The card of Alice's finished clip."""
    result = await world.animate()
    await world.finish()
    return shown(result)


async def test_the_asker_cancels(world: World) -> None:
    """The press is only nodded at; the card is edited by whoever draws it."""
    result = await world.animate()

    pressed = await world.alice.click(shown(result), label="Cancel")

    assert pressed.acknowledged
    assert (await world.finish()).state is State.CANCELLED
    assert "Cancelled" in words(shown(result))


async def test_a_team_mate_cannot_cancel_and_a_team_lead_can(world: World) -> None:
    """Cancel is for the asker and for whoever manages the server; others are told so by themselves."""
    result = await world.animate()

    refused = await world.bob.click(shown(result), label="Cancel")
    await world.lea.click(shown(result), label="Cancel")

    assert refused.ephemeral
    assert "Only the person who asked, or a team lead" in words(refused.response)
    assert (await world.finish()).state is State.CANCELLED


async def test_a_dear_clip_is_started_by_its_asker_alone(tmp_path: Path) -> None:
    """Above the threshold the card asks; a team lead may not spend in another's name."""
    async with a_world(tmp_path, limits={"confirm_above_usd": "0.10", "user_daily_usd": "100"}) as world:
        result = await world.animate()
        await world.finish()
        assert labels(shown(result)) == ["Start", "Cancel"]

        refused = await world.lea.click(shown(result), label="Start")
        before = (await world.job()).state
        await world.alice.click(shown(result), label="Start")
        job = await world.finish()

    assert refused.ephemeral
    assert before is State.QUOTED
    assert job.state is State.DELIVERED


async def test_whoever_presses_again_pays_for_it(world: World) -> None:
    """Bob presses Again under Alice's clip: a new card, a job of his own."""
    clip = await a_clip(world)

    pressed = await world.bob.click(clip, label="Again")

    newest = (await world.jobs())[0]
    assert not pressed.ephemeral
    assert (newest.relation, newest.requester.user) == (Relation.AGAIN, str(world.bob.id))
    assert "Looking at your picture" in words(pressed.response)


async def test_two_presses_of_again_are_one_job(world: World) -> None:
    """A double click makes one job with one card; the second answer says so, to that person alone."""
    clip = await a_clip(world)

    await world.bob.click(clip, label="Again")
    second = await world.bob.click(clip, label="Again")

    assert len(await world.jobs()) == 2
    assert second.ephemeral
    assert "a moment ago" in words(second.response)


async def test_buttons_work_after_a_restart(world: World) -> None:
    """Nothing about a message is remembered: its buttons say it all."""
    clip = await a_clip(world)

    await world.restart()
    pressed = await world.bob.click(clip, label="Again")

    assert pressed.response is not None
    assert len(await world.jobs()) == 2


async def test_edit_opens_a_form_for_the_asker_alone(world: World) -> None:
    """The form has the clip's own words; the others are told that it is not theirs."""
    clip = await a_clip(world)

    refused = await world.bob.click(clip, label="Edit")
    form = await world.alice.click(clip, label="Edit")

    assert refused.ephemeral
    assert form.modal is not None
    assert form.modal["components"][0]["component"]["value"] == "the leaves move"


async def test_an_edited_clip_is_a_job_with_the_words_said_anew(world: World) -> None:
    """What the form says differently counts; what stays as it was is not said again."""
    clip = await a_clip(world)
    form = await world.alice.click(clip, label="Edit")

    answer = await world.alice.submit_modal(form, {"prompt": "the leaves fall --10s", "camera": ["orbit"]})

    newest = (await world.jobs())[0]
    assert answer.response is not None
    assert (newest.relation, newest.prompt) == (Relation.EDIT, "the leaves fall")
    assert (newest.settings.duration_s, newest.settings.camera) == (10, "orbit")


async def test_a_form_that_was_open_during_a_restart_still_counts(world: World) -> None:
    """Forms are found by their id, not by anything that is remembered."""
    clip = await a_clip(world)
    form = await world.alice.click(clip, label="Extend")

    await world.restart()
    await world.alice.submit_modal(form, {"prompt": "then the wind stops"})

    newest = (await world.jobs())[0]
    assert (newest.relation, newest.prompt) == (Relation.EXTEND, "then the wind stops")


async def test_a_form_without_any_change_is_refused_with_its_words(world: World) -> None:
    """Edit without a change would be Again; the person is told so, and keeps what stood there."""
    clip = await a_clip(world)
    form = await world.alice.click(clip, label="Edit")

    answer = await world.alice.submit_modal(form, {"prompt": "the leaves move"})

    assert answer.ephemeral
    assert "Nothing was changed" in words(answer.response)
    assert "the leaves move" in words(answer.response)


async def test_delete_asks_first_and_says_what_remains(world: World) -> None:
    """The question and its answer are for the asker alone; the posts are gone afterwards."""
    card = await a_card(world)
    posts = len(world.room.history())

    asked = await world.alice.click(card, label="Delete")
    await world.alice.click(shown(asked), label="Delete for good")

    assert asked.ephemeral
    assert await world.jobs() == []
    assert len(world.room.history()) == posts - 2
    assert "1 job was erased" in words(shown(asked))
    assert labels(shown(asked)) == []


async def test_keeping_it_deletes_nothing(world: World) -> None:
    """The other button of the question."""
    card = await a_card(world)

    asked = await world.alice.click(card, label="Delete")
    await world.alice.click(shown(asked), label="Keep it")

    assert len(await world.jobs()) == 1
    assert words(shown(asked)) == "Nothing was deleted."


async def test_others_cannot_delete_and_moderators_can(world: World) -> None:
    """Delete is for the asker, team leads, and whoever may delete messages where the clip stands."""
    card = await a_card(world)
    role = world.guild.create_role("moderator", permissions=discord.Permissions(manage_messages=True))
    moritz = world.guild.add_member(world.env.create_user("moritz"), roles=[role])

    refused = await world.bob.click(card, label="Delete")
    asked = await moritz.click(card, label="Delete")
    await moritz.click(shown(asked), label="Delete for good")

    assert refused.ephemeral
    assert "Only the person who asked" in words(refused.response)
    assert await world.jobs() == []


async def test_send_again_posts_the_clip_once_more(world: World) -> None:
    """A new delivery of the same clip, in the same place."""
    card = await a_card(world)
    posts = len(world.room.history())

    await world.alice.click(card, label="Send again")
    await world.finish()

    assert len(world.room.history()) == posts + 1
    assert len(await world.house.app.stores.deliveries.of_job((await world.job()).id)) == 2


async def test_nobody_presses_a_job_of_another_server(world: World) -> None:
    """Even if a button of ours came to stand there: to Mallory there is no such job."""
    await world.animate()
    job = await world.job()
    elsewhere = world.env.create_guild("Elsewhere")
    cellar = elsewhere.create_text_channel("cellar")
    mallory = elsewhere.add_member(world.env.create_user("mallory"))
    await world.env.settle()

    for action in ("cancel", "again", "edit", "delete", "erase"):
        pressed = await mallory.click(await _a_button(world, cellar, button_id(action, job.id)), label="Press")

        assert pressed.ephemeral
        assert words(pressed.response) == "There is no such job here."
    assert (await world.job()).state is State.RECEIVED
    assert not await world.house.app.stores.wishes.cancel_requested(job.id)


async def test_a_button_of_another_version_says_so(world: World) -> None:
    """Instead of Discord's own "interaction failed"."""
    message = await _a_button(world, world.room, "rb:f:vanished:1")

    pressed = await world.alice.click(message, label="Press")

    assert pressed.ephemeral
    assert "from another version" in words(pressed.response)


async def test_a_command_of_another_version_says_so(world: World) -> None:
    """Discord still knows it, and we do not any more."""
    client: Any = world.env.bot
    client.tree.remove_command("quota")
    world.expected = (discord.app_commands.CommandNotFound,)

    answer = await world.alice.slash(world.room, "quota")

    assert answer.ephemeral
    assert "This command has changed" in words(answer.response)


async def test_a_fault_of_ours_is_a_sentence_with_a_reference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback and no detail for the person; the operator finds it in the log by the interaction's id."""

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a detail")

    monkeypatch.setattr(People, "caller", broken)

    answer = await world.animate()

    assert answer.ephemeral
    assert "Something went wrong on our side" in words(answer.response)
    assert "a detail" not in words(answer.response)


async def _a_button(world: World, channel: Any, custom_id: str) -> Any:
    button = {"type": 2, "style": 2, "label": "Press", "custom_id": custom_id}
    body = {"content": "x", "components": [{"type": 1, "components": [button]}], "allowed_mentions": {"parse": []}}
    await world.front.rest.ask("POST", f"/channels/{channel.id}/messages", json=body)
    await world.env.settle()
    return channel.last_message
