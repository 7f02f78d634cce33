"""`/settings`: what a team lead chooses is in force with the next request; money only downwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.money.limits import Limit, Period
from tests.adapters.chat.discord.sim import PICTURE, World, a_world, anchor, words


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as world:
        yield world


async def test_only_who_manages_the_server_may_choose(world: World) -> None:
    """A server may show the command to everybody: it is checked here all the same."""
    world.show_to_everyone("settings")

    refused = await world.bob.slash(world.room, "settings language", value="de")
    done = await world.lea.slash(world.room, "settings language", value="de")

    assert "Only people who manage this server" in words(refused.response)
    assert done.ephemeral
    assert "Sprache: de" in words(done.response)


async def test_the_language_chosen_is_spoken_in_the_whole_server(world: World) -> None:
    """Also on cards of people whose own Discord is English, and in answers to messages, which name no language."""
    await world.lea.slash(world.room, "settings language", value="de")

    card = await world.animate()
    refused = await world.animate(prompt="los --speed fast")
    me = world.env.bot.user
    assert me is not None
    await world.alice.send(world.room, f"{me.mention} die Blätter", attachments=[PICTURE])

    assert "Dein Bild wird angesehen" in words(card.response)
    assert "kenne ich nicht" in words(refused.response)
    assert (await world.jobs())[0].requester.locale == "de"


async def test_a_channel_may_speak_another_language(world: World) -> None:
    """The channel's own choice goes before the server's."""
    await world.lea.slash(world.room, "settings language", value="de")
    await world.lea.slash(world.room, "settings language", value="ja", here=True)
    elsewhere = world.guild.create_text_channel("elsewhere")
    await world.env.settle()

    await world.animate()
    await world.alice.slash(elsewhere, "animate", image=PICTURE, prompt="move")

    assert [job.requester.locale for job in await world.jobs()] == ["de", "ja"]


async def test_clips_in_threads_of_their_own(world: World) -> None:
    """The anchor asks for a thread that is named after the prompt."""
    await world.lea.slash(world.room, "settings answer", value="thread")

    await world.animate(prompt="the leaves move " * 20)

    name = anchor(await world.job()).new_thread
    assert name.startswith("the leaves move")
    assert len(name) <= 100


async def test_the_model_chosen_is_used_where_none_is_named(tmp_path: Path) -> None:
    """And one that is gone by then is no obstacle."""
    async with a_world(tmp_path) as world:
        await world.lea.slash(world.room, "settings model", value="judge/clip")
        await world.animate()
        stores = world.house.app.stores
        await stores.workspaces.choose("discord", str(world.guild.id), "model", "judge/vanished")
        await world.animate(prompt="once more")

        assert [job.model for job in await world.jobs()] == ["judge/clip", "judge/clip"]


async def test_an_unknown_model_cannot_be_chosen(world: World) -> None:
    """It is named, with what there is."""
    answer = await world.lea.slash(world.room, "settings model", value="nonsense")

    assert "I do not know the model nonsense" in words(answer.response)


async def test_a_limit_for_each_member_is_in_force_at_once(world: World) -> None:
    """Everybody has the role that bears the server's id: it carries the allowance."""
    await world.lea.slash(world.room, "settings limit", scope="person", per="day", clips="1")

    await world.animate()
    await world.finish()
    refused = await world.animate(prompt="once more")

    assert refused.ephemeral
    assert "your daily limit of 1 clips" in words(refused.response)


async def test_a_team_lead_lowers_the_budget_and_takes_it_back_but_never_raises_it(tmp_path: Path) -> None:
    """The money is the operator's: his figure is the ceiling, whatever was chosen in between."""
    async with a_world(tmp_path, limits={"workspace_monthly_usd": "100"}) as world:
        lowered = await _limit(world, usd="20")
        refused = await _limit(world, usd="101")
        unlimited = await _limit(world, usd="unlimited")
        back = await _limit(world, usd="100")

        stored = await world.house.app.stores.limits.stored()

    assert "20.00 USD" in lowered
    assert "At most $100.00" in refused
    assert "At most $100.00" in unlimited
    assert "100.00 USD" in back
    assert [each.micro_usd for each in stored] == [100_000_000]


async def test_what_the_operator_stored_later_is_the_new_ceiling(tmp_path: Path) -> None:
    """A figure of the operator's own replaces the one that was remembered."""
    async with a_world(tmp_path, limits={"workspace_monthly_usd": "100"}) as world:
        await _limit(world, usd="20")
        scope = f"workspace:discord:{world.guild.id}"
        await world.house.app.stores.limits.put(Limit(scope=scope, period=Period.MONTH, micro_usd=50_000_000))

        refused = await _limit(world, usd="60")

    assert "At most $50.00" in refused


async def _limit(world: World, **figures: Any) -> str:
    answer = await world.lea.slash(world.room, "settings limit", scope="server", per="month", **figures)
    return words(answer.response).replace("\\", "")
