"""`GET /metrics`: on the web side, and, for processes without one, on a port of its own, with what probes ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Response

from adapters.chat.web.listening import serve_app
from bot.doctor.finding import Part
from bot.errors import ConfigurationError

Readiness = Callable[[], Awaitable[Mapping[str, Part]]]
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


def health_routes(readiness: Readiness) -> APIRouter:
    """`/livez`, and the bare status of `/readyz`."""
    router = APIRouter()

    @router.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        """Whether jobs would be carried out."""
        return Response(status_code=status_of(await readiness()))

    return router


def status_of(parts: Mapping[str, Part]) -> int:
    """What a probe is told: 503 when a part is broken; what only warns leaves us ready."""
    return 503 if any(part.status == "fail" for part in parts.values()) else 200


@asynccontextmanager
async def metrics_listener(exposition: Exposition, readiness: Readiness, host: str, port: int) -> AsyncIterator[str]:
    """Serve the metrics and the probes while the block lasts, to whoever can connect; yields the metrics' address.

    `ConfigurationError` when it cannot listen there.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(routes(exposition))
    app.include_router(health_routes(readiness))
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
