"""Every failure as `application/problem+json` (RFC 9457) with a stable `code`."""

from __future__ import annotations

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bot.errors import LimitReached, ReelbotError

log = structlog.get_logger(__name__)

CODES = {401: "unauthorized", 403: "not_allowed", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
TITLES = {"unauthorized": "Sign in first", "too_large": "Too large", "internal": "Something went wrong here"}


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """One problem document."""
    title = TITLES.get(code, code.replace("_", " ").capitalize())
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    return JSONResponse(document, status_code=status, headers=headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer every failure of this application with a problem document."""

    @app.exception_handler(ReelbotError)
    async def ours(_request: Request, error: ReelbotError) -> JSONResponse:
        headers = {}
        if isinstance(error, LimitReached) and error.resets_at is not None:
            headers["X-Resets-At"] = error.resets_at.isoformat()
        return problem(error.http_status, error.code, str(error), headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path", "header"))
        return problem(422, "bad_request", f"{where or 'The request'}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def plain(_request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "bad_request" if error.status_code < 500 else "internal")
        headers = dict(error.headers) if error.headers else None
        return problem(error.status_code, code, str(error.detail), headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.error("web.unexpected", path=request.url.path, exc_info=error)
        return problem(500, "internal", "Something went wrong here; the log says what.")
