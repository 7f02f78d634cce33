"""Stored limits, and which figures are in force for a requester. Stored limits win over settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bot.jobs.model import Requester
from bot.money.amount import Money
from bot.money.ledger import INSTALLATION, channel_scope, role_scopes, user_scope, workspace_scope
from bot.money.limits import DefaultLimits, Limit, Period, figure, personal, resets_at
from storage import tables
from storage.database import Database

_limits = tables.limits


_OF_SCOPES = sa.select(_limits).where(_limits.c.scope.in_(sa.bindparam("asked", expanding=True)))
_ZONE = sa.select(tables.workspaces.c.timezone).where(
    tables.workspaces.c.platform == sa.bindparam("of_platform"),
    tables.workspaces.c.workspace == sa.bindparam("of_workspace"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInForce:
    """What applies to one scope in one period; `key` is the period as the sums name it."""

    scope: str
    period: Period
    key: str
    limit_usd: Money | None
    limit_jobs: int | None
    resets_at: datetime


class Limits:
    """The limits of one installation."""

    def __init__(self, database: Database, defaults: DefaultLimits) -> None:
        self._database = database
        self._defaults = {(limit.scope, limit.period): limit for limit in defaults.as_limits()}

    async def put(self, limit: Limit) -> None:
        """Set, or replace, the rule of one scope and period."""
        values = {"micro_usd": limit.micro_usd, "jobs": limit.jobs}
        where = sa.and_(_limits.c.scope == limit.scope, _limits.c.period == limit.period.value)
        async with self._database.write("limit") as connection:
            await connection.execute(_limits.delete().where(where))
            if limit.micro_usd is not None or limit.jobs is not None:
                await connection.execute(
                    _limits.insert().values(scope=limit.scope, period=limit.period.value, **values)
                )

    async def remove(self, scope: str) -> int:
        """Remove every rule of a scope; returns how many there were."""
        async with self._database.write("limit") as connection:
            gone = await connection.execute(_limits.delete().where(_limits.c.scope == scope))
            return gone.rowcount

    async def stored(self) -> list[Limit]:
        """Every stored rule."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_limits).order_by(_limits.c.scope, _limits.c.period))
            return [_from_row(row) for row in rows.mappings()]

    def defaults(self) -> list[Limit]:
        """The settings' own figures, in force where nothing is stored."""
        return list(self._defaults.values())

    def zone(self, connection: sa.Connection, requester: Requester, fallback: ZoneInfo) -> ZoneInfo:
        """The workspace's zone, else the installation's."""
        where = {"of_platform": requester.platform, "of_workspace": requester.workspace}
        name = (connection.execute(_ZONE, where)).scalar()
        return ZoneInfo(name) if name else fallback

    def in_force(
        self,
        connection: sa.Connection,
        requester: Requester,
        now: datetime,
        workspace_zone: ZoneInfo,
        installation_zone: ZoneInfo,
    ) -> list[RuleInForce]:
        """Every scope and period a job of this requester counts in, with the figures that apply."""
        workspace, channel, user = workspace_scope(requester), channel_scope(requester), user_scope(requester)
        roles = role_scopes(requester)
        asked = [INSTALLATION, workspace, "workspace:default", user, "user:default", *roles] + (
            [channel] if channel else []
        )
        found = connection.execute(_OF_SCOPES, {"asked": asked})
        rules = {(limit.scope, limit.period): limit for limit in map(_from_row, found.mappings())}

        def find(scope: str, period: Period) -> Limit | None:
            stored, default = rules.get((scope, period)), self._defaults.get((scope, period))
            if stored is None or default is None:
                return stored or default
            return Limit(
                scope=scope,
                period=period,
                micro_usd=default.micro_usd if stored.micro_usd is None else stored.micro_usd,
                jobs=default.jobs if stored.jobs is None else stored.jobs,
            )

        in_force = []
        for period in Period:
            pots = [(user, personal(user, roles, period, find)), (workspace, _pot(find, period, workspace))]
            pots += [(channel, _pot(find, period, channel))] if channel else []
            pots.append((INSTALLATION, _pot(find, period, INSTALLATION)))
            for scope, (micro_usd, count) in pots:
                own_zone = installation_zone if scope == INSTALLATION else workspace_zone
                in_force.append(
                    RuleInForce(
                        scope=scope,
                        period=period,
                        key=f"{now.astimezone(own_zone):{'%Y-%m-%d' if period is Period.DAY else '%Y-%m'}}",
                        limit_usd=None if micro_usd is None else Money(micro_usd),
                        limit_jobs=count,
                        resets_at=resets_at(period, now, own_zone),
                    )
                )
        return in_force


def _pot(find: Callable[[str, Period], Limit | None], period: Period, scope: str) -> tuple[int | None, int | None]:
    own = find(scope, period)
    default = find("workspace:default", period) if scope.startswith("workspace:") else None
    rules = [[rule] for rule in (own, default) if rule is not None]
    return (
        figure([[rule.micro_usd for rule in group] for group in rules]),
        figure([[rule.jobs for rule in group] for group in rules]),
    )


def _from_row(row: sa.RowMapping) -> Limit:
    values = row
    return Limit(
        scope=values["scope"], period=Period(values["period"]), micro_usd=values["micro_usd"], jobs=values["jobs"]
    )
