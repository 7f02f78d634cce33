"""How everything stands, as the database says: what metrics show and what the watch looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.money.amount import FREE, Money
from bot.money.limits import Period
from bot.tracker.breaker import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A pot of money in its current day or month; only where there is a limit above zero."""

    scope: str
    period: Period
    key: str
    """Of the day or month, like 2026-11."""
    limit: Money
    used: Money

    @property
    def left(self) -> Money:
        """May be below zero, when a provider charged beyond it."""
        return self.limit - self.used


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One reading."""

    open_jobs: Mapping[str, int] = field(default_factory=dict)
    """By state, of those that have not ended."""
    oldest_queued: Mapping[str, datetime] = field(default_factory=dict)
    """By provider."""
    held: Money = FREE
    budgets: tuple[Budget, ...] = ()
    """Of the installation, and of the workspaces that spend."""
    health: Mapping[str, Health] = field(default_factory=dict)
    """By provider, of those anything is known of; a pause of all counts for each."""
    all_paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Overcharge:
    """A settle above its hold."""

    entry: int
    """Number in the ledger."""
    job_id: str
    charged: Money
    above: Money


class FigureStore(Protocol):
    """Reads them. See `storage.figures.FigureBook`."""

    async def read(self) -> Figures:
        """How everything stands now."""
        ...

    async def media_bytes(self) -> Mapping[str, int]:
        """Bytes that are kept, by kind. Looks at every file's row: not to be asked often."""
        ...

    async def overcharges(self, after: int | None) -> tuple[int, list[Overcharge]]:
        """Settles above their holds after the entry of this number, and the newest entry's number.

        Without a number, none: only where the ledger ends now.
        """
        ...
