"""What stands between a person and a new job, read on one view in one trip: a person waits for it."""

from __future__ import annotations

import sqlalchemy as sa

from bot.jobs.model import Requester
from bot.stores.money import Entrance
from storage.database import Database
from storage.ledger import Ledger
from storage.workspaces import Workspaces, blocked


class Entrances:
    """Implements `bot.stores.EntranceStore`."""

    def __init__(self, database: Database, ledger: Ledger, workspaces: Workspaces) -> None:
        self._database = database
        self._ledger = ledger
        self._workspaces = workspaces

    async def look(self, requester: Requester) -> Entrance:
        """How this person, their workspace and every limit stand now."""
        return await self._database.consult(self._look, requester)

    def _look(self, connection: sa.Connection, requester: Requester) -> Entrance:
        return Entrance(
            is_blocked=blocked(connection, requester.person),
            permission=self._workspaces.known(connection, requester),
            standings=tuple(self._ledger.standings_now(connection, requester)),
        )
