"""What is known of the files we keep; the bytes are the media store's."""

from __future__ import annotations

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.model import Asset
from storage import tables
from storage.database import Database
from storage.rows import asset_from_row


class Assets:
    """The assets of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, asset_id: str) -> Asset | None:
        """One asset by its id."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(tables.assets).where(tables.assets.c.id == asset_id))
            row = found.mappings().first()
        return asset_from_row(row) if row else None

    async def of_job(self, job_id: JobId) -> dict[str, Asset]:
        """A job's files by role: `original`, `image`, `audio`, `clip`, `poster`."""
        roles = tables.job_assets
        async with self._database.read() as connection:
            rows = await connection.execute(
                sa.select(roles.c.role, tables.assets)
                .join(tables.assets, tables.assets.c.id == roles.c.asset_id)
                .where(roles.c.job_id == job_id)
            )
            return {row["role"]: asset_from_row(row) for row in rows.mappings()}
