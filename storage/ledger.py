"""The ledger: append-only entries, and sums that are kept in the same transaction.

Holding checks every limit and writes the hold in the caller's serialised transaction, so no interleaving of commands
can exceed a limit. It fails closed: when a standing cannot be read, nothing is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.jobs.model import Job, Requester
from bot.keeping.pseudonyms import Pseudonyms
from bot.money.amount import FREE, Money
from bot.money.ledger import (
    INSTALLATION,
    Booking,
    Delta,
    EntryKind,
    book,
    correction_delta,
    hold_delta,
    release_delta,
    settle_delta,
    user_scope,
)
from bot.money.limits import Standing, require_room
from bot.ports import Clock
from storage import tables
from storage.database import MONEY, Database, new_row_id
from storage.limits import Limits

_ledger = tables.ledger
_sums = tables.ledger_sums


_INSERT = _ledger.insert()
_HOLD = sa.select(_ledger).where(_ledger.c.id == sa.bindparam("of_id"))
_SUMS = sa.select(_sums).where(sa.tuple_(_sums.c.scope, _sums.c.period).in_(sa.bindparam("wanted", expanding=True)))
_ADD = sa.text(
    "INSERT INTO ledger_sums (scope, period, micro_usd, jobs) VALUES (:scope, :period, :money, :jobs) "
    "ON CONFLICT (scope, period) DO UPDATE SET micro_usd = ledger_sums.micro_usd + excluded.micro_usd, "
    "jobs = ledger_sums.jobs + excluded.jobs"
)


class Ledger:
    """Holds, settles, releases, corrections; and how every scope stands."""

    def __init__(
        self, database: Database, limits: Limits, clock: Clock, zone: ZoneInfo, pseudonyms: Pseudonyms | None = None
    ) -> None:
        self._pseudonyms = pseudonyms or Pseudonyms()
        self._database = database
        self._limits = limits
        self._clock = clock
        self._zone = zone

    def hold(self, connection: sa.Connection, job: Job, amount: Money) -> int:
        """Reserve; returns the entry's id. Raises `LimitReached` before writing anything."""
        workspace_zone = self._limits.zone(connection, job.requester, self._zone)
        require_room(amount, self._standings(connection, job.requester, workspace_zone))
        now = self._clock.now()
        booking = book(job.requester, now, workspace_zone=workspace_zone, installation_zone=self._zone)
        return _write(connection, job.id, EntryKind.HOLD, amount, hold_delta(amount), booking, now)

    def settle(self, connection: sa.Connection, job: Job, amount: Money) -> None:
        """Take the actual price. A job whose hold is closed already (late proof) is booked as a correction."""
        now = self._clock.now()
        if job.hold_id is not None:
            held, booking = _hold(connection, job.hold_id)
            _write(
                connection, job.id, EntryKind.SETTLE, amount, settle_delta(held, amount), booking, now,
                hold_id=job.hold_id,
            )  # fmt: skip
            return
        last = _last_booking(connection, job.id)
        booked = _booked(connection, job.id)
        missing = Money(amount - booked)
        if missing and last is not None:
            _write(
                connection, job.id, EntryKind.CORRECTION, missing, correction_delta(missing), last, now,
                reason="proof of a charge that arrived late",
            )  # fmt: skip

    def release(self, connection: sa.Connection, job: Job, reason: str) -> None:
        """Give the open hold back. Harmless when there is none."""
        if job.hold_id is None:
            return
        held, booking = _hold(connection, job.hold_id)
        _write(
            connection, job.id, EntryKind.RELEASE, held, release_delta(held), booking, self._clock.now(),
            hold_id=job.hold_id, reason=reason,
        )  # fmt: skip

    async def correct(self, job_id: str, amount: Money, *, by: str, reason: str) -> bool:
        """An operator's later entry: a signed amount on top of what was booked. False when nothing was ever held."""
        async with self._database.write("correction", among=(MONEY,)) as connection:
            booking = await connection.run_sync(_last_booking, job_id)
            if booking is None:
                return False
            await connection.run_sync(
                _write, job_id, EntryKind.CORRECTION, amount, correction_delta(amount), booking,
                self._clock.now(), reason=f"{by}: {reason}",
            )  # fmt: skip
        return True

    async def standings(self, requester: Requester) -> list[Standing]:
        """How every scope this person's next job would count in stands now."""
        return await self._database.consult(self.standings_now, requester)

    def standings_now(self, connection: sa.Connection, requester: Requester) -> list[Standing]:
        """The same on a view that is open already."""
        return self._standings(connection, requester, self._limits.zone(connection, requester, self._zone))

    def _standings(self, connection: sa.Connection, requester: Requester, workspace_zone: ZoneInfo) -> list[Standing]:
        rules = self._limits.in_force(connection, requester, self._clock.now(), workspace_zone, self._zone)
        own = user_scope(requester)
        # What somebody spent before asking to be forgotten still counts, until the month ends.
        also = {own: self._pseudonyms.scopes(requester.person)}
        counted = {rule.scope: (rule.scope, *also.get(rule.scope, ())) for rule in rules}
        wanted = {(scope, rule.key) for rule in rules for scope in counted[rule.scope]}
        used: dict[tuple[str, str], tuple[int, int]] = {}
        if wanted:
            found = connection.execute(_SUMS, {"wanted": sorted(wanted)})
            used = {(row.scope, row.period): (row.micro_usd, row.jobs) for row in found}
        standings = []
        for rule in rules:
            sums = [used.get((scope, rule.key), (0, 0)) for scope in counted[rule.scope]]
            micro_usd, count = sum(money for money, _ in sums), sum(jobs for _, jobs in sums)
            standings.append(
                Standing(
                    scope=rule.scope,
                    period=rule.period,
                    limit_usd=rule.limit_usd,
                    limit_jobs=rule.limit_jobs,
                    used_usd=Money(micro_usd),
                    used_jobs=count,
                    resets_at=rule.resets_at,
                )
            )
        return standings

    async def entries(self, job_id: str) -> list[Mapping[str, Any]]:
        """Every entry of a job, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_ledger).where(_ledger.c.job_id == job_id).order_by(_ledger.c.id))
            return [dict(row) for row in rows.mappings()]

    async def open_holds(self, job_id: str) -> Money:
        """What is reserved for a job and neither settled nor released."""
        entries = await self.entries(job_id)
        closed = {entry["hold_id"] for entry in entries if entry["hold_id"] is not None}
        still = (e["micro_usd"] for e in entries if e["kind"] == EntryKind.HOLD and e["id"] not in closed)
        return Money(sum(still))


def _write(
    connection: sa.Connection,
    job_id: str,
    kind: EntryKind,
    amount: Money,
    delta: Delta,
    booking: Booking,
    now: datetime,
    *,
    hold_id: int | None = None,
    reason: str | None = None,
) -> int:
    row = asdict(booking) | {"job_id": job_id, "kind": kind.value, "hold_id": hold_id, "reason": reason, "at": now}
    row |= {"micro_usd": int(amount), "delta_micro_usd": int(delta.money), "delta_jobs": delta.jobs}
    inserted = connection.execute(_INSERT, row)
    entry_id = new_row_id(inserted)
    if delta.money or delta.jobs:
        connection.execute(
            _ADD,
            [
                {"scope": scope, "period": period, "money": int(delta.money), "jobs": delta.jobs}
                for scope, period in booking.sums()
            ],
        )
    return entry_id


def _booking(row: Any) -> Booking:
    return Booking(
        workspace_scope=row.workspace_scope,
        channel_scope=row.channel_scope,
        user_scope=row.user_scope,
        day=row.day,
        month=row.month,
        installation_day=row.installation_day,
        installation_month=row.installation_month,
    )


def _hold(connection: sa.Connection, hold_id: int) -> tuple[Money, Booking]:
    row = (connection.execute(_HOLD, {"of_id": hold_id})).one()
    return Money(row.micro_usd), _booking(row)


def _last_booking(connection: sa.Connection, job_id: str) -> Booking | None:
    row = (
        connection.execute(
            sa.select(_ledger)
            .where(_ledger.c.job_id == job_id, _ledger.c.kind == EntryKind.HOLD.value)
            .order_by(_ledger.c.id.desc())
        )
    ).first()
    return _booking(row) if row else None


def _booked(connection: sa.Connection, job_id: str) -> Money:
    total = connection.execute(sa.select(sa.func.sum(_ledger.c.delta_micro_usd)).where(_ledger.c.job_id == job_id))
    return Money(total.scalar() or FREE)


async def unequal_sums(connection: AsyncConnection) -> list[tuple[str, str]]:
    """Scopes and periods whose kept sum differs from their entries: always empty, checked by `doctor` and the tests."""
    kept = {(row.scope, row.period): (row.micro_usd, row.jobs) for row in await connection.execute(sa.select(_sums))}
    added: dict[tuple[str, str], tuple[int, int]] = {}
    for row in await connection.execute(sa.select(_ledger)):
        for key in _booking(row).sums():
            money, count = added.get(key, (0, 0))
            added[key] = (money + row.delta_micro_usd, count + row.delta_jobs)
    nothing = (0, 0)
    return sorted(key for key in kept | added if kept.get(key, nothing) != added.get(key, nothing))


__all__ = ["INSTALLATION", "Ledger", "unequal_sums"]
