"""Where the bot was added, and by which token it is spoken for; and who is expected back from a consent in a browser.

The database, and every copy and backup of it, holds tokens sealed by the secret key and bound to their row: whoever
reads one learns none, and one that was moved to another row does not open. A backup without the key (`--with-key` puts
it in) therefore restores to installations that cannot be opened: each is named in one clear sentence, and adding the
bot there once more replaces it.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from bot.keys import CannotUnseal, KeyRing
from bot.workspaces import Installation
from storage import tables
from storage.database import Database

log = structlog.get_logger(__name__)

NONE = ""
"""Stands for "no organisation" and "no workspace" in the key of a row, where NULL would equal nothing."""

_installations = tables.installations
_states = tables.oauth_states
_IN_ORDER = (_installations.c.installed_at, _installations.c.enterprise, _installations.c.workspace)
_LONG_OVER = timedelta(days=1)
"""States are good for minutes: what ends this long before a new one has ended."""


class Installations:
    """The installations of one Reelbot, on every platform that has them."""

    def __init__(self, database: Database, keys: KeyRing) -> None:
        self._database = database
        self._keys = keys

    async def save(self, installation: Installation) -> None:
        """Remember it, in the place of an earlier one of this workspace, or of this organisation as a whole.

        A workspace has one, whether or not its organisation is known: it may have joined one since.
        """
        await self._database.transact("installation", self._save, installation)

    def _save(self, connection: sa.Connection, new: Installation) -> None:
        row = {"platform": new.platform, "enterprise": new.enterprise or NONE, "workspace": new.workspace or NONE}
        connection.execute(_installations.delete().where(_same_place(new.platform, new.workspace, new.enterprise)))
        connection.execute(
            _installations.insert().values(
                **row,
                app=new.app,
                bot_user=new.bot_user,
                bot=new.bot,
                scopes=list(new.scopes),
                sealed_token=self._keys.seal(_purpose(**row), new.token),
                name=new.name,
                installed_by=new.installed_by,
                installed_at=new.installed_at,
            )
        )

    async def find(self, platform: str, workspace: str | None, enterprise: str | None) -> Installation | None:
        """The workspace's own installation, else that of the organisation it belongs to as a whole.

        A workspace is found without its organisation; an organisation's installation only by the organisation's id.
        Raises `CannotUnseal` when there is one whose token no key in force opens.
        """
        own = _same_place(platform, workspace, None) if workspace else sa.false()
        whole = _same_place(platform, None, enterprise) if enterprise else sa.false()
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_installations).where(own | whole).order_by(_installations.c.workspace.desc()).limit(1)
            )
            row = rows.mappings().first()
        return self._opened(row) if row else None

    async def all(self, platform: str) -> list[Installation]:
        """Every installation of a platform, oldest first, without those that `unopenable` names."""
        found = []
        for row in await self._rows(platform):
            try:
                found.append(self._opened(row))
            except CannotUnseal:
                log.warning("installation.cannot_be_opened", platform=platform, where=_place(row))
        return found

    async def unopenable(self, platform: str) -> list[str]:
        """Ids of workspaces and organisations that added the bot, and whose token no key in force opens."""
        return [_place(row) for row in await self._rows(platform) if self._token(row) is None]

    async def forget(
        self, platform: str, workspace: str | None, enterprise: str | None, *, org_wide: bool = False
    ) -> bool:
        """Erase a workspace's own installation, or with `org_wide` the organisation's; says whether there was one.

        The row is gone, and the token with it. The other of the two stays: each is revoked by itself.
        """
        if not (enterprise if org_wide else workspace):
            return False
        place = _same_place(platform, None if org_wide else workspace, enterprise)
        async with self._database.write("installation") as connection:
            deleted = await connection.execute(_installations.delete().where(place))
        return deleted.rowcount > 0

    async def reseal(self) -> int:
        """Seal anew, with the first key, what an older one sealed; returns how many, so that an old key may go.

        What no key in force opens stays as it is: its key may be put back.
        """
        changed = 0
        for row in await self._rows():
            purpose, token = _purpose_of(row), self._token(row)
            if token is None or self._keys.is_sealed_by_first(purpose, row["sealed_token"]):
                continue
            # Only what was looked at: whoever adds the bot once more meanwhile sealed it with the first key already.
            same = _installations.c.sealed_token == row["sealed_token"]
            async with self._database.write("reseal") as connection:
                sealed = self._keys.seal(purpose, token)
                done = await connection.execute(_installations.update().where(same).values(sealed_token=sealed))
            changed += done.rowcount
        return changed

    async def issue_state(self, state: str, expires_at: datetime) -> None:
        """Expect somebody to come back with `state` until then. Only its SHA-256 is kept."""
        async with self._database.write("oauth state") as connection:
            # Most who begin never come back, and anybody may begin.
            await connection.execute(_states.delete().where(_states.c.expires_at < expires_at - _LONG_OVER))
            await connection.execute(_states.insert().values(state=_hashed(state), expires_at=expires_at))

    async def consume_state(self, state: str, now: datetime) -> bool:
        """Whether somebody is expected with `state`: true once, for whoever asks first; every expired one is deleted."""
        async with self._database.write("oauth state") as connection:
            await connection.execute(_states.delete().where(_states.c.expires_at <= now))
            taken = await connection.execute(_states.delete().where(_states.c.state == _hashed(state)))
        return taken.rowcount == 1

    async def _rows(self, platform: str | None = None) -> list[sa.RowMapping]:
        of_it = sa.true() if platform is None else _installations.c.platform == platform
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_installations).where(of_it).order_by(*_IN_ORDER))
            return list(rows.mappings().all())

    def _token(self, row: sa.RowMapping) -> str | None:
        try:
            return self._keys.unseal(_purpose_of(row), row["sealed_token"])
        except CannotUnseal:
            return None

    def _opened(self, row: sa.RowMapping) -> Installation:
        token = self._token(row)
        if token is None:
            raise CannotUnseal(
                f"The access that {row['name'] or _place(row)} gave to Reelbot was sealed with another secret key and "
                f"cannot be opened; put that key back into REELBOT_SECRET_KEY, behind the one in use and a comma, or add "
                f"Reelbot there once more."
            )
        return Installation(
            platform=row["platform"],
            workspace=row["workspace"] or None,
            enterprise=row["enterprise"] or None,
            is_org=row["workspace"] == NONE,
            app=row["app"],
            bot_user=row["bot_user"],
            bot=row["bot"],
            scopes=tuple(row["scopes"]),
            token=token,
            name=row["name"],
            installed_by=row["installed_by"],
            installed_at=row["installed_at"],
        )


def _same_place(platform: str, workspace: str | None, enterprise: str | None) -> sa.ColumnElement[bool]:
    """A workspace by its own id, which no other has; an organisation as a whole by the organisation's."""
    table = _installations.c
    if workspace is not None:
        return sa.and_(table.platform == platform, table.workspace == workspace)
    return sa.and_(table.platform == platform, table.workspace == NONE, table.enterprise == (enterprise or NONE))


def _purpose(platform: str, enterprise: str, workspace: str) -> str:
    """A key of its own for every row: a sealed token that is copied to another workspace's row must not open there."""
    return f"installation.token {platform}:{enterprise}:{workspace}"


def _purpose_of(row: sa.RowMapping) -> str:
    return _purpose(row["platform"], row["enterprise"], row["workspace"])


def _place(row: sa.RowMapping) -> str:
    return str(row["workspace"] or row["enterprise"])


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
