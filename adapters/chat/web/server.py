"""Serving the web application inside our own process: one loop, one drain, no signal handlers of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import APIRouter, FastAPI

from adapters.chat.web.app import Readiness, create_web
from adapters.chat.web.auth import sign_in_rule
from adapters.media.hosting import SignedLinks
from bot.errors import ConfigurationError
from bot.service import Service

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
) -> AsyncIterator[str]:
    """Serve while the block lasts; yields the address. `ConfigurationError` when it cannot listen there.

    `doors` and `is_whole`: see `create_web`.
    """
    web = settings.web
    token = web.admin_token.get_secret_value() if web.admin_token else None
    rule = sign_in_rule(host=web.host, public_url=web.public_url, admin_token=token, data_dir=data_dir)
    if rule.file is not None:
        log.warning("web.admin_token", file=str(rule.file))
    links = SignedLinks(service.keys, service.desk.clock, web.public_url) if web.public_url else None
    limit = web.max_upload_mb * 1_000_000
    app = create_web(service, rule, readiness, upload_limit_bytes=limit, links=links, doors=doors, is_whole=is_whole)
    async with serve_app(app, web.host, web.port) as address:
        yield address


@asynccontextmanager
async def serve_app(app: FastAPI, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application while the block lasts; yields the address. `ConfigurationError` when it cannot listen there."""
    listener = _listen(host, port)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S, server_header=False,
        proxy_headers=False, lifespan="off",
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        here, taken = listener.getsockname()[:2]
        yield f"http://{f'[{here}]' if ':' in here else here}:{taken}"
    finally:
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
