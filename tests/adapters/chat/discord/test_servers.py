"""Servers come and go: who may spend, what is said, what is stopped; and what Discord is told of our commands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import simcord
from simcord.backend import serializers

from adapters.chat.discord.client import ReelbotClient
from adapters.chat.discord.sync import sync
from bot.jobs.states import State
from bot.workspaces import Permission
from tests.adapters.chat.discord.sim import PICTURE, World, a_world, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, allowed_workspaces="") as world:
        yield world


async def test_the_first_server_may_spend_and_a_later_one_is_told_that_it_must_wait(world: World) -> None:
    """One friendly sentence in the new server, and the operator is told."""
    second = await _join(world, "Second")

    standing = {each.name: each.permission for each in await world.house.app.stores.workspaces.all()}
    assert standing == {"Team": Permission.ALLOWED, "Second": Permission.PENDING}
    said = second.channels["general"].last_message
    assert said is not None
    assert "must allow this server first" in said.content
    assert not await world.house.app.stores.notes.is_first_today(f"workspace.pending:discord:{second.id}")


async def test_a_pending_server_may_not_spend(world: World) -> None:
    """The refusal is private, and names what an operator would do."""
    second = await _join(world, "Second")
    carol = second.add_member(world.env.create_user("carol"))

    answer = await carol.slash(second.channels["general"], "animate", image=PICTURE, prompt="move")

    assert answer.ephemeral
    assert f"reelbot workspaces allow discord:{second.id}" in words(answer.response).replace("\\", "")
    assert await world.jobs() == []


async def test_being_removed_stops_the_servers_jobs_and_keeps_its_history(world: World) -> None:
    """What waits is cancelled; what was made is still there when we come back."""
    await world.animate()
    await world.finish()
    await world.animate(prompt="once more")

    world.env.backend.remove_guild(world.guild.id)
    await world.env.settle()
    waiting = (await world.jobs())[0]
    await world.house.run(waiting)

    assert [job.state for job in await world.jobs()] == [State.CANCELLED, State.DELIVERED]


async def test_commands_are_told_only_when_they_changed(world: World) -> None:
    """Once at the first start; a restart tells nothing."""
    before = _told(world.env)

    await world.restart()

    assert before == 1
    assert _told(world.env) == 1


async def test_a_changed_command_is_told_again(world: World) -> None:
    """By the hash of all definitions."""
    notes = world.house.app.stores.notes
    await notes.put("discord.commands", "1:another@2026-01-01T00:00:00+00:00")

    await world.restart()

    assert _told(world.env) == 2


async def test_servers_of_the_settings_have_commands_at_once_and_not_twice_for_ever(world: World) -> None:
    """Copies while a change spreads; an hour later they are taken away again."""
    client, service = world.env.bot, world.front.service
    assert isinstance(client, ReelbotClient)
    notes, clock, guild = service.stores.notes, world.house.clock, str(world.guild.id)

    await notes.put("discord.commands", "")
    await sync(client.tree, notes, clock, guilds=[guild])
    copies = len(world.env.backend.commands[world.guild.id])
    await clock.advance(3601)
    await sync(client.tree, notes, clock, guilds=[guild])

    assert copies > 5
    assert len(world.env.backend.commands[world.guild.id]) == 0


async def test_commands_are_called_in_german_and_japanese(world: World) -> None:
    """Names, options and descriptions; the names are short and without spaces, as Discord wants them."""
    commands = {each["name"]: each for each in world.env.backend.commands[None].values()}
    animate = commands["animate"]

    assert animate["name_localizations"]["de"] == "animieren"
    assert animate["name_localizations"]["ja"] == "動画にする"
    assert animate["options"][0]["name_localizations"]["ja"] == "画像"
    for command in commands.values():
        for name in (command.get("name_localizations") or {}).values():
            assert len(name) <= 32
            assert command.get("type") == 3 or name == name.lower().replace(" ", "")


async def _join(world: World, name: str) -> simcord.GuildHandle:
    """We are added to another server, which has one channel."""
    guild = world.env.create_guild(name)
    guild.create_text_channel("general")
    payload = dict(serializers.guild_create_payload(world.env.backend, world.env.backend.get_guild(guild.id)))
    # What tells a new server from one that could not be reached for a while.
    payload.pop("unavailable")
    await world.env.settle()
    world.env.backend.emit("GUILD_CREATE", payload)
    await world.env.settle()
    return guild


def _told(env: simcord.Env) -> int:
    return sum(each.method == "PUT" and each.path.endswith("/commands") for each in env.http_requests)
