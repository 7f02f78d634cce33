"""People of the web side: their tokens, who signed in, and what operators did."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from bot.people import Act, ApiToken, Member, Role, TokenScope


class TokenStore(Protocol):
    """Personal tokens. See `storage.api_tokens.ApiTokens`."""

    async def make(
        self,
        person: str,
        scopes: Collection[TokenScope],
        *,
        by: str,
        label: str = "",
        expires_at: datetime | None = None,
    ) -> tuple[ApiToken, str]:
        """A new one, and its secret, which is shown this once."""
        ...

    async def verify(self, secret: str) -> ApiToken | None:
        """The token, while it is good."""
        ...

    async def all(self, person: str | None = None) -> list[ApiToken]:
        """Every one, or a person's, newest first."""
        ...

    async def load(self, token_id: str) -> ApiToken | None:
        """One of them."""
        ...

    async def revoke(self, token_id: str) -> bool:
        """End it; says whether it was good until now."""
        ...


class MemberStore(Protocol):
    """Who signed in through their chat. See `storage.members.Members`."""

    async def sign_in(self, person: str, *, name: str, role: Role, chat_roles: Collection[str] = ()) -> Member:
        """Remember that they did; a role that an operator gave them stays."""
        ...

    async def load(self, person: str) -> Member | None:
        """One of them."""
        ...

    async def all(self) -> list[Member]:
        """Every one, the latest first."""
        ...

    async def give_role(self, person: str, role: Role) -> Member | None:
        """Change what they may; `None` when nobody like that ever signed in."""
        ...

    async def end_sessions(self, person: str) -> None:
        """Whoever is signed in as this person no longer is."""
        ...


class AuditStore(Protocol):
    """What operators and team leads did. See `storage.audit.Audit`."""

    async def add(self, by: str, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Write down one act."""
        ...

    async def page(
        self, *, before: int | None = None, limit: int = 50, by: str | None = None, action: str | None = None,
        subject: str | None = None,
    ) -> list[Act]:  # fmt: skip
        """Acts, newest first, older than the one numbered `before`; of one person, action or subject where given."""
        ...
