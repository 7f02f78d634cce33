"""What is known of the files we keep; the bytes are the media store's."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

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


async def add_asset(connection: AsyncConnection, asset: Asset, now: datetime) -> None:
    """Remember a file, inside the transaction of whoever refers to it. Harmless when it is known."""
    known = await connection.execute(sa.select(tables.assets.c.id).where(tables.assets.c.id == asset.id))
    if known.first() is None:
        await connection.execute(
            tables.assets.insert().values(**asdict(asset) | {"kind": asset.kind.value}, created_at=now)
        )


async def refer_asset(connection: AsyncConnection, job_id: JobId, role: str, asset: Asset) -> None:
    """Make a job refer to a file that is known; one file per role."""
    table = tables.job_assets
    await connection.execute(table.delete().where(table.c.job_id == job_id, table.c.role == role))
    await connection.execute(table.insert().values(job_id=job_id, role=role, asset_id=asset.id))
