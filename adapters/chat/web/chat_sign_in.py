"""Signing in through a chat: Slack by OpenID Connect, Discord by OAuth 2 (decision 0039). Authlib speaks the protocols.

What a chat tells us is who somebody is, and where they belong; they become the person they are there, with that
person's jobs, limits and blocks. Sources, read 2026-11-22: docs.slack.dev/authentication/sign-in-with-slack,
discord.com/developers/docs/topics/oauth2.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.people import Role

TIMEOUT_S: Final = 10.0
MANAGE_GUILD: Final = 0x20
ADMINISTRATOR: Final = 0x8


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Somebody in one workspace or server."""

    platform: str
    workspace: str
    workspace_name: str
    user: str
    name: str
    role: Role
    chat_roles: tuple[str, ...] = ()

    @property
    def person(self) -> str:
        """Like `slack:T1:U2`."""
        return f"{self.platform}:{self.workspace}:{self.user}"


class ChatSignIn(Protocol):
    """One chat that people may sign in through."""

    name: str
    title: str

    async def begin(self, request: Request, redirect_uri: str) -> Response:
        """Send the browser there."""
        ...

    async def finish(self, request: Request) -> str:
        """Trade what it brought back for a token, which is worth nothing but for `memberships`."""
        ...

    async def memberships(self, token: str) -> Sequence[Membership]:
        """Where the person belongs; several on Discord."""
        ...

    async def complete(self, token: str, chosen: Membership) -> Membership:
        """The same with everything that is asked for one of them only."""
        ...


def _client(name: str, **settings: Any) -> Any:
    with warnings.catch_warnings():
        # Authlib prefers the successor of httpx; ours is pinned, and the same API.
        warnings.simplefilter("ignore")
        from authlib.integrations.starlette_client import OAuth

        settings["client_kwargs"] = {"timeout": TIMEOUT_S, "trust_env": True, **settings["client_kwargs"]}
        return OAuth().register(name, **settings)


class _Consent:
    """There and back again: what is the same at both."""

    _client: Any

    async def begin(self, request: Request, redirect_uri: str) -> Response:
        """Send the browser there: with a state, and with a nonce (Slack) or a proof key (Discord)."""
        answer: Response = await self._client.authorize_redirect(request, redirect_uri)
        return answer

    async def finish(self, request: Request) -> str:
        """The access token; of an id token the signature and the nonce are verified on the way."""
        token = await self._client.authorize_access_token(request)
        return str(token["access_token"])


class SlackSignIn(_Consent):
    """Sign in with Slack (OpenID Connect). A person belongs to the one workspace they chose there."""

    name = "slack"
    title = "Slack"

    def __init__(self, *, client_id: str, client_secret: str, api_url: str, role: Role) -> None:
        self._role = role
        parts = urlsplit(api_url)
        self._client = _client(
            "slack", client_id=client_id, client_secret=client_secret,
            server_metadata_url=f"{parts.scheme}://{parts.netloc}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid profile"},
        )  # fmt: skip

    async def memberships(self, token: str) -> Sequence[Membership]:
        """The one workspace."""
        found = await self._client.userinfo(token={"access_token": token, "token_type": "Bearer"})
        team, user = found.get("https://slack.com/team_id"), found.get("https://slack.com/user_id")
        if not isinstance(team, str) or not isinstance(user, str):
            return []
        title = str(found.get("https://slack.com/team_name") or team)
        name = str(found.get("name") or user)
        return [
            Membership(platform="slack", workspace=team, workspace_name=title, user=user, name=name, role=self._role)
        ]

    async def complete(self, token: str, chosen: Membership) -> Membership:
        """There is no more to ask: Slack does not say here who is an admin; an operator gives that role."""
        return chosen


class DiscordSignIn(_Consent):
    """Sign in with Discord (OAuth 2). A person chooses one of the servers that they share with us."""

    name = "discord"
    title = "Discord"

    def __init__(self, *, client_id: str, client_secret: str, api_url: str, role: Role) -> None:
        self._role = role
        self._api = api_url.rstrip("/")
        parts = urlsplit(api_url)
        self._client = _client(
            "discord", client_id=client_id, client_secret=client_secret,
            authorize_url=f"{parts.scheme}://{parts.netloc}/oauth2/authorize",
            access_token_url=f"{self._api}/oauth2/token",
            client_kwargs={"scope": "identify guilds guilds.members.read", "code_challenge_method": "S256"},
        )  # fmt: skip

    async def memberships(self, token: str) -> Sequence[Membership]:
        """Every server they are in; the caller leaves those where we are."""
        me = await self._get(token, "/users/@me")
        user, name = str(me["id"]), str(me.get("global_name") or me.get("username") or me["id"])
        return [
            Membership(
                platform="discord", workspace=str(guild["id"]), workspace_name=str(guild.get("name") or guild["id"]),
                user=user, name=name, role=Role.TEAM_LEAD if _leads(guild) else self._role,
            )
            for guild in await self._get(token, "/users/@me/guilds")
        ]  # fmt: skip

    async def complete(self, token: str, chosen: Membership) -> Membership:
        """With their roles there, which may carry an allowance, and the name they go by."""
        found = await self._get(token, f"/users/@me/guilds/{chosen.workspace}/member")
        return Membership(
            platform="discord", workspace=chosen.workspace, workspace_name=chosen.workspace_name, user=chosen.user,
            name=str(found.get("nick") or chosen.name), role=chosen.role,
            chat_roles=tuple(str(each) for each in found.get("roles", ())),
        )  # fmt: skip

    async def _get(self, token: str, path: str) -> Any:
        answer = await self._client.get(f"{self._api}{path}", token={"access_token": token, "token_type": "Bearer"})
        answer.raise_for_status()
        return answer.json()


def _leads(guild: dict[str, Any]) -> bool:
    """Manage Server, which is what makes a team lead on Discord (DESIGN §5)."""
    held = int(guild.get("permissions") or 0)
    return bool(guild.get("owner")) or bool(held & (MANAGE_GUILD | ADMINISTRATOR))
