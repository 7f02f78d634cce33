"""The web side as the settings want it, served while a block lasts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter

from adapters.chat.web.admin.around import Around
from adapters.chat.web.app import WebParts, create_web
from adapters.chat.web.chat_sign_in import ChatSignIn, DiscordSignIn, SlackSignIn
from adapters.chat.web.listening import serve_app
from adapters.chat.web.metrics import Exposition, Readiness
from adapters.chat.web.sign_in import sign_in_rule
from adapters.media.hosting import SignedLinks
from bot.errors import ConfigurationError
from bot.people import Role
from bot.ports import KeepsReady
from bot.service import Service
from bot.telemetry.logs import hide

log = structlog.get_logger(__name__)

Door = APIRouter
"""What a chat needs to be reached by."""


@asynccontextmanager
async def serve(
    service: Service,
    settings: Any,
    data_dir: Path,
    readiness: Readiness,
    *,
    doors: Sequence[Door] = (),
    is_whole: bool = True,
    exposition: Exposition | None = None,
    around: Around | None = None,
) -> AsyncIterator[str]:
    """Serve while the block lasts; yields the address. `ConfigurationError` when it cannot listen there.

    `doors` and `is_whole`: see `create_web`.
    """
    web = settings.web
    token = web.admin_token.get_secret_value() if web.admin_token else None
    rule = sign_in_rule(host=web.host, public_url=web.public_url, admin_token=token, data_dir=data_dir)
    if rule.file is not None:
        log.warning("web.admin_token", file=str(rule.file))
    if rule.token is not None:
        hide([rule.token])
    parts = WebParts(
        rule=rule,
        readiness=readiness,
        upload_limit_bytes=web.max_upload_mb * 1_000_000,
        exposition=exposition,
        around=around,
        session_lasts=timedelta(hours=web.session_hours),
        links=SignedLinks(service.keys, service.desk.clock, web.public_url) if web.public_url else None,
        chats=chats_of(settings) if is_whole else (),
        operators=settings.operators,
    )
    app = create_web(service, parts, doors=doors, is_whole=is_whole)
    workshop: object = service.workshop
    async with AsyncExitStack() as stack:
        if is_whole and isinstance(workshop, KeepsReady):
            workshop.keep_ready()
            stack.push_async_callback(workshop.rest)
        yield await stack.enter_async_context(serve_app(app, web.host, web.port, trusted_proxies=web.trusted_proxies))


def chats_of(settings: Any) -> list[ChatSignIn]:
    """Through which chats people may sign in. `ConfigurationError` when what that needs is missing."""
    makers: dict[str, tuple[Any, Any]] = {
        "slack": (SlackSignIn, settings.slack),
        "discord": (DiscordSignIn, settings.discord),
    }
    chats: list[ChatSignIn] = []
    for name in settings.web.sign_in:
        if name not in makers:
            raise ConfigurationError(f"REELBOT_WEB__SIGN_IN names {name!r}; there is: {', '.join(makers)}.")
        maker, chat = makers[name]
        if not settings.web.public_url:
            raise ConfigurationError("REELBOT_WEB__SIGN_IN needs REELBOT_WEB__PUBLIC_URL: people come back to it.")
        if chat.client_id is None or chat.client_secret is None:
            prefix = f"REELBOT_{name.upper()}"
            raise ConfigurationError(f"Signing in with {name} needs {prefix}__CLIENT_ID and {prefix}__CLIENT_SECRET.")
        secret = chat.client_secret.get_secret_value()
        hide([secret])
        role = Role(settings.web.sign_in_role)
        chats.append(maker(client_id=chat.client_id, client_secret=secret, api_url=chat.api_url, role=role))
    return chats
