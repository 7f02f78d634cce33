"""Bodies over the limit get 413 before they are read: by their announced length, and by counting what really comes.

And bodies must come: whoever sends nothing for a while is let go with 408, so that slow senders cannot hold every place.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.chat.web.problems import problem

QUIET_AT_MOST_S: Final = 30.0
"""Longest between two pieces of a body."""
STRANGERS_BYTES: Final = 1_000_000
"""Largest body of whoever has not signed in: a token to sign in with, a chat's event, a provider's call."""


class _Refused(Exception):
    """The rest of the body is not read."""


class BodyLimit:
    """ASGI middleware: at most `limit_bytes` per request, each piece within `quiet_s` of the one before. Behind the gate."""

    def __init__(self, app: ASGIApp, limit_bytes: int, quiet_s: float = QUIET_AT_MOST_S) -> None:
        self._app = app
        self._limit = limit_bytes
        self._quiet_s = quiet_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413 or 408."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_known = "caller" in scope.get("state", {})
        limit = self._limit if is_known else min(self._limit, STRANGERS_BYTES)
        large = f"At most {limit // 1_000_000} MB are taken in one request."
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > limit:
            await problem(413, "too_large", large)(scope, receive, send)
            return
        came = 0
        is_whole = started = False
        refusal: ASGIApp | None = None

        async def counted() -> Message:
            nonlocal came, is_whole, refusal
            if is_whole:
                # Only a hang-up is still to come, and that may take as long as the answer does.
                return await receive()
            try:
                async with asyncio.timeout(self._quiet_s):
                    message = await receive()
            except TimeoutError:
                slow = "The rest of the request did not arrive; send it again."
                refusal = problem(408, "timeout", slow, {"Connection": "close"})
                raise _Refused from None
            came += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if came > limit:
                refusal = problem(413, "too_large", large)
                raise _Refused
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if refusal is not None and not started:
                # Whoever reads forms takes our refusal for a form that cannot be read, and answers so: ours counts.
                return
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _Refused:
            pass
        if refusal is not None and not started:
            await refusal(scope, receive, send)
