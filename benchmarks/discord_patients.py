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
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import discord
import sqlalchemy as sa
import structlog
from discord.gateway import DiscordWebSocket
from yarl import URL

from adapters.chat.discord.rest import Rest, Upload
from adapters.chat.discord.role import discord_role
from adapters.media.fetch import HttpFetcher
from benchmarks.discord_memory import memory
from benchmarks.paid import order
from bot.app import App, Parts, open_app
from bot.cards.card import card
from bot.cli.serve import discord_courier
from bot.clock import SystemClock
from bot.jobs.model import AssetKind
from bot.jobs.states import State
from bot.settings import load_settings
from bot.tracker.schedule import Times
from storage import tables
from storage.database import READERS
from tests.fakes.workshop import FakeWorkshop

MANY = 1_000_000
AT_ONCE = 4
EACH_SECOND = timedelta(seconds=1)
Report = Callable[[str], Coroutine[Any, Any, Any]]


def settings_of(data_dir: Path, **more: Any) -> Any:
    """Generous ones: what is measured is never a limit."""
    limits = {
        "user_daily_jobs": "none", "user_daily_usd": "none", "workspace_monthly_usd": "none",
        "installation_monthly_usd": "none", "user_concurrent": MANY, "confirm_above_usd": "100",
    }  # fmt: skip
    chosen = {"data_dir": data_dir, "limits": limits, "allowed_workspaces": "*"}
    return load_settings(chosen | more, environ={}, cwd=data_dir.parent)


def of_discord(url: str, token: str) -> dict[str, Any]:
    """The bot that is set up."""
    return {"discord": {"token": token, "api_url": url}}


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[Report]:
    """The role `discord`, and with an account at an emulated WaveSpeed the engine, too: polling once a second."""
    more = of_discord(options["url"], options["token"])
    if service := options.get("service"):
        account = {"api_key": "test-key", "base_url": service, "max_concurrent": MANY, "creates_per_minute": MANY}
        more |= {"wavespeed": account, "default_provider": "wavespeed"}
    settings = settings_of(Path(options["data_dir"]), **more)
    parts = Parts(workshop=FakeWorkshop(), times=Times(poll_fastest=EACH_SECOND, poll_slowest=EACH_SECOND))
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, parts))
        if service:
            await stack.enter_async_context(app.run_engine("run"))
        role = discord_role(app.service, app.settings, discord_courier(app), app.readiness)
        await stack.enter_async_context(role)
        moving = [
            asyncio.create_task(transfers(app, options["line"], number))
            for number in range(options.get("transfers", 0))
        ]

        async def report(what: str) -> Any:
            match what.split():
                case ["order", number]:
                    return len(await order(app, app.data_dir, ["a storm [stuck][no-webhook]"] * int(number)))
                case ["rendering"]:
                    return len(await app.stores.jobs.in_state(State.RENDERING))
                case ["moving"]:
                    return [repr(task.exception()) for task in moving if task.done()]
                case ["read"]:
                    await asyncio.gather(*(_read_all(app) for _ in range(READERS)))
                    return memory()
                case ["memory"]:
                    return await _settled()
            raise ValueError(what)

        yield report
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)


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


async def transfers(app: App, line: str, number: int) -> None:
    """Fetch a clip, hash it into the media store, post it: again and again, by the product's own parts."""
    clock, media = SystemClock(), app.service.media
    fetcher, rest = HttpFetcher(app.http, {"line": line}, clock), Rest(app.http, clock, api_url=line, token="a")
    file = app.data_dir / "scratch" / f"clip-{number}.mp4"
    while True:
        await fetcher.fetch(f"{line}/clip.mp4", "line", file)
        kept = await media.put(file, AssetKind.CLIP, "video/mp4", consume=True)
        path = await media.local_path(kept.id)
        assert path is not None
        upload = Upload(path=path, filename="clip.mp4")
        await rest.ask("POST", f"/channels/{10_000 + number}/messages", json={"content": ""}, files=[upload])
        await media.delete(kept.id)


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
