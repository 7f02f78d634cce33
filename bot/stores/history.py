"""What was made, newest first."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import Money


class HistoryPage(Protocol):
    """A page of jobs."""

    @property
    def jobs(self) -> list[Job]:
        """Newest first."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """`None` on the last page."""
        ...


class HistoryStore(Protocol):
    """History. See `storage.history.History`."""

    async def page(
        self,
        *,
        q: str | None = None,
        person: str | None = None,
        workspace: str | None = None,
        channel: str | None = None,
        state: State | None = None,
        since: date | None = None,
        until: date | None = None,
        cost_min: Money | None = None,
        cost_max: Money | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> HistoryPage:
        """Newest first."""
        ...
