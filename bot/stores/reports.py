"""What the admin pages count: spending, jobs under way, clips that were not posted, who is blocked."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from bot.reports import BlockedPerson, Pause, Spending, Undelivered, Work


class ReportStore(Protocol):
    """Figures for operators and team leads. See `storage.reports.Reports`."""

    async def spending(self, since: date, until: date, *, workspace: str | None = None) -> Spending:
        """What was spent in these days of the installation, both counted; in one workspace (`slack:T1`), or in all."""
        ...

    async def undelivered(self, *, workspace: str | None = None, limit: int = 50) -> Undelivered:
        """Clips that are kept and were not posted, newest first."""
        ...

    async def under_way(self, *, workspace: str | None = None) -> list[Work]:
        """How many unfinished jobs stand where, at each provider; those that wait for a decision among them."""
        ...

    async def pauses(self) -> list[Pause]:
        """Which providers are paused, since when, and by whom."""
        ...

    async def blocked_people(self) -> list[BlockedPerson]:
        """Whose requests are refused, the latest first."""
        ...
