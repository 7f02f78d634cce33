"""The pages of consent of Slack (OpenID Connect) and Discord (OAuth 2) on a real socket, strict about what they are sent.

Field names and paths: docs.slack.dev/authentication/sign-in-with-slack and discord.com/developers/docs/topics/oauth2, read
2026-11-22. A person at the browser is `consent`: it opens the address a browser was sent to, and says where it goes on.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "1234.5678"
CLIENT_SECRET = "the-client-secret-of-the-tests"


@dataclass(slots=True, kw_only=True)
class Person:
    """Who sits at the browser."""

    user: str = "U1"
    name: str = "Alice"
    team: str = "T1"
    team_name: str = "The team"
    guilds: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each guild: nick and roles."""


class Consent:
    """Both services behind one address."""

    def __init__(self) -> None:
        self.person = Person()
        self.url = ""
        self.forges_nonce = False
        self.refuses_tokens = False
        self._key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()

    def consent(self, address: str) -> str:
        """Say yes to what the address asks for; returns where the browser is sent back to."""
        parts = urlsplit(address)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert f"{parts.scheme}://{parts.netloc}" == self.url
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert len(asked["state"]) >= 16
        if parts.path == "/openid/connect/authorize":
            assert set(asked["scope"].split()) == {"openid", "profile"}
            assert asked["nonce"]
        else:
            assert parts.path == "/oauth2/authorize"
            assert set(asked["scope"].split()) == {"identify", "guilds", "guilds.members.read"}
            assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def app(self) -> web.Application:
        """The servers' side."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/openid/connect/keys", self._keys)
        app.router.add_post("/api/openid.connect.token", self._token)
        app.router.add_get("/api/openid.connect.userInfo", self._user_info)
        app.router.add_post("/api/v10/oauth2/token", self._token)
        app.router.add_get("/api/v10/users/@me", self._me)
        app.router.add_get("/api/v10/users/@me/guilds", self._guilds)
        app.router.add_get("/api/v10/users/@me/guilds/{guild}/member", self._member)
        return app

    async def _metadata(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/openid/connect/authorize",
                "token_endpoint": f"{self.url}/api/openid.connect.token",
                "userinfo_endpoint": f"{self.url}/api/openid.connect.userInfo",
                "jwks_uri": f"{self.url}/openid/connect/keys",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            }
        )

    async def _keys(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [self._key.as_dict(private=False)]})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        given = (str(form.get("client_id", "")), str(form.get("client_secret", "")))
        scheme, _, pair = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = base64.b64decode(pair).decode().partition(":")
            given = (name, secret)
        # Once only, whatever comes of it.
        asked = self._codes.pop(str(form.get("code")), None)
        if self.refuses_tokens or asked is None or given != (CLIENT_ID, CLIENT_SECRET):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if form.get("grant_type") != "authorization_code" or form.get("redirect_uri") != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_request"}, status=400)
        if (challenge := asked.get("code_challenge")) is not None:
            digest = hashlib.sha256(str(form.get("code_verifier", "")).encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
                return web.json_response({"error": "invalid_grant"}, status=400)
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "scope": asked["scope"]}
        if "nonce" in asked:
            answer |= {"ok": True, "id_token": self._id_token(asked)}
        return web.json_response(answer)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": self.person.user, "aud": CLIENT_ID, "exp": now + 300, "iat": now,
            "nonce": "another" if self.forges_nonce else asked["nonce"],
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self._key)

    def _require(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            raise web.HTTPUnauthorized

    async def _user_info(self, request: web.Request) -> web.Response:
        self._require(request)
        person = self.person
        return web.json_response(
            {
                "ok": True, "sub": person.user, "name": person.name, "https://slack.com/user_id": person.user,
                "https://slack.com/team_id": person.team, "https://slack.com/team_name": person.team_name,
            }
        )  # fmt: skip

    async def _me(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.json_response({"id": self.person.user, "username": "alice", "global_name": self.person.name})

    async def _guilds(self, request: web.Request) -> web.Response:
        self._require(request)
        return web.json_response(self.person.guilds)

    async def _member(self, request: web.Request) -> web.Response:
        self._require(request)
        found = self.person.members.get(request.match_info["guild"])
        return web.json_response(found) if found is not None else web.json_response({"code": 10004}, status=404)


@asynccontextmanager
async def a_consent() -> AsyncIterator[Consent]:
    """Both services on a free port of this machine."""
    consent = Consent()
    runner = web.AppRunner(consent.app())
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        consent.url = f"http://{host}:{port}"
        yield consent
    finally:
        await runner.cleanup()
