"""The role `slack`: a socket of its own to Slack where an app token is set, else the address `/slack/events`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient

from adapters.chat.lifetime import finish
from adapters.chat.slack.api import SlackError, TokenDead, Unclear
from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.doors import events_route
from adapters.chat.slack.front import Front, Readiness
from adapters.chat.slack.lifecycle import came
from adapters.chat.slack.listeners import create_bolt
from adapters.chat.slack.people import People
from adapters.http.proxies import proxy_for
from bot.errors import ConfigurationError, DeliveryDelayed
from bot.languages.catalogue import load_catalogues
from bot.service import Service
from bot.settings import Settings

log = structlog.get_logger(__name__)

CONNECTS_WITHIN_S: Final = 30.0
LOOKS_EVERY_S: Final = 5.0
ASKS_AGAIN_S: Final = 60.0
BOT_TOKEN: Final = (
    "REELBOT_SLACK__BOT_TOKEN is not accepted by Slack: copy the app's bot token anew (OAuth & Permissions)."  # noqa: S105 - names the setting
)
APP_TOKEN: Final = (
    "REELBOT_SLACK__APP_TOKEN is not accepted by Slack: make one with connections:write (Basic Information)."  # noqa: S105 - names the setting
)


@asynccontextmanager
async def slack_role(
    service: Service, settings: Settings, courier: SlackCourier, readiness: Readiness
) -> AsyncIterator[APIRouter | None]:
    """Answer people on Slack while the block lasts; yields what the web server must serve, `None` in Socket Mode.

    `ConfigurationError` when a token is missing or refused at the start. When Slack cannot be reached it goes on trying,
    and the rest of Reelbot runs meanwhile.
    """
    slack = settings.slack
    if slack.app_token is None and slack.signing_secret is None:
        raise ConfigurationError(
            "The role `slack` needs REELBOT_SLACK__APP_TOKEN (Socket Mode) or REELBOT_SLACK__SIGNING_SECRET (HTTP)."
        )
    await asyncio.to_thread(load_catalogues)
    if resealed := await service.stores.installations.reseal():
        log.info("slack.resealed", tokens=resealed)
    people = People(service.stores.workspaces, courier.api, service.desk.clock, settings.operators)
    front = Front(service=service, settings=settings, courier=courier, people=people, readiness=readiness)
    bolt = create_bolt(front)
    greeting = None
    if not await _greet(front):
        greeting = asyncio.create_task(_greet_later(front))
    try:
        if slack.app_token is None:
            yield events_route(bolt)
        else:
            async with _socket(front, bolt, slack.app_token.get_secret_value()):
                yield None
    finally:
        if greeting is not None:
            greeting.cancel()
        await finish(front.at_work)


async def _greet(front: Front) -> bool:
    """Learn who we are by the settings' token; False when Slack does not say now."""
    try:
        home = await front.bots.home()
    except TokenDead as error:
        raise ConfigurationError(BOT_TOKEN) from error
    except (SlackError, Unclear, DeliveryDelayed) as error:
        log.warning("slack.not_greeted", why=str(error))
        return False
    if home is not None:
        await came(front, home)
        log.info("slack.ready", team=home.team)
    return True


async def _greet_later(front: Front) -> None:
    while True:
        await asyncio.sleep(LOOKS_EVERY_S)
        try:
            if await _greet(front):
                return
        except ConfigurationError as error:
            await front.service.alerts.tell("slack.token", str(error))
            await asyncio.sleep(ASKS_AGAIN_S)


@asynccontextmanager
async def _socket(front: Front, bolt: AsyncApp, token: str) -> AsyncIterator[None]:
    """Connected, and again whenever the connection is lost."""
    try:
        await front.api.ask(token, "apps.connections.open")
    except TokenDead as error:
        raise ConfigurationError(APP_TOKEN) from error
    except SlackError as error:
        if error.error in {"not_allowed_token_type", "missing_scope"}:
            raise ConfigurationError(APP_TOKEN) from error
        log.warning("slack.not_connected", why=str(error))
    except (Unclear, DeliveryDelayed) as error:
        log.warning("slack.not_connected", why=str(error))
    handler = AsyncSocketModeHandler(bolt, app_token=token)
    client = handler.client
    # slack_sdk takes a proxy from the environment, for loopback too, and knows no exceptions from it.
    client.proxy = client.web_client.proxy = _proxy(front.settings.slack.api_url)
    connecting = asyncio.create_task(_connect(handler))
    try:
        await asyncio.wait({connecting}, timeout=CONNECTS_WITHIN_S)
        if not connecting.done():
            log.warning("slack.not_connected", why="no connection yet; trying on")
        with front.service.desk.connections.kept("slack", lambda: _is_connected(client)):
            yield
    finally:
        connecting.cancel()
        with suppress(asyncio.CancelledError):
            await connecting
        with suppress(SlackClientError, OSError):
            await handler.close_async()  # type: ignore[no-untyped-call]


def _is_connected(client: SocketModeClient) -> bool:
    session = client.current_session
    return not client.closed and not client.stale and session is not None and not session.closed


async def _connect(handler: AsyncSocketModeHandler) -> None:
    while True:
        try:
            await handler.connect_async()  # type: ignore[no-untyped-call]
        except (SlackClientError, OSError, TimeoutError) as error:
            log.warning("slack.not_connected", why=str(error) or type(error).__name__)
            await asyncio.sleep(LOOKS_EVERY_S)
        else:
            log.info("slack.connected")
            return


def _proxy(api_url: str) -> str | None:
    parts = urlsplit(api_url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    found = proxy_for(parts.hostname, parts.port or 443)
    return found.url if found is not None else None
