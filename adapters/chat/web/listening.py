"""Serving an application inside our own process: one loop, one drain, no signal handlers of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

from bot.errors import ConfigurationError

GRACE_S: Final = 5


class _Server(uvicorn.Server):
    """Ours listens to signals; uvicorn must not take them over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


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
