"""The processes that are measured before the emulated Discord: Reelbot, and a bare discord.py that answers a constant.

    python -m benchmarks.discord_patients ROLE OPTIONS

Started by `benchmarks.discord_stage`: one line of JSON when ready, one for every line on standard input, until that ends.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import sqlalchemy as sa
import structlog
from discord.gateway import DiscordWebSocket
from yarl import URL

from adapters.chat.discord.role import discord_role
from benchmarks.beside import Report, settings_of, working
from benchmarks.discord_memory import memory
from bot.app import App, Parts, open_app
from bot.cards.card import card
from bot.cli.serve import discord_courier
from bot.clock import SystemClock
from bot.jobs.states import State
from storage import tables
from storage.sqlite import READERS
from tests.fakes.workshop import FakeWorkshop

AT_ONCE = 4


def of_discord(url: str, token: str) -> dict[str, Any]:
    """The bot that is set up."""
    return {"discord": {"token": token, "api_url": url}}


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[Report]:
    """The role `discord`, and with an account at an emulated WaveSpeed the engine and its work, too."""
    more = of_discord(options["url"], options["token"])
    async with (
        working(options, more, FakeWorkshop()) as (app, of_the_work),
        discord_role(app.service, app.settings, discord_courier(app), app.readiness),
    ):

        async def report(what: str) -> Any:
            match what.split():
                case ["read"]:
                    await asyncio.gather(*(_read_all(app) for _ in range(READERS)))
                    return memory()
                case ["memory"]:
                    return await _settled()
            return await of_the_work(what)

        yield report


async def _settled() -> Any:
    """What is held once the presses that were answered a moment ago have come to their end; what stays, stays."""
    for _ in range(20):
        if memory()["discord"] == 0:
            break
        await asyncio.sleep(0.1)
    return memory()


async def _read_all(app: App) -> None:
    """Let one connection fill its page cache (16 MB at most): it is filled by reading, whoever presses what."""
    table = tables.jobs
    lengths = [sa.func.sum(sa.func.length(column)) for column in table.columns]
    async with app.database.read() as connection:
        await connection.execute(sa.select(*lengths))
        # By the index as well.
        await connection.execute(sa.select(sa.func.sum(sa.func.length(table.c.seq))).where(table.c.id > ""))


class Hurried(SystemClock):
    """A clock that runs ahead where it should wait: Discord takes 50 messages a second."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead_s

    async def sleep(self, seconds: float) -> None:
        self._ahead_s += max(0.0, seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def poster(options: Mapping[str, Any]) -> AsyncIterator[Report]:
    """Posts the cards of finished jobs by the product's courier, each job once."""
    settings = settings_of(Path(options["data_dir"]), **of_discord(options["url"], options["token"]))
    async with open_app(settings, Parts(workshop=FakeWorkshop(), clock=Hurried())) as app:
        courier = discord_courier(app)

        async def post(job_ids: Iterator[str]) -> None:
            for job_id in job_ids:
                job = await app.stores.jobs.load(job_id)
                assert job is not None
                assert await courier.show(card(job), None) is not None

        left = iter([job.id for job in await app.stores.jobs.in_state(State.DELIVERED)])

        async def report(what: str) -> Any:
            match what.split():
                case ["post", number]:
                    these = itertools.islice(left, int(number))
                    await asyncio.gather(*(post(these) for _ in range(AT_ONCE)))
                    return {}
                case ["read"]:
                    await asyncio.gather(*(_read_all(app) for _ in range(READERS)))
                    return memory()
                case ["memory"]:
                    return memory()
            raise ValueError(what)

        yield report


class Bare(discord.Client):
    """Answers `/animate`, with the options that Reelbot's has, by a constant."""

    def __init__(self, gateway: str) -> None:
        super().__init__(intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True), max_messages=None)
        self._gateway = gateway
        self.was_ready = asyncio.Event()
        self.tree = discord.app_commands.CommandTree(self)

        @self.tree.command(description="Turn a picture and a sentence into a short video")
        async def animate(
            interaction: discord.Interaction[Any],
            image: discord.Attachment,
            prompt: discord.app_commands.Range[str, 1, 4000],
            model: str | None = None,
            duration: int | None = None,
        ) -> None:
            await interaction.response.send_message("Taken.", allowed_mentions=discord.AllowedMentions.none())

    async def setup_hook(self) -> None:
        DiscordWebSocket.DEFAULT_GATEWAY = URL(self._gateway)
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.was_ready.set()


@asynccontextmanager
async def bare(options: Mapping[str, Any]) -> AsyncIterator[Report]:
    """discord.py and nothing else."""
    discord.http.Route.BASE = options["url"]
    async with Bare(options["gateway"]) as client:
        running = asyncio.create_task(client.start(options["token"]))
        await client.was_ready.wait()

        async def report(what: str) -> Any:
            raise ValueError(what)

        yield report
        running.cancel()


ROLES = {"reelbot": reelbot, "poster": poster, "bare": bare}


async def main(role: str, options: Mapping[str, Any]) -> None:
    """Be it until standard input ends."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with ROLES[role](options) as report:
        print("{}", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await report(line.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
