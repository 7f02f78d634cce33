"""The ledger of the database in memory: `storage.ledger` and `storage.limits` for one zone and the settings' own limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from bot.jobs.model import Job, Requester
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
    workspace_scope,
)
from bot.money.limits import DefaultLimits, Period, Standing, require_room, resets_at


@dataclass(slots=True)
class Entry:
    """One row; never changed."""

    id: int
    job_id: str
    kind: EntryKind
    amount: Money
    delta: Delta
    booking: Booking
    hold_id: int | None = None


class Books:
    """Entries, and sums that are kept beside them."""

    def __init__(self, limits: DefaultLimits) -> None:
        self.limits = limits
        self.entries: list[Entry] = []
        self.of_job: dict[str, list[Entry]] = {}
        self.sums: dict[tuple[str, str], tuple[int, int]] = {}
        self._bookings: dict[tuple[Requester, str], Booking] = {}
        self._resets: dict[str, tuple[datetime, datetime]] = {}

    def hold(self, job: Job, amount: Money, now: datetime) -> int:
        """Reserve, or raise `LimitReached` before anything is written."""
        require_room(amount, self.standings(job.requester, now))
        booking = self._booking(job.requester, now)
        return self._write(job.id, EntryKind.HOLD, amount, hold_delta(amount), booking).id

    def settle(self, job: Job, amount: Money) -> None:
        """Take the actual price; without an open hold, what is missing."""
        if job.hold_id is not None:
            hold = self.entries[job.hold_id - 1]
            self._write(job.id, EntryKind.SETTLE, amount, settle_delta(hold.amount, amount), hold.booking, hold.id)
            return
        own = self.of_job.get(job.id, [])
        last = next((entry.booking for entry in reversed(own) if entry.kind is EntryKind.HOLD), None)
        missing = Money(amount - sum(entry.delta.money for entry in own))
        if missing and last is not None:
            self._write(job.id, EntryKind.CORRECTION, missing, correction_delta(missing), last)

    def release(self, job: Job) -> None:
        """Give the open hold back."""
        if job.hold_id is not None:
            hold = self.entries[job.hold_id - 1]
            self._write(job.id, EntryKind.RELEASE, hold.amount, release_delta(hold.amount), hold.booking, hold.id)

    def standings(self, requester: Requester, now: datetime) -> list[Standing]:
        """How every scope with a limit stands."""
        day, month = _day(now), _day(now)[:7]
        limits, resets = self.limits, self._resets_at(now)
        user, workspace = user_scope(requester), workspace_scope(requester)
        rules = (
            (user, day, Period.DAY, limits.user_daily_usd, limits.user_daily_jobs),
            (workspace, month, Period.MONTH, limits.workspace_monthly_usd, None),
            (INSTALLATION, month, Period.MONTH, limits.installation_monthly_usd, None),
        )
        standings = []
        for scope, key, period, usd, jobs in rules:
            used, count = self.sums.get((scope, key), (0, 0))
            standings.append(
                Standing(
                    scope=scope,
                    period=period,
                    limit_usd=usd,
                    limit_jobs=jobs,
                    used_usd=Money(used),
                    used_jobs=count,
                    resets_at=resets[period is Period.MONTH],
                )
            )
        return standings

    def _booking(self, requester: Requester, now: datetime) -> Booking:
        key = (requester, _day(now))
        if key not in self._bookings:
            self._bookings[key] = book(requester, now, workspace_zone=UTC, installation_zone=UTC)  # type: ignore[arg-type]
        return self._bookings[key]

    def _resets_at(self, now: datetime) -> tuple[datetime, datetime]:
        day = _day(now)
        if day not in self._resets:
            self._resets[day] = (resets_at(Period.DAY, now, UTC), resets_at(Period.MONTH, now, UTC))  # type: ignore[arg-type]
        return self._resets[day]

    def _write(
        self, job_id: str, kind: EntryKind, amount: Money, delta: Delta, booking: Booking, hold_id: int | None = None
    ) -> Entry:
        entry = Entry(len(self.entries) + 1, job_id, kind, amount, delta, booking, hold_id)
        self.entries.append(entry)
        self.of_job.setdefault(job_id, []).append(entry)
        if delta.money or delta.jobs:
            for key in booking.sums():
                money, jobs = self.sums.get(key, (0, 0))
                self.sums[key] = (money + int(delta.money), jobs + delta.jobs)
        return entry

    def net(self, job_id: str) -> Money:
        """What a job counts with in every sum."""
        return Money(sum(entry.delta.money for entry in self.of_job.get(job_id, ())) or FREE)


def _day(now: datetime) -> str:
    return now.date().isoformat()
