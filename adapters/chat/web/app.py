"""The FastAPI application of the role `web`: the API, the pages, and what providers and chats call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from adapters.chat.web import chat_sign_in_pages, media, metrics, sign_in_pages, webhooks
from adapters.chat.web.admin import routes as admin
from adapters.chat.web.admin.around import Around
from adapters.chat.web.api import events, jobs, models, money, tokens
from adapters.chat.web.body_limit import BodyLimit
from adapters.chat.web.caller import SignedIn
from adapters.chat.web.chat_sign_in import ChatSignIn
from adapters.chat.web.counting import Counting
from adapters.chat.web.description import describe
from adapters.chat.web.feed import Feed
from adapters.chat.web.gate import Gate
from adapters.chat.web.headers import Compressed, SecurityHeaders
from adapters.chat.web.hosts import is_local
from adapters.chat.web.metrics import Exposition, Readiness, status_of
from adapters.chat.web.problems import Explain, install
from adapters.chat.web.sessions import Sessions
from adapters.chat.web.sign_in import SignIn, SignInRule
from adapters.chat.web.studio import files
from adapters.chat.web.studio import pages as studio
from adapters.chat.web.studio.templates import Pages
from adapters.media.hosting import SignedLinks
from bot import __version__
from bot.errors import NotAllowed
from bot.people import Role
from bot.service import Service

"""How each part stands, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebParts:
    """What the web side needs besides the service."""

    rule: SignInRule
    readiness: Readiness
    upload_limit_bytes: int
    exposition: Exposition | None = None
    around: Around | None = None
    """What the admin pages show of the installation; without it there are none."""
    session_lasts: timedelta = timedelta(days=7)
    links: SignedLinks | None = None
    """Without (no public URL) no media are served to providers."""
    chats: Sequence[ChatSignIn] = ()
    """Whose people may sign in."""
    operators: Sequence[str] = ()
    """People who are operators by the settings, however they sign in."""


def create_web(service: Service, parts: WebParts, *, doors: Sequence[APIRouter] = (), is_whole: bool = True) -> FastAPI:
    """The application, bound to one Reelbot.

    `doors` are what chats need to be reached by; with `is_whole` false there is nothing else (the role `web` is elsewhere).
    """
    app = FastAPI(
        title="Reelbot", version=__version__, openapi_url=None, docs_url=None, redoc_url=None,
        description="Turn a picture and a sentence into a short video.",
    )  # fmt: skip
    is_https = (parts.rule.public_url or "").startswith("https://")
    sessions = Sessions(service.keys, service.desk.clock, lasts=parts.session_lasts, is_https=is_https)
    sign_in = SignIn(parts.rule, service, sessions)
    pages = Pages(service.desk.clock) if is_whole else None
    explain = Explain(pages)
    install(app, explain)
    # The last one added is asked first.
    app.add_middleware(BodyLimit, limit_bytes=parts.upload_limit_bytes)
    app.add_middleware(Gate, sign_in=sign_in, explain=explain)
    app.add_middleware(Compressed)
    app.add_middleware(SecurityHeaders, is_https=is_https)
    app.add_middleware(Counting, metrics=service.desk.metrics)
    _add_health(app, sign_in, parts.readiness)
    # Called by chats, which cannot sign in: each proves itself in its own way.
    for door in doors:
        app.include_router(door)
    app.state.feed = Feed(service.stores.changes, service.desk.metrics)
    if pages is not None:
        _add_the_rest(app, service, sign_in, pages, parts)
    return app


def _add_health(app: FastAPI, sign_in: SignIn, readiness: Readiness) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        """The process answers; says nothing about anything else."""
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> Response:
        """Whether jobs would be carried out; the parts only for operators, and where no sign-in is needed.

        What only warns leaves us ready: a provider that rests makes its jobs wait, and its webhooks must still reach us.
        """
        parts = await readiness()
        status = status_of(parts)
        if not await _may_see(request, sign_in):
            return Response(status_code=status)
        document = {name: part.as_json() for name, part in parts.items()}
        return JSONResponse({"status": "ok" if status == 200 else "unready", "parts": document}, status)


async def _may_see(request: Request, sign_in: SignIn) -> bool:
    if sign_in.rule.token is None and is_local(request):
        return True
    if "authorization" not in request.headers and sign_in.sessions.read(request) is None:
        return False
    try:
        return (await sign_in.caller(request)).may(Role.OPERATOR)
    except Exception:
        # A probe is told what everybody is told, whatever is wrong with what it sent.
        return False


def _add_the_rest(app: FastAPI, service: Service, sign_in: SignIn, pages: Pages, parts: WebParts) -> None:
    """The API, the pages, and what providers call."""
    feed: Feed = app.state.feed
    for resource in (jobs, money, models, tokens):
        app.include_router(resource.routes(service))
    app.include_router(events.routes(service, feed))
    # Called by providers, which cannot sign in: each proves itself in its own way.
    app.include_router(media.routes(service, parts.links))
    app.include_router(webhooks.routes(service))
    app.include_router(files.routes(pages.files))
    app.include_router(sign_in_pages.routes(sign_in, pages, parts.chats))
    if parts.chats and parts.rule.public_url:
        app.include_router(
            chat_sign_in_pages.routes(
                service, sign_in, pages, parts.chats, public_url=parts.rule.public_url, operators=parts.operators
            )
        )

    app.include_router(studio.routes(service, pages, feed, upload_limit_bytes=parts.upload_limit_bytes))
    if parts.around is not None:
        app.include_router(admin.routes(service, pages, parts.around))

    if parts.exposition is not None:
        app.include_router(metrics.routes(parts.exposition), dependencies=[Depends(_require_operator)])

    @app.get("/api/v1/openapi.json", include_in_schema=False)
    async def openapi() -> dict[str, Any]:
        """This API's own description."""
        return describe(app, needs_sign_in=parts.rule.token is not None)


def _require_operator(caller: SignedIn) -> None:
    if not caller.may(Role.OPERATOR):
        raise NotAllowed("Metrics are for operators; use the admin token, or a personal one with the scope admin.")
