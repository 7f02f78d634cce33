"""Who signs in to the web side, and what they may do there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.errors import BadPrompt
from bot.jobs.as_json import moment
from bot.jobs.model import ON_THE_PAGE, Requester

OPERATORS_NAME = "admin"
"""The user of the admin token: the person `api:admin`."""
PERSON = r"(?:api:)?[A-Za-z0-9._@+-]{1,100}|(?:slack|discord):[A-Za-z0-9._@+-]{1,50}:[A-Za-z0-9._@+-]{1,50}"
"""How people of the page, the API and the chats are written, as a regular expression."""


class Role(StrEnum):
    """A ladder: each may what those before may."""

    VIEWER = "viewer"
    """Sees their own jobs and clips."""
    MEMBER = "member"
    """Starts jobs, and decides over their own."""
    TEAM_LEAD = "team_lead"
    """Sees their workspace's jobs, cancels and deletes them, and sets limits within it."""
    OPERATOR = "operator"
    """Everything."""

    def reaches(self, other: Role) -> bool:
        """Whether this role may what `other` may."""
        ladder = list(Role)
        return ladder.index(self) >= ladder.index(other)


class TokenScope(StrEnum):
    """What a personal token may be used for."""

    READ = "jobs:read"
    WRITE = "jobs:write"
    """Starting jobs and deciding over them; reading, too."""
    ADMIN = "admin"
    """Everything an operator may."""


SCOPE_ROLES = {TokenScope.READ: Role.VIEWER, TokenScope.WRITE: Role.MEMBER, TokenScope.ADMIN: Role.OPERATOR}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A personal token, without its secret: that is shown once, and only its hash is kept."""

    id: str
    person: str
    """Like `api:alice` or `slack:T1:U2`."""
    scopes: tuple[TokenScope, ...]
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """To the hour."""
    revoked_at: datetime | None = None

    @property
    def role(self) -> Role:
        """What its scopes amount to."""
        return max((SCOPE_ROLES[scope] for scope in self.scopes), key=list(Role).index, default=Role.VIEWER)

    def is_good(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Somebody who signed in through their chat."""

    person: str
    name: str
    role: Role
    chat_roles: tuple[str, ...] = ()
    """Role ids of their chat that may carry a personal allowance (Discord), as of the last time they signed in."""
    first_seen_at: datetime
    signed_in_at: datetime
    sessions_from: datetime
    """Sessions that began before are over."""


def web_requester(person: str, *, roles: tuple[str, ...] = (), locale: str | None = None) -> Requester:
    """`person` as they ask on the page or by a token: `alice` and `api:alice`, `slack:T1:U2`, `discord:1:7`.

    `BadPrompt` for anything else. What people of a chat ask for here counts as if they had asked there, and stays here.
    """
    if re.fullmatch(PERSON, person):
        platform, *rest = person.split(":")
        if len(rest) == 2:
            workspace, user = rest
            return Requester(
                platform=platform, workspace=workspace, user=user, roles=roles, locale=locale, anchor=ON_THE_PAGE
            )
        return Requester(platform="api", workspace="local", user=rest[0] if rest else platform, locale=locale)
    raise BadPrompt(
        f"{person[:80]!r} names nobody; a person is written like alice, slack:T1:U2 or discord:1:7 "
        "(letters, digits, dots, dashes and underscores)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something an operator or a team lead did, as the audit trail keeps it."""

    id: int
    at: datetime
    by: str
    action: str
    """Like `limit.set` or `workspace.allowed`."""
    subject: str
    details: dict[str, Any]


def token_as_json(token: ApiToken) -> dict[str, Any]:
    """A token without its secret."""
    return {
        "id": token.id,
        "user": token.person,
        "scopes": [scope.value for scope in token.scopes],
        "label": token.label,
        "created_by": token.created_by,
        "created_at": moment(token.created_at),
        "expires_at": moment(token.expires_at),
        "last_used_at": moment(token.last_used_at),
        "revoked_at": moment(token.revoked_at),
    }
