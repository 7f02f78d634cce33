"""Nobody gets past here unknown: whoever is not signed in is answered before a byte of what they send is read.

What needs no sign-in is named; every other address needs one, also an address that leads nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.chat.web.sign_in import SignIn
from bot.errors import ReelbotError

OPEN: Final = ("/webhooks/", "/media/", "/slack/", "/static/", "/sign-in/")
"""Each proves itself in its own way, or holds nothing of anybody's."""
OPEN_PAGES: Final = frozenset({"/livez", "/readyz", "/sign-in", "/sign-out"})


class Gate:
    """ASGI middleware: puts the `Caller` into the request's state, or answers in its place."""

    def __init__(self, app: ASGIApp, sign_in: SignIn, explain: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._sign_in = sign_in
        self._explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        path = scope.get("path", "")
        if scope["type"] != "http" or path in OPEN_PAGES or path.startswith(OPEN):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            caller = await self._sign_in.caller(request)
        except (HTTPException, ReelbotError) as error:
            await self._explain(request, error)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)
