"""What every answer carries, whoever made it. Pure ASGI: a stream must not cost more for it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
}
"""`same-origin` as referrer: with `no-referrer` Chromium sends `Origin: null` with the page's own form posts."""
FETCHED_BY_OTHERS: Final = ("/media/", "/webhooks/", "/slack/")
"""Where the outside is meant to come; what lies there is proven and marked in its own way."""
PACKED: Final = ("/video", "/part", "/poster", "/picture")
"""How the addresses of clips and pictures end."""


class SecurityHeaders:
    """Adds them to every answer that has none of its own."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app = app
        self._headers = SECURITY_HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_open = scope["path"].startswith(FETCHED_BY_OTHERS)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    if not (is_open and name.startswith("Cross-Origin")):
                        headers.setdefault(name, value)
                if not is_open:
                    # What people see here is theirs: no cache between us and them may keep it.
                    headers.setdefault("Cache-Control", "private, no-store")
            await send(message)

        await self._app(scope, receive, marked)


class Compressed:
    """Compresses pages and documents; clips and pictures are so already, and are asked for in ranges."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=700, compresslevel=6)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        path = scope.get("path", "")
        is_packed = path.startswith("/media/") or path.endswith(PACKED)
        await (self._app if is_packed else self._compressing)(scope, receive, send)
