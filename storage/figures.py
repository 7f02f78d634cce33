"""How everything stands, in few questions that an index answers: also while a million jobs are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bot.jobs.model import OPERATORS_OWN
from bot.jobs.states import UNFINISHED, State
from bot.money.amount import Money
from bot.money.ledger import INSTALLATION, EntryKind
from bot.money.limits import Limit, Period, figure
from bot.ports import Clock
from bot.telemetry.figures import Budget, Figures, Overcharge
from bot.workspaces import PRIVATE
from storage import tables
from storage.database import Database
from storage.provider_health import ALL, health_from_row

WORKSPACES = 500
"""Budgets of so many workspaces are shown, those seen first: a figure for each of ten thousand helps nobody."""
OVERCHARGES = 100
"""In one reading; the next one goes on."""

_jobs, _sums, _health, _assets, _ledger = (
    tables.jobs.c, tables.ledger_sums.c, tables.provider_health, tables.assets.c, tables.ledger.c,
)  # fmt: skip
_OPEN = (
    sa.select(
        _jobs.state,
        _jobs.provider,
        sa.func.count().label("jobs"),
        sa.func.min(_jobs.queued_at, type_=tables.UtcTime).label("oldest"),
        sa.func.sum(sa.case((_jobs.hold_id.is_not(None), _jobs.held_micro_usd), else_=0)).label("held"),
    )
    .where(_jobs.state.in_([state.value for state in UNFINISHED]))
    .group_by(_jobs.state, _jobs.provider)
)
_SPENT = sa.select(_sums.scope, _sums.period, _sums.micro_usd).where(
    sa.tuple_(_sums.scope, _sums.period).in_(sa.bindparam("wanted", expanding=True))
)
_RULES = sa.select(tables.limits).where(
    sa.or_(tables.limits.c.scope == INSTALLATION, tables.limits.c.scope.startswith("workspace:"))
)
_SERVERS = (
    sa.select(tables.workspaces.c.platform, tables.workspaces.c.workspace, tables.workspaces.c.timezone)
    .where(tables.workspaces.c.standing != "blocked", ~tables.workspaces.c.workspace.startswith(PRIVATE))
    .order_by(tables.workspaces.c.first_seen_at)
    .limit(WORKSPACES)
)
_SPENDING = (
    sa.select(_ledger.workspace_scope)
    .distinct()
    .where(_ledger.installation_day.in_(sa.bindparam("days", expanding=True)))
    .limit(WORKSPACES)
)


class FigureBook:
    """Implements `bot.telemetry.figures.FigureStore`."""

    def __init__(self, database: Database, defaults: Sequence[Limit], clock: Clock, zone: ZoneInfo) -> None:
        """`defaults` are the settings' limits; `zone` is the installation's."""
        self._database = database
        self._defaults = tuple(defaults)
        self._clock = clock
        self._zone = zone

    async def read(self) -> Figures:
        """How everything stands now, on one view of the database."""
        return await self._database.consult(self._read)

    async def media_bytes(self) -> Mapping[str, int]:
        """Bytes of everything that is kept, by kind."""
        question = sa.select(_assets.kind, sa.func.sum(_assets.size_bytes).label("bytes")).group_by(_assets.kind)
        async with self._database.look() as connection:
            return {row.kind: int(row.bytes) for row in await connection.execute(question)}

    async def overcharges(self, after: int | None) -> tuple[int, list[Overcharge]]:
        """Settles above their holds after an entry, oldest first, and where to go on from."""
        async with self._database.look() as connection:
            newest = int((await connection.execute(sa.select(sa.func.max(_ledger.id)))).scalar() or 0)
            if after is None or newest <= after:
                return newest, []
            question = (
                sa.select(_ledger.id, _ledger.job_id, _ledger.micro_usd, _ledger.delta_micro_usd)
                .where(_ledger.id > after, _ledger.id <= newest)
                .where(_ledger.kind == EntryKind.SETTLE.value, _ledger.delta_micro_usd > 0)
                .order_by(_ledger.id)
                .limit(OVERCHARGES)
            )
            rows = (await connection.execute(question)).all()
        found = [
            Overcharge(
                entry=row.id,
                job_id=row.job_id,
                charged=Money(row.micro_usd),
                above=Money(row.delta_micro_usd),
            )
            for row in rows
        ]
        return (found[-1].entry if len(found) == OVERCHARGES else newest), found

    def _read(self, connection: sa.Connection) -> Figures:
        states = {state.value: 0 for state in State if state in UNFINISHED}
        oldest, held = {}, 0
        for row in connection.execute(_OPEN):
            states[row.state] += row.jobs
            held += row.held
            if row.state == State.QUEUED.value and row.oldest is not None:
                oldest[row.provider] = row.oldest
        rows = {row["provider"]: row for row in connection.execute(sa.select(_health)).mappings()}
        everything = rows.pop(ALL, None)
        all_paused = everything is not None and everything["paused_at"] is not None
        return Figures(
            open_jobs=states,
            oldest_queued=oldest,
            held=Money(held),
            budgets=tuple(self._budgets(connection)),
            health={name: health_from_row(name, row, paused=all_paused) for name, row in rows.items()},
            all_paused=all_paused,
        )

    def _budgets(self, connection: sa.Connection) -> list[Budget]:
        rules = {(limit.scope, limit.period): limit for limit in self._defaults}
        for row in connection.execute(_RULES):
            scope_and_period = (row.scope, Period(row.period))
            default = rules.get(scope_and_period)
            money = default.micro_usd if row.micro_usd is None and default is not None else row.micro_usd
            rules[scope_and_period] = Limit(scope=row.scope, period=Period(row.period), micro_usd=money, jobs=row.jobs)
        now = self._clock.now()
        found: dict[tuple[str, str], Budget] = {}
        for scope, zone in self._scopes(connection, now).items():
            for period in Period:
                limit = _limit(rules, scope, period)
                # Where nothing at all may be spent there is nothing to be used up.
                if limit:
                    key = f"{now.astimezone(zone):{'%Y-%m-%d' if period is Period.DAY else '%Y-%m'}}"
                    found[scope, key] = Budget(scope=scope, period=period, key=key, limit=limit, used=Money(0))
        spent = {}
        if found:
            rows = connection.execute(_SPENT, {"wanted": sorted(found)})
            spent = {(row.scope, row.period): Money(row.micro_usd) for row in rows}
        return [
            Budget(scope=each.scope, period=each.period, key=each.key, limit=each.limit, used=spent.get(name, Money(0)))
            for name, each in found.items()
        ]

    def _scopes(self, connection: sa.Connection, now: datetime) -> dict[str, ZoneInfo]:
        """Every pot that is shown, and where its day begins. Direct messages name a person and are none of them."""
        scopes = {f"workspace:{platform}:local": self._zone for platform in sorted(OPERATORS_OWN)}
        days = [f"{(now - timedelta(days=ago)).astimezone(self._zone):%Y-%m-%d}" for ago in (0, 1)]
        for row in connection.execute(_SPENDING, {"days": days}):
            if f":{PRIVATE}" not in row.workspace_scope:
                scopes[row.workspace_scope] = self._zone
        for row in connection.execute(_SERVERS):
            zone = ZoneInfo(row.timezone) if row.timezone else self._zone
            scopes[f"workspace:{row.platform}:{row.workspace}"] = zone
        return {INSTALLATION: self._zone, **scopes}


def _limit(rules: Mapping[tuple[str, Period], Limit], scope: str, period: Period) -> Money | None:
    """The figure in force: the scope's own, else, for a workspace, the one of all. `None`: no limit."""
    groups = [rules.get((scope, period))]
    if scope.startswith("workspace:"):
        groups.append(rules.get(("workspace:default", period)))
    found = figure([[rule.micro_usd] for rule in groups if rule is not None])
    return None if found is None else Money(found)
