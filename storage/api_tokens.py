"""Personal tokens of the API. Of a secret only its SHA-256 is kept: 256 random bits need no slower hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.people import ApiToken, TokenScope
from bot.ports import Clock
from storage import tables
from storage.database import Database

_tokens = tables.api_tokens
_BY_ID = sa.select(_tokens).where(_tokens.c.id == sa.bindparam("of_id"))

PREFIX = "rbt_"
"""How every personal token begins, so that people and scanners of leaked secrets know one when they see it."""
USED_EVERY = timedelta(hours=1)
"""How exactly the last use is written down; every request would be a write otherwise."""


class ApiTokens:
    """Implements `bot.stores.TokenStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def make(
        self,
        person: str,
        scopes: Collection[TokenScope],
        *,
        by: str,
        label: str = "",
        expires_at: datetime | None = None,
    ) -> tuple[ApiToken, str]:
        """A new token of `person`, and its secret: `rbt_<id>_<43 characters>`, which is nowhere afterwards."""
        token_id = secrets.token_hex(6)
        secret = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
        row = {
            "id": token_id, "person": person, "digest": _digest(secret), "label": label, "created_by": by,
            "scopes": sorted(set(scopes)), "created_at": self._clock.now(), "expires_at": expires_at,
            "last_used_at": None, "revoked_at": None,
        }  # fmt: skip
        async with self._database.write("token") as connection:
            await connection.execute(_tokens.insert().values(row))
        return _token(row), secret

    async def verify(self, secret: str) -> ApiToken | None:
        """The token whose secret this is, while it is good. Compares in constant time, also for a token there is not."""
        token_id = secret.removeprefix(PREFIX).partition("_")[0] if secret.startswith(PREFIX) else ""
        row = await self._row(token_id)
        expected = row["digest"] if row is not None else _digest("")
        if not hmac.compare_digest(_digest(secret), expected) or row is None:
            return None
        token, now = _token(row), self._clock.now()
        if not token.is_good(now):
            return None
        if token.last_used_at is None or abs(now - token.last_used_at) >= USED_EVERY:
            async with self._database.write("token used", among=()) as connection:
                await connection.execute(_tokens.update().where(_tokens.c.id == token.id).values(last_used_at=now))
        return token

    async def all(self, person: str | None = None) -> list[ApiToken]:
        """Every token, or a person's, newest first; revoked and expired ones among them."""
        chosen = sa.select(_tokens).order_by(_tokens.c.created_at.desc(), _tokens.c.id)
        if person is not None:
            chosen = chosen.where(_tokens.c.person == person)
        async with self._database.look() as connection:
            return [_token(row) for row in (await connection.execute(chosen)).mappings()]

    async def load(self, token_id: str) -> ApiToken | None:
        """One token, whether it is good or not."""
        row = await self._row(token_id)
        return _token(row) if row is not None else None

    async def revoke(self, token_id: str) -> bool:
        """End a token for good, from the next request on; False when it had ended, or never was."""
        now = self._clock.now()
        async with self._database.write("token revoked") as connection:
            changed = await connection.execute(
                _tokens.update().where(_tokens.c.id == token_id, _tokens.c.revoked_at.is_(None)).values(revoked_at=now)
            )
            return changed.rowcount > 0

    async def _row(self, token_id: str) -> sa.RowMapping | None:
        async with self._database.look() as connection:
            return (await connection.execute(_BY_ID, {"of_id": token_id})).mappings().first()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _token(row: sa.RowMapping | dict[str, object]) -> ApiToken:
    columns = {name: row[name] for name in ApiToken.__dataclass_fields__ if name != "scopes"}
    scopes = row["scopes"]
    assert isinstance(scopes, list)
    return ApiToken(scopes=tuple(TokenScope(scope) for scope in scopes), **columns)  # type: ignore[arg-type]  # by name
