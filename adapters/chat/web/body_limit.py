"""Bodies over the limit get 413 before they are read: by their announced length, and by counting what really comes."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.chat.web.problems import problem


class _TooLarge(Exception):
    """More bytes came than are taken."""


class BodyLimit:
    """ASGI middleware: at most `limit_bytes` per request."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = problem(413, "too_large", f"At most {self._limit // 1_000_000} MB are taken in one request.")
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            await answer(scope, receive, send)
            return
        came = 0
        started = False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._limit:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, counted, watched)
        except _TooLarge:
            if not started:
                await answer(scope, receive, send)
