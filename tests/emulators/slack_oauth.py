"""Installing the app: the page where somebody allows it, `oauth.v2.access`, the login page, and what ends an installation."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from tests.emulators.desk import Impossible
from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_methods import KNOWN_SCOPES
from tests.emulators.slack_state import Grant, Person, Team
from tests.emulators.vendor_wire import page

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

CODE_LIVES_S = 600


@dataclass(slots=True, kw_only=True)
class Code:
    """Permission of a person, to be exchanged once."""

    team: Team
    org: bool
    person: Person
    scopes: list[str]
    redirect_uri: str | None
    made: float = field(default_factory=time.monotonic)


class OAuth:
    """Grants installations."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._codes: dict[str, Code] = {}

    async def authorize_page(self, request: web.Request) -> web.StreamResponse:
        """What the browser shows; people answer it through the control desk."""
        if error := self._wrong(dict(request.query)):
            self._slack.journal.write("refused", method="authorize", error=error, why=str(dict(request.query)))
            return page(400, f"Something went wrong: {error}")
        return page(200, "An app asks for permission to access the workspace")

    def _wrong(self, query: dict[str, str]) -> str | None:
        settings = self._slack.settings
        scopes = [one for one in query.get("scope", "").split(",") if one]
        allowed = settings["redirect_uris"]
        redirect = query.get("redirect_uri")
        if query.get("client_id") != settings["client_id"]:
            return "invalid_client_id"
        if not scopes or set(scopes) - KNOWN_SCOPES:
            return "invalid_scope"
        if redirect is not None and allowed and not any(redirect.startswith(one) for one in allowed):
            return "bad_redirect_uri"
        if redirect is None and not allowed:
            return "missing redirect_uri"
        return None

    def answer(self, person: Person, query: dict[str, str], *, deny: bool = False, org: bool = False) -> str:
        """Somebody presses Allow or Cancel: where their browser goes next."""
        if error := self._wrong(query):
            raise Impossible(f"the page shows an error: {error}")
        assert person.team is not None
        if person.is_restricted or (org and person.team.enterprise is None):
            raise Impossible(f"{person.name} may not install it so")
        if not query.get("state"):
            self._slack.violation("authorize: without state", query)
        redirect = query.get("redirect_uri") or self._slack.settings["redirect_uris"][0]
        state = {"state": query.get("state", "")}
        if deny:
            return f"{redirect}?{urlencode({'error': 'access_denied', **state})}"
        code = secrets.token_hex(16)
        self._codes[code] = Code(
            team=person.team,
            org=org,
            person=person,
            scopes=[one for one in query["scope"].split(",") if one],
            redirect_uri=query.get("redirect_uri"),
        )
        self._slack.journal.write("allowed", team=person.team.id, person=person.id, org=org, scopes=query["scope"])
        return f"{redirect}?{urlencode({'code': code, **state})}"

    async def access(self, call: Call) -> dict[str, Any]:
        """oauth.v2.access: a code, once, for the app that asked."""
        settings = self._slack.settings
        if call.get("client_id") != settings["client_id"]:
            raise Refused("invalid_client_id")
        if call.get("client_secret") != settings["client_secret"]:
            raise Refused("bad_client_secret")
        if call.get("grant_type", "authorization_code") != "authorization_code":
            raise Refused("invalid_grant_type")
        code = self._codes.pop(call.get("code", ""), None)
        if code is None or time.monotonic() - code.made > CODE_LIVES_S:
            raise Refused("invalid_code")
        if call.get("redirect_uri") != code.redirect_uri:
            raise Refused("bad_redirect_uri")
        grant = self.install(code.team, code.scopes, org=code.org)
        enterprise = code.team.enterprise
        return {
            "app_id": self._slack.world.app_id,
            "authed_user": {"id": code.person.id},
            "scope": ",".join(code.scopes),
            "token_type": "bot",
            "access_token": grant.token,
            "bot_user_id": grant.bot.id,
            "team": None if code.org else {"id": code.team.id, "name": code.team.name},
            "enterprise": {"id": enterprise.id, "name": enterprise.name} if enterprise else None,
            "is_enterprise_install": code.org,
        }

    def install(self, team: Team, scopes: list[str], *, org: bool = False, token: str | None = None) -> Grant:
        """The app is there from now on; an older token of the same place ends."""
        enterprise = team.enterprise if org else None
        grant = self._slack.world.add_grant(
            scopes,
            token=token or f"xoxb-{secrets.randbelow(10**12)}-{secrets.token_hex(12)}",
            name=self._slack.settings["bot_name"],
            team=None if org else team,
            enterprise=enterprise,
            org=org,
        )
        self._slack.journal.write("installed", workspace=grant.key, org=org, scopes=scopes)
        return grant

    def uninstall(self, grant: Grant) -> None:
        """Somebody removes the app: its token ends, and it is told."""
        self._slack.journal.write("uninstalled", workspace=grant.key)
        team = grant.team or next((one for one in self._slack.world.teams.values() if grant.covers(one)), None)
        self._slack.events.uninstalled(grant, team)
        grant.revoked = "account_inactive"
        self._slack.dead_tokens.add(grant.token)
        for channel in self._slack.world.channels.values():
            if channel.person is None:
                channel.members.discard(grant.bot.id)

    async def login(self, request: web.Request) -> web.StreamResponse:
        """Where requests without the right token end: an HTML page with status 200."""
        if "Authorization" in request.headers:
            self._slack.violation("a bearer token was sent along a redirect", request.headers.get("Referer"))
        self._slack.journal.write("login-page", redirect=urlsplit(str(request.url)).query)
        return page(200, "Sign in to Slack")
