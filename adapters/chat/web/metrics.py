"""`GET /metrics`: on the web side, and, for processes without one, on a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response

from adapters.chat.web.server import serve_app
from bot.errors import ConfigurationError

Exposition = Callable[[], Awaitable[tuple[bytes, str]]]
"""The metrics as text, and its content type."""


def routes(exposition: Exposition) -> APIRouter:
    """The route; whoever includes it says who may ask."""
    router = APIRouter()

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """What this process counted, and how things stand, for Prometheus."""
        text, content_type = await exposition()
        return Response(text, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    return router


@asynccontextmanager
async def metrics_listener(exposition: Exposition, host: str, port: int) -> AsyncIterator[str]:
    """Serve nothing but the metrics while the block lasts, to whoever can connect; yields their address.

    `ConfigurationError` when it cannot listen there.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(routes(exposition))
    serving = serve_app(app, host, port)
    try:
        address = await serving.__aenter__()
    except ConfigurationError as error:
        raise ConfigurationError(
            f"The metrics cannot be served on {host}:{port}; set REELBOT_METRICS__PORT to a free port."
        ) from error
    try:
        yield f"{address}/metrics"
    finally:
        await serving.__aexit__(None, None, None)
