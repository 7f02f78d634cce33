"""Retention: files and words whose time is over, found by last use, deleted in batches that check again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.model import AssetKind
from bot.jobs.states import FINAL
from bot.keeping.retention import Kept
from bot.ports import Clock
from storage import tables
from storage.database import Database, insert_into
from storage.erasure import drop_unused
from storage.history_index import reindex_words

_assets = tables.assets
_jobs = tables.jobs
_refs = tables.job_assets
_KINDS: Mapping[Kept, tuple[str, ...]] = {
    Kept.INPUTS: (AssetKind.ORIGINAL.value, AssetKind.IMAGE.value, AssetKind.AUDIO.value),
    Kept.CLIPS: (AssetKind.CLIP.value, AssetKind.POSTER.value),
}
_OWN_INPUT = ("original", "image", "sound", "audio")
_OWN_CLIP = ("clip", "part", "poster")
_FINAL = [state.value for state in FINAL]
_UNFINISHED = (
    sa.select(_refs.c.asset_id)
    .join(_jobs, _jobs.c.id == _refs.c.job_id)
    .where(_refs.c.asset_id == _assets.c.id, _jobs.c.state.not_in(_FINAL))
    .exists()
)
_WORDS = sa.and_(_jobs.c.prompt != "", _jobs.c.erased_at.is_(None))


class Retention:
    """Implements `bot.stores.RetentionStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, kind: Kept) -> int:
        """How many of a kind are kept."""
        async with self._database.look() as connection:
            if kind is Kept.PROMPTS:
                counted = sa.select(sa.func.count()).select_from(_jobs).where(_WORDS)
            else:
                counted = sa.select(sa.func.count()).select_from(_assets).where(_assets.c.kind.in_(_KINDS[kind]))
            return int((await connection.execute(counted)).scalar_one())

    async def expired(self, kind: Kept, before: datetime, limit: int) -> list[str]:
        """Ids of those last used before then, oldest first: files, or for prompts the jobs. None a running job needs."""
        async with self._database.look() as connection:
            found = await connection.execute(_expired(kind, before).limit(limit))
            return [row.id for row in found]

    async def count_expired(self, kind: Kept, before: datetime) -> int:
        """How many there are of them."""
        async with self._database.look() as connection:
            counted = sa.select(sa.func.count()).select_from(_expired(kind, before).subquery())
            return int((await connection.execute(counted)).scalar_one())

    async def delete(self, kind: Kept, ids: Sequence[str], before: datetime) -> list[JobId]:
        """Delete the rows of those of `ids` that are still expired; returns the jobs whose clip went with them."""
        async with self._database.write("retention") as connection:
            return await connection.run_sync(self._delete, kind, ids, before)

    def _delete(self, connection: sa.Connection, kind: Kept, ids: Sequence[str], before: datetime) -> list[JobId]:
        now = self._clock.now()
        # Looked at again inside the transaction: a job may have come to use one of them since.
        still = _expired(kind, before)
        key = _jobs.c.id if kind is Kept.PROMPTS else _assets.c.id
        found = [row.id for row in connection.execute(still.where(key.in_(ids)))]
        if not found:
            return []
        if kind is Kept.PROMPTS:
            _delete_words(connection, found)
            return []
        referring = connection.execute(sa.select(_refs.c.job_id, _refs.c.role).where(_refs.c.asset_id.in_(found))).all()
        lost = {mark: _with_role(referring, roles) for mark, roles in _MARKS}
        for mark, job_ids in lost.items():
            connection.execute(_jobs.update().where(_jobs.c.id.in_(job_ids)).values({mark: now}))
        for column in (_jobs.c.image_asset, _jobs.c.audio_asset):
            connection.execute(_jobs.update().where(column.in_(found)).values({column.name: None}))
        connection.execute(_refs.delete().where(_refs.c.asset_id.in_(found)))
        drop_unused(connection, found, now)
        return lost["clip_deleted_at"]

    async def remembered(self, key: str) -> str | None:
        """A note of the sweeper's to itself."""
        async with self._database.look() as connection:
            found = await connection.execute(sa.select(tables.meta.c.value).where(tables.meta.c.key == key))
            return found.scalar()

    async def remember(self, notes: Mapping[str, str | None]) -> None:
        """Write such notes; `None` removes one."""
        async with self._database.write("sweeper's notes") as connection:
            await connection.execute(tables.meta.delete().where(tables.meta.c.key.in_(notes)))
            kept = [{"key": key, "value": value} for key, value in notes.items() if value is not None]
            if kept:
                await connection.execute(insert_into(connection.dialect.name, tables.meta), kept)


_MARKS = (("inputs_deleted_at", _OWN_INPUT), ("clip_deleted_at", _OWN_CLIP))


def _with_role(referring: Sequence[Any], roles: Sequence[str]) -> list[JobId]:
    return sorted({row.job_id for row in referring if row.role in roles})


def _expired(kind: Kept, before: datetime) -> sa.Select[Any]:
    if kind is Kept.PROMPTS:
        old = sa.and_(_WORDS, _jobs.c.created_at < before, _jobs.c.state.in_(_FINAL))
        return sa.select(_jobs.c.id, _jobs.c.seq).where(old).order_by(_jobs.c.created_at)
    old = sa.and_(_assets.c.kind.in_(_KINDS[kind]), _assets.c.last_used_at < before, ~_UNFINISHED)
    return sa.select(_assets.c.id).where(old).order_by(_assets.c.last_used_at)


def _delete_words(connection: sa.Connection, job_ids: Sequence[JobId]) -> None:
    rows = connection.execute(
        sa.select(_jobs.c.id, _jobs.c.seq, _jobs.c.settings, _jobs.c.model).where(_jobs.c.id.in_(job_ids))
    ).all()
    for row in rows:
        quiet = {**row.settings, "negative_prompt": None}
        connection.execute(_jobs.update().where(_jobs.c.id == row.id).values(prompt="", settings=quiet))
        reindex_words(connection, row.seq, row.model)
