"""The watch: once a minute it looks for what an operator should hear of, in the process that runs the engine.

It looks at how things stand instead of waiting to be told, so that a restart or a deaf place loses nothing: what still
stands is found again, and is told once a day.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from bot.alerts import Alerts
from bot.errors import DatabaseCorrupt, DiskFull
from bot.jobs.states import State
from bot.telemetry.figures import Budget, FigureStore
from bot.tracker.desk import Desk

log = structlog.get_logger(__name__)

EVERY_S: Final = 60.0
UNCONFIRMED_FOR: Final = timedelta(minutes=10)
RESTING_FOR_S: Final = 600.0
WELL_FOR_S: Final = 150.0
"""A breaker that was closed for less than two looks has not recovered: half-open, it closes for a moment."""
LOW: Final = 80
"""Percent of a budget."""
INTEGRITY_EVERY_S: Final = 24 * 3600.0
INTEGRITY_FIRST_S: Final = 3600.0
"""After a start there are more urgent things than reading the whole database."""
LEDGER_NOTE: Final = "watch.ledger"

Told = tuple[str, str]
"""A cause, and the sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the watch looks at."""

    desk: Desk
    figures: FigureStore
    probe: Callable[[], Awaitable[None]]
    """Begins a write to the database, and writes nothing; raises when it cannot."""
    database_fault: Callable[[], Awaitable[str | None]]
    """Reads the whole file."""
    backup_failure: Callable[[], Awaitable[str | None]]
    data_dir: Path
    min_free_bytes: int


@dataclass(slots=True)
class _Rest:
    """Since when a provider has taken no orders, and when that was seen last; monotonic."""

    since: float
    seen: float


@dataclass(slots=True)
class Watch:
    """Looks, and tells."""

    alerts: Alerts
    grounds: Grounds
    _rests: dict[str, _Rest] = field(default_factory=dict)
    _faults: int = 0
    """Looks in a row that found the database not writable."""
    _checked_at: float | None = None

    async def sweep(self) -> None:
        """One look at everything. What cannot be looked at now is logged, and stops nothing else."""
        for look in (self._database, self._disk, self._unconfirmed, self._providers, self._budgets, self._overcharges,
                     self._backup, self._integrity):  # fmt: skip
            try:
                async for cause, sentence in look():
                    await self.alerts.tell(cause, sentence)
            except DatabaseCorrupt as error:
                await self.alerts.tell("database.fault", str(error))
            except Exception:
                log.warning("watch.look_failed", look=look.__name__.lstrip("_"), exc_info=True)
        await self.alerts.retry()

    async def _database(self) -> AsyncIterator[Told]:
        try:
            await self.grounds.probe()
        except (DatabaseCorrupt, DiskFull):
            raise
        except Exception as error:
            # Once may be another process's long transaction.
            self._faults += 1
            # The driver's own words, without the statement.
            why = str(getattr(error, "orig", None) or error) or type(error).__name__
            log.warning("watch.database", why=why, times=self._faults)
            if self._faults >= 2:
                yield "database.fault", f"The database cannot be written: {why}. Jobs do not go on until it can."
        else:
            self._faults = 0

    async def _integrity(self) -> AsyncIterator[Told]:
        now = self.grounds.desk.clock.monotonic()
        if self._checked_at is None:
            self._checked_at = now - INTEGRITY_EVERY_S + INTEGRITY_FIRST_S
        if now - self._checked_at < INTEGRITY_EVERY_S:
            return
        self._checked_at = now
        if (fault := await self.grounds.database_fault()) is not None:
            yield (
                "database.fault",
                f"The database is damaged: {fault}. Stop Reelbot, move the data directory away, and restore the newest "
                f"backup (`reelbot restore`).",
            )

    async def _disk(self) -> AsyncIterator[Told]:
        least = self.grounds.min_free_bytes
        free = (await asyncio.to_thread(shutil.disk_usage, self.grounds.data_dir)).free
        left = f"{free / 1e9:.1f} GB are free for clips"
        if free < least:
            yield (
                "disk.full",
                f"{left}, less than the {least / 1e6:.0f} MB of REELBOT_DISK__MIN_FREE_MB: no new jobs are taken. "
                f"Free some space, or run `reelbot sweep`.",
            )
        elif free < 2 * least:
            yield (
                "disk.low",
                f"{left}; below {least / 1e6:.0f} MB no new jobs are taken. Free some space, or run `reelbot sweep`.",
            )

    async def _unconfirmed(self) -> AsyncIterator[Told]:
        desk = self.grounds.desk
        for job in await desk.stores.jobs.in_state(State.UNCONFIRMED):
            if desk.clock.now() - job.state_since >= UNCONFIRMED_FOR:
                yield (
                    f"job.unconfirmed:{job.id}",
                    f"Nobody knows whether {job.provider} took job {job.id}; its {job.held} stay held. Look at the "
                    f"provider's own page, then `reelbot resolve {job.id} --as lost` or `--as submitted`.",
                )

    async def _providers(self) -> AsyncIterator[Told]:
        desk = self.grounds.desk
        troubles, now = desk.troubles.standing, desk.clock.monotonic()
        for name in desk.providers:
            if (trouble := troubles.get(name)) is not None:
                fix = (
                    "Top the account up." if trouble.about == "balance" else "Set its key anew, or see to the account."
                )
                yield (
                    f"provider.{trouble.about}:{name}",
                    f"{trouble.why.rstrip('.')}. New renders at {name} wait. {fix}",
                )
            health = await desk.stores.health.load(name)
            rested_s = self._rested_s(name, now, is_open=health.open_until is not None)
            if trouble is None and rested_s >= RESTING_FOR_S:
                yield (
                    f"provider.resting:{name}",
                    f"{name} has taken no orders for {rested_s / 60:.0f} minutes ({health.reason or 'no reason given'}). "
                    f"New renders there wait; it is tried again by itself.",
                )

    def _rested_s(self, name: str, now: float, *, is_open: bool) -> float:
        """How long a provider has been resting, in seconds; a moment in which it was tried again does not count."""
        rest = self._rests.get(name)
        if rest is not None and now - rest.seen > WELL_FOR_S:
            del self._rests[name]
            rest = None
        if is_open:
            if rest is None:
                rest = self._rests[name] = _Rest(since=now, seen=now)
            rest.seen = now
        return now - rest.since if rest is not None and is_open else 0.0

    async def _budgets(self) -> AsyncIterator[Told]:
        for budget in (await self.grounds.figures.read()).budgets:
            percent = 100 * int(budget.used) // int(budget.limit) if budget.limit > 0 else 0
            if percent >= LOW:
                threshold = 100 if percent >= 100 else LOW
                yield f"budget.{threshold}:{budget.scope}:{budget.key}", _spent(budget, percent)

    async def _overcharges(self) -> AsyncIterator[Told]:
        notes = self.grounds.desk.stores.notes
        noted = await notes.get(LEDGER_NOTE)
        newest, found = await self.grounds.figures.overcharges(int(noted) if noted else None)
        for each in found:
            yield (
                f"money.above_hold:{each.job_id}",
                f"Job {each.job_id} was charged {each.charged}, {each.above} more than was held for it. It is booked in "
                f"full. Compare the catalogue's prices with the provider's.",
            )
        if noted != str(newest):
            # Only now: whoever is killed meanwhile looks at these again, and tells none twice.
            await notes.put(LEDGER_NOTE, str(newest))

    async def _backup(self) -> AsyncIterator[Told]:
        if (why := await self.grounds.backup_failure()) is not None:
            yield (
                "backup.failed",
                f"The scheduled backup was not made: {why.rstrip('.')}. It is tried again every hour, or at once by "
                f"`reelbot backup FILE`.",
            )


def _spent(budget: Budget, percent: int) -> str:
    period = {"day": "daily", "month": "monthly"}[budget.period.value]
    name = "This installation" if budget.scope == "installation" else budget.scope.partition(":")[2]
    said = (
        f"{name} has used {budget.used} of its {period} budget of {budget.limit} ({percent} %), what is held included."
    )
    if percent >= 100:
        return f"{said} Paid clips are refused there until it resets; `reelbot limits set {budget.scope}` changes it."
    return f"{said} At 100 % paid clips are refused there; `reelbot limits set {budget.scope}` changes it."
