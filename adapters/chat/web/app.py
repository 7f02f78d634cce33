"""The FastAPI application of the role `web`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from adapters.chat.web import media, webhooks
from adapters.chat.web.api import jobs, money
from adapters.chat.web.auth import SignIn, is_local
from adapters.chat.web.body_limit import BodyLimit
from adapters.chat.web.problems import install
from adapters.media.hosting import SignedLinks
from bot import __version__
from bot.jobs.catalogue import offered
from bot.service import Service

STUDIO = Path(__file__).parent / "studio"
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
"""`same-origin`: with `no-referrer` Chromium sends `Origin: null` with the page's own form posts."""

Readiness = Callable[[], Awaitable[dict[str, str]]]
"""Each check by name: `ok`, or what is wrong."""


def create_web(
    service: Service,
    sign_in: SignIn,
    readiness: Readiness,
    *,
    upload_limit_bytes: int,
    links: SignedLinks | None = None,
    doors: Sequence[APIRouter] = (),
    is_whole: bool = True,
) -> FastAPI:
    """The application, bound to one Reelbot. Without `links` (no public URL) no media are served to providers.

    `doors` are what chats need to be reached by; with `is_whole` false there is nothing else (the role `web` is elsewhere).
    """
    app = FastAPI(
        title="Reelbot", version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        description="Turn a picture and a sentence into a short video.",
    )  # fmt: skip
    install(app)
    app.add_middleware(BodyLimit, limit_bytes=upload_limit_bytes)

    @app.middleware("http")
    async def protect(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """The process answers; says nothing about anything else."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        """Whether jobs would be carried out; the details only for who may sign in without a token.

        A provider that rests is shown and leaves us ready: its jobs wait, and its webhooks must still reach us.
        """
        checks = await readiness()
        ours = [found for name, found in checks.items() if not name.startswith("provider.")]
        status = 200 if all(found == "ok" for found in ours) else 503
        if sign_in.token is None and is_local(request):
            return JSONResponse({"status": "ok" if status == 200 else "unready", "checks": checks}, status)
        return Response(status_code=status)

    # Called by chats, which cannot sign in: each proves itself in its own way.
    for door in doors:
        app.include_router(door)
    if is_whole:
        _add_the_rest(app, service, sign_in, links)
    return app


def _add_the_rest(app: FastAPI, service: Service, sign_in: SignIn, links: SignedLinks | None) -> None:
    """The API, the studio, and what providers call."""

    def require(request: Request) -> None:
        sign_in.require(request)

    signed_in = [Depends(require)]
    for resource in (jobs, money):
        app.include_router(resource.routes(service), dependencies=signed_in)
    # Called by providers, which cannot sign in: each proves itself in its own way.
    app.include_router(media.routes(service, links))
    app.include_router(webhooks.routes(service))

    @app.get("/api/v1/openapi.json", include_in_schema=False, dependencies=signed_in)
    async def openapi() -> dict[str, Any]:
        """This API's own description."""
        return app.openapi()

    @app.get("/api/v1/models", dependencies=signed_in, tags=["jobs"])
    async def models() -> dict[str, Any]:
        """What can be ordered here: every model with its lengths, resolutions and prices."""
        return {"models": [_model(each) for one in service.desk.providers.values() for each in offered(one)]}

    @app.get("/", include_in_schema=False, dependencies=signed_in)
    async def page() -> FileResponse:
        """The studio."""
        return FileResponse(STUDIO / "index.html", media_type="text/html; charset=utf-8")

    for name, kind in (("studio.css", "text/css"), ("studio.js", "text/javascript")):
        app.add_api_route(f"/{name}", _file(STUDIO / name, kind), include_in_schema=False, dependencies=signed_in)


def _file(path: Path, kind: str) -> Callable[[], Awaitable[FileResponse]]:
    async def send() -> FileResponse:
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "no-cache"})

    return send


def _model(model: Any) -> dict[str, Any]:
    prices = {
        f"{resolution} {seconds} s": model.price.price(duration_s=seconds, resolution=resolution).to_usd()
        for resolution in model.resolutions
        for seconds in model.durations_s
    }
    return {
        "provider": model.provider,
        "model": model.slug,
        "title": model.title,
        "kind": model.kind,
        "durations_s": model.durations_s,
        "resolutions": model.resolutions,
        "default_duration_s": model.default_duration_s,
        "default_resolution": model.default_resolution,
        "prices_usd": prices,
    }
