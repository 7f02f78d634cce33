"""One connection that listens: wake-ups from other processes, and which worker does what is to be done only once.

The first worker to take a session's advisory lock leads. The server ends a session that says nothing for
`SILENT_AFTER_S`, so a leader that was frozen is followed by another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog

from adapters.engine.queue import WAKE_CHANNEL
from bot.ids import JobId

log = structlog.get_logger(__name__)

PING_S = 2.0
SILENT_AFTER_S = 10
AGAIN_AFTER_S = 1.0
_LEAD = "SELECT pg_try_advisory_lock(7310, 1)"


class Wakeups:
    """Listens until cancelled, connecting again whenever the connection is lost."""

    def __init__(
        self,
        conninfo: str,
        options: dict[str, Any],
        *,
        heard: Callable[[str, JobId], None],
        connected: Callable[[], Awaitable[None]],
        leading: Callable[[bool], None],
    ) -> None:
        """`heard(word, job_id)` for each wake-up; `connected` after each connect, for what was said meanwhile;
        `leading` when this process begins to lead, or no longer does.
        """
        self._conninfo = conninfo
        self._options = options
        self._heard = heard
        self._connected = connected
        self._leading = leading

    async def run(self) -> None:
        """Never returns."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                # Whatever it was, also what reading the wishes met: a worker that listens no more must not be the end.
                log.warning("wakeups.lost", why=" ".join(str(error).split()) or type(error).__name__)
            finally:
                self._leading(False)
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _listen(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True, **self._options)
        async with connection:
            await connection.execute(f"SET idle_session_timeout = '{SILENT_AFTER_S}s'".encode())
            await connection.execute(f"LISTEN {WAKE_CHANNEL}".encode())
            await self._connected()
            leads = False
            while True:
                if not leads:
                    found = await (await connection.execute(_LEAD)).fetchone()
                    leads = bool(found and found[0])
                    if leads:
                        self._leading(True)
                else:
                    await connection.execute("SELECT 1")
                async for notice in connection.notifies(timeout=PING_S):
                    word, _, job_id = notice.payload.partition(" ")
                    self._heard(word, JobId(job_id))
