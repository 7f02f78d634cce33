"""What operators and team leads did: who, what, to what, and when. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from bot.people import Act
from bot.ports import Clock
from storage import tables
from storage.database import Database

_audit = tables.audit


class Audit:
    """Implements `bot.stores.AuditStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, by: str, action: str, subject: str, details: Mapping[str, Any] | None = None) -> None:
        """Write down one act."""
        row = {"at": self._clock.now(), "by": by, "action": action, "subject": subject, "details": dict(details or {})}
        async with self._database.write("audit", among=()) as connection:
            await connection.execute(_audit.insert().values(**row))

    async def page(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        by: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> list[Act]:
        """Acts, newest first, older than the one numbered `before`; of one person, action or subject where given."""
        chosen = sa.select(_audit).order_by(_audit.c.id.desc()).limit(limit)
        if before is not None:
            chosen = chosen.where(_audit.c.id < before)
        for column, wanted in ((_audit.c.by, by), (_audit.c.action, action), (_audit.c.subject, subject)):
            if wanted is not None:
                chosen = chosen.where(column == wanted)
        async with self._database.look() as connection:
            return [Act(**row) for row in (await connection.execute(chosen)).mappings()]
