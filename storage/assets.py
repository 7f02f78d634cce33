"""What is known of the files we keep; the bytes are the media store's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.model import Asset, AssetKind
from storage import tables
from storage.database import Database, insert_into
from storage.rows import asset_from_row

_LOAD = sa.select(tables.assets).where(tables.assets.c.id == sa.bindparam("of_id"))


class Assets:
    """The assets of one installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, asset_id: str) -> Asset | None:
        """One asset by its id."""
        async with self._database.look() as connection:
            found = await connection.execute(_LOAD, {"of_id": asset_id})
            row = found.mappings().first()
        return asset_from_row(row) if row else None

    async def of_job(self, job_id: JobId) -> dict[str, Asset]:
        """A job's files by role: `original`, `image`, `audio`, `clip`, `poster`."""
        roles = tables.job_assets
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(roles.c.role, tables.assets)
                .join(tables.assets, tables.assets.c.id == roles.c.asset_id)
                .where(roles.c.job_id == job_id)
            )
            return {row["role"]: asset_from_row(row) for row in rows.mappings()}


def keep_assets(connection: sa.Connection, assets: Sequence[Asset], now: datetime) -> None:
    """Remember files, inside the transaction of whoever refers to them.

    Harmless for files that are known. Only an original that turns out to be, byte for byte, what its stripped copy is
    counts as the copy from then on: it has nothing left to strip, and providers must be able to get it.
    """
    if assets:
        rows = [asdict(asset) | {"kind": asset.kind.value, "created_at": now} for asset in assets]
        connection.execute(_upsert(connection.dialect.name), rows)


def refer_assets(connection: sa.Connection, job_id: JobId, assets: Sequence[tuple[str, Asset]]) -> None:
    """Make a job refer to files that are known; one file per role, the later one stands."""
    if assets:
        rows = [{"job_id": job_id, "role": role, "asset_id": asset.id} for role, asset in assets]
        connection.execute(_refer(connection.dialect.name), rows)


@cache
def _upsert(dialect: str) -> sa.Insert:
    inserted = insert_into(dialect, tables.assets)
    was_original = tables.assets.c.kind == AssetKind.ORIGINAL.value
    learned = {name: inserted.excluded[name] for name in ("kind", "content_type", "width", "height", "duration_s")}
    return inserted.on_conflict_do_update(
        index_elements=["id"], set_=learned, where=was_original & (inserted.excluded.kind != AssetKind.ORIGINAL.value)
    )


@cache
def _refer(dialect: str) -> sa.Insert:
    inserted = insert_into(dialect, tables.job_assets)
    replaced = {"asset_id": inserted.excluded.asset_id}
    return inserted.on_conflict_do_update(index_elements=["job_id", "role"], set_=replaced)
