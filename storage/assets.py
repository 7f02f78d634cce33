"""What is known of the files we keep; the bytes are the media store's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from bot.errors import AssetStale, Expired
from bot.ids import JobId
from bot.jobs.model import Asset, AssetKind
from bot.jobs.states import State
from bot.keeping.files import NAMED_WITHIN_S
from bot.languages.said import say
from bot.ports import Clock
from storage import tables
from storage.database import Database, insert_into
from storage.rows import asset_from_row

_COLUMNS = ("id", "size_bytes", "content_type", "width", "height", "duration_s")
_USED = (
    tables.assets.update().where(tables.assets.c.id == sa.bindparam("of_id")).values(last_used_at=sa.bindparam("used"))
)
_LOAD = sa.select(tables.assets).where(tables.assets.c.id == sa.bindparam("of_id"))


class Assets:
    """The assets of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

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

    async def keep(self, job_id: JobId, role: str, asset: Asset) -> bool:
        """Make a job that still waits for its inputs refer to one that was just put. False when it does not wait any more."""
        return await self._database.transact("keep", self._keep, job_id, role, asset, among=())

    def _keep(self, connection: sa.Connection, job_id: JobId, role: str, asset: Asset) -> bool:
        waits = sa.select(tables.jobs.c.id).where(
            tables.jobs.c.id == job_id,
            tables.jobs.c.state == State.RECEIVED.value,
            tables.jobs.c.forget.is_(None),
            tables.jobs.c.erased_at.is_(None),
        )
        # Nobody moves it before we are done.
        waits = waits.with_for_update(key_share=True)
        if connection.execute(waits).first() is None:
            return False
        keep_assets(connection, [asset], self._clock.now())
        refer_assets(connection, job_id, [(role, asset)])
        return True


def keep_assets(connection: sa.Connection, assets: Sequence[Asset], now: datetime) -> None:
    """Remember files, inside the transaction of whoever refers to them; used now, whoever else did before.

    Only an original that turns out to be, byte for byte, what its stripped copy is counts as the copy from then on: it
    has nothing left to strip, and providers must be able to get it.

    A file that no row names is removed once it is `REMOVED_AFTER_S` old. So a file that was put longer than
    `NAMED_WITHIN_S` ago is not named any more (`AssetStale`: put it again), and one that was read from our books only
    while its row still stands (`Expired`).
    """
    for asset in assets:
        if asset.stored_at is not None and not 0 <= time.time() - asset.stored_at <= NAMED_WITHIN_S:
            raise AssetStale(say("This machine was held up while it kept your file. Send it again."))
    for asset in assets:
        if asset.is_known and connection.execute(_USED, {"of_id": asset.id, "used": now}).rowcount == 0:
            raise Expired(say("The file was deleted a moment ago: attach it again."))
    if new := [asset for asset in assets if not asset.is_known]:
        connection.execute(_upsert(connection.dialect.name), [_row(asset, now) for asset in new])


def _row(asset: Asset, now: datetime) -> dict[str, Any]:
    kept = {name: getattr(asset, name) for name in _COLUMNS}
    return kept | {"kind": asset.kind.value, "created_at": now, "last_used_at": now}


def refer_assets(connection: sa.Connection, job_id: JobId, assets: Sequence[tuple[str, Asset]]) -> None:
    """Make a job refer to files that are known; one file per role, the later one stands."""
    if assets:
        rows = [{"job_id": job_id, "role": role, "asset_id": asset.id} for role, asset in assets]
        connection.execute(_refer(connection.dialect.name), rows)


@cache
def _upsert(dialect: str) -> sa.Insert:
    inserted = insert_into(dialect, tables.assets)
    known, new = tables.assets.c, inserted.excluded
    learns = (known.kind == AssetKind.ORIGINAL.value) & (new.kind != AssetKind.ORIGINAL.value)
    names = ("kind", "content_type", "width", "height", "duration_s")
    learned: dict[str, Any] = {name: sa.case((learns, new[name]), else_=known[name]) for name in names}
    return inserted.on_conflict_do_update(index_elements=["id"], set_=learned | {"last_used_at": new.last_used_at})


@cache
def _refer(dialect: str) -> sa.Insert:
    inserted = insert_into(dialect, tables.job_assets)
    replaced = {"asset_id": inserted.excluded.asset_id}
    return inserted.on_conflict_do_update(index_elements=["job_id", "role"], set_=replaced)
