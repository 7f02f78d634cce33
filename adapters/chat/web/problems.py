"""Every failure as `application/problem+json` (RFC 9457) with a stable `code`; for a browser that asked for a page, as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from bot.errors import LimitReached, ReelbotError

if TYPE_CHECKING:
    from adapters.chat.web.studio.templates import Pages

log = structlog.get_logger(__name__)

NOTHING_HERE = "There is nothing at this address."

CODES = {
    401: "unauthorized", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed", 408: "timeout", 413: "too_large",
    421: "wrong_host", 429: "too_many_attempts",
}  # fmt: skip
TITLES = {"unauthorized": "Sign in first", "too_large": "Too large", "internal": "Something went wrong here"}
NOT_PAGES = ("/api/", "/media/", "/webhooks/", "/slack/", "/metrics", "/livez", "/readyz", "/static/")
_INSTEAD = {
    404: "It may have been deleted, or it is not yours.",
    403: "An operator of this Reelbot can give you more.",
    421: "Ask your operator for the address.",
    500: "The log says what happened; nothing was charged by this.",
}


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One problem document."""
    title = TITLES.get(code, code.replace("_", " ").capitalize())
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(document, status_code=status, headers=headers, media_type="application/problem+json")


class Explain:
    """Turns every failure into an answer: with `pages` a browser is shown one where it asked for one."""

    def __init__(self, pages: Pages | None = None) -> None:
        self._pages = pages

    def __call__(self, request: Request, error: Exception) -> Response:
        """The answer to a request that ended so."""
        match error:
            case ReelbotError():
                return self._ours(request, error)
            case RequestValidationError():
                first = error.errors()[0]
                where = ".".join(str(part) for part in first["loc"] if _is_named(part))
                return self._answer(request, 422, "bad_request", f"{where or 'The request'}: {first['msg']}.")
            case HTTPException():
                code = CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
                headers = dict(error.headers) if error.headers else None
                if error.status_code == 405:
                    headers = {"Allow": ", ".join(sorted(allowed(request.app.routes, request.url.path)))}
                return self._answer(request, error.status_code, code, str(error.detail), headers)
            case ClientDisconnect():
                # Nobody is there to read it; nothing was kept of a request that never arrived whole.
                return problem(400, "bad_request", "The request broke off before it was whole; send it again.")
            case _:
                log.error("web.unexpected", path=request.url.path, exc_info=error)
                return self._answer(request, 500, "internal", "Something went wrong here; the log says what.")

    def _ours(self, request: Request, error: ReelbotError) -> Response:
        headers = {}
        if isinstance(error, LimitReached) and error.resets_at is not None:
            headers["X-Resets-At"] = error.resets_at.isoformat()
        if error.http_status >= 500:
            log.warning("web.trouble", path=request.url.path, code=error.code, why=str(error))
        return self._answer(request, error.http_status, error.code, str(error), headers)

    def _answer(
        self, request: Request, status: int, code: str, detail: str, headers: dict[str, str] | None = None
    ) -> Response:
        if self._pages is None or not wants_page(request):
            return problem(status, code, detail, headers)
        if status == 401:
            return _to_sign_in(request)
        return self._pages.page(
            request, "error.html", status_code=status, headers=headers, status=status, sentence=detail,
            what_to_do=_INSTEAD.get(status),
        )  # fmt: skip


def _is_named(part: object) -> bool:
    """Whether a piece of where an error stands is a name of the request's, and none of the framework's."""
    return part not in ("body", "query", "path", "header") and re.fullmatch(r"[\w-]+", str(part)) is not None


def allowed(routes: Sequence[Any], path: str) -> set[str]:
    """The methods an address takes: of every route that is it, and not of the first one only, as Starlette says."""
    methods: set[str] = set()
    for route in routes:
        # A router that was included keeps its routes to itself.
        methods |= allowed(getattr(getattr(route, "original_router", None), "routes", ()), path)
        regex = getattr(route, "path_regex", None)
        if regex is not None and regex.match(path):
            methods |= set(getattr(route, "methods", None) or ())
    return methods


def install(app: FastAPI, explain: Explain | None = None) -> None:
    """Answer every failure of this application."""
    explain = explain or Explain()

    async def answer(request: Request, error: Exception) -> Response:
        return explain(request, error)

    for kind in (ReelbotError, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, answer)


def wants_page(request: Request) -> bool:
    """Whether a person in a browser waits for a page."""
    is_asked = _is_piece(request) or "text/html" in request.headers.get("accept", "")
    return is_asked and not request.url.path.startswith(NOT_PAGES)


def _is_piece(request: Request) -> bool:
    """Whether htmx asks, on behalf of a page."""
    return request.headers.get("hx-request") == "true"


def _to_sign_in(request: Request) -> Response:
    """Where a page needs a sign-in, to there and back again; what was posted is not repeated by itself."""
    if _is_piece(request):
        # A piece of a page cannot be a sign-in form: htmx goes to the whole page.
        shown = urlsplit(request.headers.get("hx-current-url", "")).path or "/"
        return Response(status_code=401, headers={"HX-Redirect": f"/sign-in?next={quote(shown, safe='')}"})
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(here, safe='')}" if request.method == "GET" else "/sign-in", 303)
