"""Time, injected so that tests own it. Stored times are aware UTC; waits use the monotonic clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go backwards and go on while the process is stopped (CLOCK_MONOTONIC)."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking the loop."""
        await asyncio.sleep(seconds)


def is_due(at: datetime | None, now: datetime, longest: timedelta) -> bool:
    """Whether a stored wait is over. One further off than its own maximum was written under another clock: it is due."""
    return at is None or at <= now or at > now + longest
