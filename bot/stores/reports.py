"""What the admin pages count: spending, clips that were not posted, who is blocked."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from bot.reports import BlockedPerson, Spending, Undelivered


class ReportStore(Protocol):
    """Figures for operators and team leads. See `storage.reports.Reports`."""

    async def spending(self, since: date, until: date, *, workspace: str | None = None) -> Spending:
        """What was spent in these days of the installation, both counted; in one workspace (`slack:T1`), or in all."""
        ...

    async def undelivered(self, *, workspace: str | None = None, limit: int = 50) -> Undelivered:
        """Clips that are kept and were not posted, newest first."""
        ...

    async def unconfirmed(self) -> int:
        """How many jobs wait for an operator's decision."""
        ...

    async def blocked_people(self) -> list[BlockedPerson]:
        """Whose requests are refused, the latest first."""
        ...
