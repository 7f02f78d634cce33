"""A Slack that grants consent, on a real socket: `oauth.v2.access` and `auth.test`, and whoever presses Allow there."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

CLIENT_ID, CLIENT_SECRET = "111.222", "the-client-secret-0000"
TOKEN = "xoxb-1111-2222-theteamstoken"


def of_team(**changes: Any) -> dict[str, Any]:
    """What `oauth.v2.access` says of a workspace (docs.slack.dev/authentication/installing-with-oauth)."""
    return {
        "ok": True,
        "access_token": TOKEN,
        "token_type": "bot",
        "scope": "app_mentions:read,chat:write,commands",
        "bot_user_id": "U0BOT",
        "app_id": "A0APP",
        "team": {"id": "T1", "name": "Team"},
        "enterprise": None,
        "is_enterprise_install": False,
        "authed_user": {"id": "UALICE"},
    } | changes


def of_organisation(**changes: Any) -> dict[str, Any]:
    """The same where a whole organisation added the app (docs.slack.dev/enterprise)."""
    whole = {"team": None, "enterprise": {"id": "E1", "name": "Starship"}, "is_enterprise_install": True}
    return of_team(**(whole | changes))


@dataclass
class Consent:
    """What was granted and asked."""

    port: int = 0
    granted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a code is worth, once."""
    asked: list[str] = field(default_factory=list)
    instead: dict[str, str] = field(default_factory=dict)
    """By method, what happens in the place of an answer: `reset`, `half`, `html`, `error`, `hang`, or an error's name."""
    _codes: int = 0

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def allow(self, where: str, answer: dict[str, Any] | None = None) -> dict[str, str]:
        """Press Allow on the page at `where`; returns what Slack sends the browser back with."""
        self._codes += 1
        code = f"a-code-of-slack-{self._codes}"
        self.granted[code] = of_team() if answer is None else answer
        return {"code": code, "state": parse_qs(urlsplit(where).query)["state"][0]}

    async def access(self, request: web.Request) -> web.StreamResponse:
        if (other := await self._instead("oauth.v2.access", request)) is not None:
            return other
        form, given = await request.post(), request.headers.get("Authorization", "")
        pair = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        named = (form.get("client_id"), form.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        if given != f"Basic {pair}" and not named:
            return web.json_response({"ok": False, "error": "bad_client_secret"})
        answer = self.granted.pop(str(form.get("code")), None)
        if answer is None or form.get("redirect_uri") != "https://bot.example.com/slack/oauth_redirect":
            return web.json_response({"ok": False, "error": "invalid_code"})
        return web.json_response(answer)

    async def test(self, request: web.Request) -> web.StreamResponse:
        if (other := await self._instead("auth.test", request)) is not None:
            return other
        if not request.headers.get("Authorization", "").startswith("Bearer xoxb-"):
            return web.json_response({"ok": False, "error": "not_authed"})
        return web.json_response({"ok": True, "bot_id": "B0BOT", "url": "https://team.slack.com/"})

    async def _instead(self, method: str, request: web.Request) -> web.StreamResponse | None:
        self.asked.append(method)
        match self.instead.get(method):
            case None:
                return None
            case "reset":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "half":
                half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
                await half.prepare(request)
                await half.write(b'{"ok": tr')
                assert request.transport is not None
                request.transport.abort()
                return half
            case "hang":
                await asyncio.Event().wait()
                return None
            case "html":
                return web.Response(text="<html>Sign in</html>", content_type="text/html")
            case "error":
                return web.Response(text="<html>Sorry</html>", content_type="text/html", status=503)
            case error:
                return web.json_response({"ok": False, "error": error})


@asynccontextmanager
async def a_consent() -> AsyncIterator[Consent]:
    """It listens while the block lasts."""
    slack = Consent()
    app = web.Application()
    app.router.add_post("/api/oauth.v2.access", slack.access)
    app.router.add_post("/api/auth.test", slack.test)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    slack.port = runner.addresses[0][1]
    try:
        yield slack
    finally:
        await runner.cleanup()
