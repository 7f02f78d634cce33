"""`POST /slack/events`: everything Slack sends over HTTP. Bolt verifies that it comes from Slack, by the raw body."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request
from slack_bolt.adapter.starlette.async_handler import to_async_bolt_request, to_starlette_response
from slack_bolt.async_app import AsyncApp
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from adapters.chat.slack.manifest import EVENTS_PATH

LARGEST_BYTES: Final = 2_000_000
"""A form holds at most 250 kB, an event some files' descriptions."""
READ_WITHIN_S: Final = 10.0


def events_route(bolt: AsyncApp) -> APIRouter:
    """The route, bound to one app."""
    router = APIRouter()

    @router.post(EVENTS_PATH, include_in_schema=False)
    async def events(request: Request) -> Response:
        """Verify, sort, keep; the answer comes when that is done."""
        body = await _body(request)
        return to_starlette_response(await bolt.async_dispatch(to_async_bolt_request(request, body)))

    return router


async def _body(request: Request) -> bytes:
    """The raw bytes: the signature is over them. 413 as soon as there are too many, 408 when they do not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_BYTES:
                    raise HTTPException(413, f"At most {LARGEST_BYTES // 1000} kB are taken here.")
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(408, "The body did not arrive.") from None
    try:
        body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "The body is no text.") from None
    return bytes(body)
