"""The role `discord`: logged in and connected until it is left, come back by itself whenever the connection is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import discord
import structlog

from adapters.chat.discord.client import ReelbotClient
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.front import Front, Readiness
from adapters.chat.discord.people import People
from adapters.chat.discord.seat import Seat
from adapters.chat.lifetime import finish
from adapters.http.proxies import proxy_for
from bot.errors import ConfigurationError
from bot.languages.catalogue import load_catalogues
from bot.service import Service
from bot.settings import Settings

log = structlog.get_logger(__name__)

CONNECTS_WITHIN_S: Final = 30.0
PAUSES_S: Final = (5.0, 15.0, 60.0, 300.0)
"""Before another try; the last one stays. A bot has 1,000 identifications a day, and loses its token beyond."""
TOKEN: Final = "REELBOT_DISCORD__TOKEN is not accepted by Discord: copy the bot's token anew (Developer Portal, Bot)."  # noqa: S105 - names the setting


@asynccontextmanager
async def discord_role(
    service: Service, settings: Settings, courier: DiscordCourier, readiness: Readiness
) -> AsyncIterator[None]:
    """Answer people on Discord while the block lasts.

    `ConfigurationError` when the token is missing or refused at the start, `AlreadyRunning` when another process is
    connected for the same shards. When Discord cannot be reached it goes on trying, and the rest of Reelbot runs
    meanwhile.
    """
    if settings.discord.token is None:
        raise ConfigurationError("The role `discord` needs REELBOT_DISCORD__TOKEN.")
    discord.http.Route.BASE = settings.discord.api_url
    # Nobody speaks here: what is missing for voice is no news.
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
    await asyncio.to_thread(load_catalogues)
    people = People(service.stores.workspaces, courier.rest, service.desk.clock, settings.operators)
    front = Front(
        service=service,
        settings=settings,
        rest=courier.rest,
        answers=courier.answers,
        people=people,
        readiness=readiness,
    )
    seat = None
    if courier.leases is not None:
        bot = courier.rest.id_in_token() or "bot"
        seat = Seat(courier.leases, service.desk.clock, bot, settings.discord.shards)
        await seat.sit_down()
    first = asyncio.Event()
    staying = asyncio.create_task(_stay(front, first, seat))
    try:
        waiting = asyncio.create_task(first.wait())
        await asyncio.wait({staying, waiting}, timeout=CONNECTS_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if staying.done():
            staying.result()
        if not first.is_set():
            log.warning("discord.not_connected", why="no connection yet; trying on")
        yield
    finally:
        staying.cancel()
        with suppress(asyncio.CancelledError, ConfigurationError):
            await staying
        if seat is not None:
            await seat.get_up()
        await finish(front.at_work)


async def _stay(front: Front, first: asyncio.Event, seat: Seat | None) -> None:
    """Connect, and again whenever a client has come to its end; a refused token ends it only before the first connection.

    With a `seat`, only while the shards are ours.
    """
    client: ReelbotClient | None = None

    async def leave() -> None:
        if client is not None:
            await client.close()

    def is_connected() -> bool:
        shards = client.shards.values() if client is not None and client.is_ready() else ()
        return bool(shards) and not any(shard.is_closed() for shard in shards)

    async with AsyncExitStack() as stack:
        stack.enter_context(front.service.desk.connections.kept("discord", is_connected))
        if seat is not None:
            await stack.enter_async_context(_beside(seat.keep(leave)))
        tries = 0
        while True:
            if seat is not None:
                await seat.ours.wait()
            client = new_client(front)
            telling = asyncio.create_task(_tell(client, first))
            try:
                async with client:
                    token = front.settings.discord.token
                    assert token is not None
                    await client.start(token.get_secret_value())
                log.warning("discord.closed")
            except discord.LoginFailure as error:
                if not first.is_set():
                    raise ConfigurationError(TOKEN) from error
                await front.service.alerts.tell("discord.token", TOKEN)
            except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.warning("discord.lost", why=str(error) or type(error).__name__)
            except Exception:
                # Whatever went wrong in the library: people are not left without an answer for it.
                log.exception("discord.failed")
            finally:
                telling.cancel()
            tries = 0 if client.connected.is_set() else tries + 1
            await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Goes on while the block lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def new_client(front: Front) -> ReelbotClient:
    """A client that was never connected; one cannot be used twice."""
    parts = urlsplit(front.settings.discord.api_url)
    options: dict[str, Any] = {}
    if parts.scheme == "https" and parts.hostname and (proxy := proxy_for(parts.hostname, parts.port or 443)):
        options["proxy"] = proxy.url
        if proxy.authorization is not None:
            options["proxy_auth"] = aiohttp.BasicAuth.decode(proxy.authorization)
    return ReelbotClient(front, front.settings.discord.shards, **options)


async def _tell(client: ReelbotClient, first: asyncio.Event) -> None:
    await client.connected.wait()
    first.set()
