"""Workspaces and people: where money may be spent, and who may not ask."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.jobs.model import OPERATORS_OWN, Requester
from bot.ports import Clock
from bot.workspaces import PRIVATE, Permission, Workspace
from storage import tables
from storage.database import Database

_workspaces = tables.workspaces
_blocked = tables.blocked_people
_KNOWN = sa.select(_workspaces).where(
    _workspaces.c.platform == sa.bindparam("of_platform"), _workspaces.c.workspace == sa.bindparam("of_workspace")
)
_BLOCKED = sa.select(_blocked.c.person).where(_blocked.c.person == sa.bindparam("of_person"))
_all, _one = tables.workspace_settings.c, tables.channel_settings.c
_OF_ALL = sa.select(_all.key, _all.value).where(
    _all.platform == sa.bindparam("of_platform"), _all.workspace == sa.bindparam("of_workspace")
)
_OF_ONE = sa.select(_one.key, _one.value).where(
    _one.platform == sa.bindparam("of_platform"),
    _one.workspace == sa.bindparam("of_workspace"),
    _one.channel == sa.bindparam("of_channel"),
)


class Workspaces:
    """The workspaces and blocked people of one installation."""

    def __init__(self, database: Database, clock: Clock, allowed_by_settings: frozenset[str]) -> None:
        self._database = database
        self._clock = clock
        self._allowed_by_settings = allowed_by_settings

    async def see(self, requester: Requester, name: str | None = None) -> Permission:
        """Note that a workspace exists, and say whether money may be spent there.

        The operator's own (CLI, API, studio) are allowed and leave no row. The first server a new installation ever
        sees is allowed, later ones are pending, unless the settings name them.
        """
        if (known := await self._database.consult(self.known, requester)) is not None:
            return known
        async with self._database.write("workspace") as connection:
            # Somebody else may have noted it meanwhile.
            if (known := await connection.run_sync(self.known, requester)) is not None:
                return known
            others = await connection.execute(
                sa.select(sa.func.count()).where(
                    _workspaces.c.platform == requester.platform, ~_workspaces.c.workspace.startswith(PRIVATE)
                )
            )
            is_server = requester.platform == "discord" and not requester.workspace.startswith(PRIVATE)
            first = is_server and others.scalar_one() == 0
            allowed = first or self._is_named(requester.platform, requester.workspace)
            permission = Permission.ALLOWED if allowed else Permission.PENDING
            await connection.execute(
                _workspaces.insert().values(
                    platform=requester.platform,
                    workspace=requester.workspace,
                    name=name,
                    standing=permission.value,
                    first_seen_at=self._clock.now(),
                )
            )
        return permission

    def known(self, connection: sa.Connection, requester: Requester) -> Permission | None:
        """Whether money may be spent there, on a view that is open already; `None` for a workspace not seen yet."""
        if requester.platform in OPERATORS_OWN:
            return Permission.ALLOWED
        where = {"of_platform": requester.platform, "of_workspace": requester.workspace}
        row = connection.execute(_KNOWN, where).first()
        return None if row is None else self._standing(row)

    def _standing(self, row: sa.Row[Any]) -> Permission:
        permission = Permission(row.standing)
        if permission is Permission.PENDING and self._is_named(row.platform, row.workspace):
            return Permission.ALLOWED
        return permission

    def _is_named(self, platform: str, workspace: str) -> bool:
        return bool({"*", f"{platform}:{workspace}", workspace} & self._allowed_by_settings)

    async def settings(self, platform: str, workspace: str, channel: str | None = None) -> dict[str, Any]:
        """What its team lead chose, by key; the channel's own choice goes before the workspace's."""
        return await self._database.consult(_settings, platform, workspace, channel)

    async def choose(self, platform: str, workspace: str, key: str, value: Any, *, channel: str | None = None) -> None:
        """Remember a choice for a workspace or one of its channels; `None` takes it back."""
        table = tables.workspace_settings if channel is None else tables.channel_settings
        where = {"platform": platform, "workspace": workspace, "key": key}
        where |= {} if channel is None else {"channel": channel}
        async with self._database.write("setting") as connection:
            await connection.execute(table.delete().filter_by(**where))
            if value is not None:
                await connection.execute(table.insert().values(**where, value=value))

    async def put(self, platform: str, workspace: str, permission: Permission) -> None:
        """Allow or block a workspace, also one not seen yet."""
        key = {"platform": platform, "workspace": workspace}
        async with self._database.write("workspace") as connection:
            known = (await connection.execute(sa.select(_workspaces).filter_by(**key))).first()
            if known is None:
                await connection.execute(
                    _workspaces.insert().values(**key, standing=permission.value, first_seen_at=self._clock.now())
                )
            else:
                await connection.execute(_workspaces.update().filter_by(**key).values(standing=permission.value))

    async def all(self) -> list[Workspace]:
        """Every workspace ever seen, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_workspaces).order_by(_workspaces.c.first_seen_at))
            return [
                Workspace(
                    platform=row.platform,
                    workspace=row.workspace,
                    name=row.name,
                    permission=self._standing(row),
                    timezone=row.timezone,
                    first_seen_at=row.first_seen_at,
                )
                for row in rows
            ]

    async def block(self, person: str) -> None:
        """This person's requests are refused from now on."""
        async with self._database.write("block") as connection:
            await connection.execute(_blocked.delete().where(_blocked.c.person == person))
            await connection.execute(_blocked.insert().values(person=person, at=self._clock.now()))

    async def unblock(self, person: str) -> None:
        """Lift a block; harmless without one."""
        async with self._database.write("block") as connection:
            await connection.execute(_blocked.delete().where(_blocked.c.person == person))

    async def is_blocked(self, person: str) -> bool:
        """Whether this person's requests are refused."""
        return await self._database.consult(blocked, person)


def blocked(connection: sa.Connection, person: str) -> bool:
    """Whether this person's requests are refused, on a view that is open already."""
    return connection.execute(_BLOCKED, {"of_person": person}).first() is not None


def _settings(connection: sa.Connection, platform: str, workspace: str, channel: str | None) -> dict[str, Any]:
    place = {"of_platform": platform, "of_workspace": workspace, "of_channel": channel}
    found = {row.key: row.value for row in connection.execute(_OF_ALL, place)}
    if channel is not None:
        found |= {row.key: row.value for row in connection.execute(_OF_ONE, place)}
    return found
