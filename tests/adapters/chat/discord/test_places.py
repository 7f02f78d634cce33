"""Asking in places that a Discord in memory has not: threads, servers without us, forwards; on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from adapters.chat.discord.role import discord_role
from bot.app import App, Parts, open_app
from bot.jobs.model import Job
from bot.settings import load_settings
from bot.workspaces import Permission
from tests.adapters.chat.discord.sim import anchor
from tests.emulators.discord_world import Answer, DiscordWorld, Guild
from tests.fakes.provider import FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS
from tests.patience import PATIENCE_S

T = TypeVar("T")
PICTURE = ("lake.png", b"\x89PNG\r\n\x1a\n a lake")


@dataclass
class Town:
    """An emulated Discord with one server, and Reelbot's front end on it. What people do blocks: it goes to a thread."""

    world: DiscordWorld
    app: App
    guild: Guild
    alice: str

    async def do(self, what: Callable[..., T], *args: Any, **more: Any) -> T:
        """Something that somebody does."""
        return await asyncio.to_thread(what, *args, **more)

    async def animate(self, person: str, channel: str) -> Answer:
        """`/animate`."""
        return await self.do(self.world.slash, person, channel, "animate", image=PICTURE, prompt="the leaves move")

    async def job(self) -> Job:
        """The newest."""
        return (await self.app.stores.history.page(limit=1)).jobs[0]

    async def asked(self, count: int = 1) -> Job:
        """The newest job, once there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len((await self.app.stores.history.page(limit=100)).jobs) < count:
                await self.do(self.world.messages, self.guild.channel())
        return await self.job()


@pytest.fixture
async def town(world: DiscordWorld, tmp_path: Path) -> AsyncIterator[Town]:
    guild = await asyncio.to_thread(world.guild, "Studio")
    alice = await asyncio.to_thread(world.person, "Alice", guild)
    chat = {"token": world.token, "api_url": world.api_url}
    settings = load_settings(
        {**GENEROUS, "allowed_workspaces": "", "data_dir": tmp_path / "data", "discord": chat}, environ={}, cwd=tmp_path
    )
    parts = Parts(providers={"judge": FakeProvider()}, workshop=FakeWorkshop())
    async with open_app(settings, parts) as app:
        await app.ground.take_over(app)
        await app.stores.workspaces.put("discord", guild.id, Permission.ALLOWED)
        courier: Any = app.desk.couriers["discord"]
        async with discord_role(app.service, app.settings, courier, app.readiness):
            yield Town(world, app, guild, alice)
        await app.board.settle()


async def test_in_a_thread_the_answer_belongs_into_the_thread(town: Town) -> None:
    """Its limits and choices are those of the channel around it."""
    channel = town.guild.channel()
    opening = await town.do(town.world.say, town.alice, channel, "hello")
    thread = await town.do(town.world.thread, town.alice, channel, opening["id"])

    await town.animate(town.alice, thread)

    job = await town.job()
    assert (job.requester.channel, job.requester.thread) == (channel, thread)
    assert (anchor(job).channel, anchor(job).parent, anchor(job).by_token) == (thread, channel, False)


async def test_a_mention_in_a_thread_is_heard(town: Town) -> None:
    """Threads are channels of their own on the gateway."""
    channel = town.guild.channel()
    opening = await town.do(town.world.say, town.alice, channel, "hello")
    thread = await town.do(town.world.thread, town.alice, channel, opening["id"])

    said = town.world.mention("the leaves move")
    await town.do(town.world.say, town.alice, thread, said, files=[PICTURE])

    job = await town.asked()
    assert (job.requester.channel, job.requester.thread) == (channel, thread)


async def test_where_we_are_no_member_the_token_answers(town: Town) -> None:
    """Alice brings us into a server that we are not in: her home server's budget counts, none of its rights do."""
    far = await town.do(town.world.guild, "Far", bot=False)
    await town.do(town.world.join, far, town.alice)
    await town.do(town.world.change_person, town.alice, installed=True)

    answer = await town.animate(town.alice, far.channel())

    job = await town.job()
    assert answer.kind == "message"
    assert job.requester.workspace == town.guild.id
    assert anchor(job).by_token
    assert anchor(job).guild == far.id
    async with asyncio.timeout(PATIENCE_S):
        # Written down right after the answer was given.
        while (known := await town.app.stores.deliveries.card(job.id)) is None:
            await town.do(town.world.violations)
    assert known[0].startswith("@")


async def test_a_stranger_who_brings_us_along_may_not_spend(town: Town) -> None:
    """Mallory is in no server that may: told so alone."""
    far = await town.do(town.world.guild, "Far", bot=False)
    mallory = await town.do(town.world.person, "Mallory", far, installed=True)

    answer = await town.animate(mallory, far.channel())

    assert answer.ephemeral
    assert answer.message is not None
    assert "not switched on here yet" in answer.message["content"]


async def test_where_our_files_are_refused_the_token_carries_them(town: Town) -> None:
    """The permission is looked at when somebody asks, not when the clip is there."""
    closed = await town.do(town.world.channel, town.guild, "closed")
    await town.do(town.world.permit, closed, "bot", deny=["ATTACH_FILES"])

    await town.animate(town.alice, closed)

    assert anchor(await town.job()).by_token


async def test_a_forwarded_picture_is_found_under_the_menu(town: Town) -> None:
    """It lies in the snapshot of the message that was passed on."""
    channel = town.guild.channel()
    first = await town.do(town.world.say, town.alice, channel, "look", files=[PICTURE])
    passed_on = await town.do(town.world.say, town.alice, channel, forward=(channel, first["id"]))

    form = await town.do(town.world.menu, town.alice, channel, "Animate this", passed_on["id"])
    await town.do(town.world.submit, form, {"prompt": "the leaves move"})

    job = await town.job()
    assert job.image.filename == "lake.png"
    assert passed_on["id"] in job.image.locator


async def test_a_direct_command_counts_at_home(town: Town) -> None:
    """In direct messages with us, the person's allowed server pays, and we may post there."""
    channel = await town.do(town.world.dm, town.alice)

    await town.animate(town.alice, channel)

    job = await town.job()
    assert job.requester.workspace == town.guild.id
    assert not anchor(job).by_token
    assert anchor(job).guild is None


async def test_a_new_server_that_must_wait_is_greeted(town: Town) -> None:
    """One friendly sentence, where we may speak; servers that were there when we came are only noted."""
    await town.do(town.world.guild, "There already")
    async with asyncio.timeout(PATIENCE_S):
        while len(await town.app.stores.workspaces.all()) < 2:
            await town.do(town.world.violations)

    second = await town.do(town.world.guild, "Second")

    async with asyncio.timeout(PATIENCE_S):
        while not (said := await town.do(town.world.from_bot, second.channel())):
            pass

    assert len(said) == 1
    assert "must allow this server first" in said[0]["content"]


async def test_when_we_are_removed_jobs_are_wished_away(town: Town) -> None:
    """An outage of the server would be another event."""
    await town.animate(town.alice, town.guild.channel())
    job = await town.job()

    await town.do(town.world.kick_bot, town.guild)

    async with asyncio.timeout(PATIENCE_S):
        while not await town.app.stores.wishes.cancel_requested(job.id):
            await town.do(town.world.violations)
    assert await town.app.stores.wishes.cancel_requested(job.id)
