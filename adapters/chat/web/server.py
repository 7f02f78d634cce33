"""Serving the web application inside our own process: one loop, one drain, no signal handlers of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI

from adapters.chat.web.admin.around import Around
from adapters.chat.web.app import Exposition, Readiness, WebParts, create_web
from adapters.chat.web.chat_sign_in import ChatSignIn, DiscordSignIn, SlackSignIn
from adapters.chat.web.sign_in import sign_in_rule
from adapters.media.hosting import SignedLinks
from bot.errors import ConfigurationError
from bot.people import Role
from bot.ports import KeepsReady
from bot.service import Service
from bot.telemetry.logs import hide

log = structlog.get_logger(__name__)

GRACE_S = 5
Door = APIRouter
"""What a chat needs to be reached by."""


class _Server(uvicorn.Server):
    """Ours listens to signals; uvicorn must not take them over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
    async with contextlib.AsyncExitStack() as stack:
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


@asynccontextmanager
async def serve_app(app: FastAPI, host: str, port: int, *, trusted_proxies: Sequence[str] = ()) -> AsyncIterator[str]:
    """Serve an application while the block lasts; yields the address. `ConfigurationError` when it cannot listen there.

    Of `trusted_proxies` alone the forwarding headers are believed: whose request it is, and whether it came by https.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False,
        proxy_headers=bool(trusted_proxies), forwarded_allow_ips=list(trusted_proxies), lifespan="off",
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        here, taken = listener.getsockname()[:2]
        yield f"http://{f'[{here}]' if ':' in here else here}:{taken}"
    finally:
        if (feed := getattr(app.state, "feed", None)) is not None:
            # Streams would hold up the end: they are told first.
            feed.close()
        server.should_exit = True
        await serving
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that the address is known, and a taken port is one sentence."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except OSError as error:
        raise ConfigurationError(
            f"The web page cannot listen on {host}:{port} ({error.strerror}); set REELBOT_WEB__PORT to a free port."
        ) from error
    return listener
