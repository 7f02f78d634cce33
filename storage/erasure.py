"""Erasing: a job down to its bookkeeping, a person down to a keyed hash, files whose time is over.

Rows go first and files second. What a deleted row named is written down in `unnamed_files` in the same transaction, so
that a crash in between leaves nothing behind; a file is removed only while no row names it (see `storage.assets`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.ids import JobId
from bot.jobs.model import Forget, Job, WishKind
from bot.jobs.states import FINAL, State
from bot.keeping.pseudonyms import FORGOTTEN, FORGOTTEN_SCOPE, Pseudonyms
from bot.ports import Clock
from storage import tables
from storage.database import Database, insert_into
from storage.history_index import unindex_job
from storage.rows import job_from_row

_jobs = tables.jobs
_refs = tables.job_assets
_unnamed = tables.unnamed_files
_FINAL = [state.value for state in FINAL]
_ERASED: dict[str, Any] = {
    "prompt": "", "fingerprint": "", "channel": None, "thread": None, "roles": [],
    "anchor": None, "locale": None,
    "image": {"source": "erased", "locator": ""}, "audio": None, "image_asset": None, "audio_asset": None,
    "parent_id": None, "relation": None, "result_url": None, "output": None, "error": None, "note": None,
    "adjustments": None, "delivery_id": None, "forget": None,
}  # fmt: skip
_RENAME_SUMS = sa.text(
    "INSERT INTO ledger_sums (scope, period, micro_usd, jobs) "
    "SELECT :new, period, micro_usd, jobs FROM ledger_sums WHERE scope = :old "
    "ON CONFLICT (scope, period) DO UPDATE SET micro_usd = ledger_sums.micro_usd + excluded.micro_usd, "
    "jobs = ledger_sums.jobs + excluded.jobs"
)


class Erasure:
    """Implements `bot.stores.ErasureStore`."""

    def __init__(self, database: Database, clock: Clock, pseudonyms: Pseudonyms) -> None:
        self._database = database
        self._clock = clock
        self._pseudonyms = pseudonyms

    # --- jobs -----------------------------------------------------------------------------------------------------

    async def mark(self, job_ids: Sequence[JobId], what: Forget, by: str) -> list[JobId]:
        """Ask for jobs to be erased once they have ended; those under way are cancelled where that still can be."""
        now = self._clock.now()
        async with self._database.write("forget") as connection:
            await connection.execute(
                _jobs.update().where(_jobs.c.id.in_(job_ids), _jobs.c.erased_at.is_(None)).values(forget=what.value)
            )
            found = await connection.execute(
                sa.select(_jobs.c.id).where(_jobs.c.id.in_(job_ids), _jobs.c.state.not_in(_FINAL))
            )
            under_way = [row.id for row in found]
            if under_way:
                wish = {"kind": WishKind.CANCEL.value, "by": by, "at": now, "details": {}}
                await connection.execute(tables.wishes.insert(), [wish | {"job_id": each} for each in under_way])
        return under_way

    async def jobs_of(self, person: str) -> list[Job]:
        """Every job of a person that is not erased, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_jobs).where(_jobs.c.person == person, _jobs.c.erased_at.is_(None)).order_by(_jobs.c.seq)
            )
            return [job_from_row(row) for row in rows.mappings()]

    async def due(self) -> list[Job]:
        """Ended jobs that were to be erased and are not yet: a process died in between."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_jobs).where(_jobs.c.forget.is_not(None), _jobs.c.state.in_(_FINAL))
            )
            return [job_from_row(row) for row in rows.mappings()]

    async def erase(self, job_id: JobId) -> bool:
        """Leave of an ended job only what the books need: states, amounts, the provider's ids. False: not ended, or done."""
        async with self._database.write("erase") as connection:
            if self._database.dialect != "sqlite":
                return await connection.run_sync(self._erase, job_id)
            # Thorough here: pages that become free are overwritten, too.
            await connection.exec_driver_sql("PRAGMA secure_delete = ON")
            try:
                return await connection.run_sync(self._erase, job_id)
            finally:
                await connection.exec_driver_sql("PRAGMA secure_delete = FAST")

    def _erase(self, connection: sa.Connection, job_id: JobId) -> bool:
        now = self._clock.now()
        row = connection.execute(sa.select(_jobs).where(_jobs.c.id == job_id)).mappings().first()
        if row is None or row["erased_at"] is not None or State(row["state"]) not in FINAL:
            return False
        named = [ref.asset_id for ref in connection.execute(sa.select(_refs).where(_refs.c.job_id == job_id))]
        values = _ERASED | {
            "settings": {**row["settings"], "negative_prompt": None},
            "version": row["version"] + 1,
            "erased_at": now,
            "updated_at": now,
        }
        if row["forget"] == Forget.PERSON.value:
            values |= {"user": FORGOTTEN, "person": FORGOTTEN, "request_key": self._hidden(row)}
        connection.execute(_jobs.update().where(_jobs.c.id == job_id).values(values))
        connection.execute(_refs.delete().where(_refs.c.job_id == job_id))
        drop_unused(connection, named, now)
        unindex_job(connection, row["seq"])
        for table in (tables.cards, tables.wishes):
            connection.execute(table.delete().where(table.c.job_id == job_id))
        if row["forget"] == Forget.PERSON.value:
            self._hide_aliases(connection, job_id)
        _blank_events(connection, job_id)
        deliveries, submissions = tables.deliveries, tables.submissions
        emptied = {"place": row["platform"], "reference": None, "checkpoint": None}
        connection.execute(deliveries.update().where(deliveries.c.job_id == job_id).values(emptied))
        # An attempt that is still open is looked for by its input.
        over = sa.and_(submissions.c.job_id == job_id, submissions.c.ended_at.is_not(None))
        connection.execute(submissions.update().where(over).values(input_url="", reason=None))
        return True

    def _hidden(self, row: sa.RowMapping) -> str | None:
        """The request's key, by which a platform may deliver it once more: still known, no longer to be read."""
        key = row["request_key"]
        return None if key is None else self._pseudonyms.request_keys(row["person"], key)[0]

    def _hide_aliases(self, connection: sa.Connection, job_id: JobId) -> None:
        aliases = tables.request_aliases
        for row in connection.execute(sa.select(aliases).where(aliases.c.job_id == job_id)).mappings().all():
            this = sa.and_(aliases.c.person == row["person"], aliases.c.request_key == row["request_key"])
            hidden = {"person": FORGOTTEN, "request_key": self._hidden(row)}
            connection.execute(aliases.update().where(this).values(hidden))

    # --- people ---------------------------------------------------------------------------------------------------

    async def pseudonymise(self, person: str) -> str:
        """Take a person's name out of the ledger and out of others' jobs; returns the scope that stands for it."""
        scope, month = self._pseudonyms.scopes(person)[0], f"{self._clock.now():%Y-%m}"
        async with self._database.write("pseudonymise") as connection:
            await connection.run_sync(_rename_scope, f"user:{person}", scope)
            known = insert_into(connection.dialect.name, tables.forgotten).values(scope=scope, month=month)
            await connection.execute(
                known.on_conflict_do_update(index_elements=["scope"], set_={"month": known.excluded.month})
            )
            await connection.execute(tables.wishes.update().where(tables.wishes.c.by == person).values(by=FORGOTTEN))
            await connection.execute(_forget_installer(person))
            await connection.run_sync(_forget_on_the_page, person)
        return scope

    async def drop_pseudonyms(self) -> int:
        """After a month's end its hashes go: nobody can be told apart among the forgotten any more."""
        table, month = tables.forgotten, f"{self._clock.now():%Y-%m}"
        async with self._database.write("forgotten") as connection:
            over = (await connection.execute(sa.select(table.c.scope).where(table.c.month < month))).all()
            for row in over:
                await connection.run_sync(_rename_scope, row.scope, FORGOTTEN_SCOPE)
            await connection.execute(table.delete().where(table.c.scope.in_([row.scope for row in over])))
        return len(over)

    async def shared_files(self, person: str) -> int:
        """How many files of this person's jobs other people's jobs refer to, too."""
        theirs = sa.select(_refs.c.asset_id).join(_jobs, _jobs.c.id == _refs.c.job_id).where(_jobs.c.person == person)
        others = (
            sa.select(sa.func.count(sa.distinct(_refs.c.asset_id)))
            .join(_jobs, _jobs.c.id == _refs.c.job_id)
            .where(_jobs.c.person != person, _refs.c.asset_id.in_(theirs))
        )
        async with self._database.look() as connection:
            return int((await connection.execute(others)).scalar_one())

    # --- files ----------------------------------------------------------------------------------------------------

    async def unnamed(self) -> list[str]:
        """Files whose bytes are still to be removed."""
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(_unnamed.c.asset_id).order_by(_unnamed.c.since))
            return [row.asset_id for row in rows]

    async def without_row(self, asset_ids: Collection[str]) -> set[str]:
        """Which of these files no row names."""
        table = tables.assets
        async with self._database.look() as connection:
            rows = await connection.execute(sa.select(table.c.id).where(table.c.id.in_(asset_ids)))
            return set(asset_ids) - {row.id for row in rows}

    async def remove_file(self, asset_id: str, remove: Callable[[], Awaitable[bool]], *, here: bool) -> bool:
        """Call `remove` for a file while nobody can come to name it; True when there is nothing left to do about it.

        `here`: the file lies on this machine, and its removal is so short that it may stand in a transaction.
        """
        gone = False
        if not here:
            gone = not await self.without_row([asset_id]) or await remove()
        async with self._database.write("remove file") as connection:
            if here:
                table = tables.assets
                named = (await connection.execute(sa.select(table.c.id).where(table.c.id == asset_id))).first()
                gone = named is not None or await remove()
            if gone:
                await connection.execute(_unnamed.delete().where(_unnamed.c.asset_id == asset_id))
        return gone


def _forget_installer(person: str) -> sa.Update:
    """Who added the bot is a person of the chat, too."""
    platform, _, rest = person.partition(":")
    workspace, _, user = rest.rpartition(":")
    table = tables.installations
    where = (table.c.platform == platform, table.c.workspace == workspace, table.c.installed_by == user)
    return table.update().where(*where).values(installed_by=None)


def _forget_on_the_page(connection: sa.Connection, person: str) -> None:
    """Their tokens end, they are signed out, and the audit trail keeps that something was done, not by or to whom."""
    tokens, members, audit = tables.api_tokens, tables.members, tables.audit
    connection.execute(tokens.delete().where(tokens.c.person == person))
    connection.execute(tokens.update().where(tokens.c.created_by == person).values(created_by=FORGOTTEN))
    connection.execute(members.delete().where(members.c.person == person))
    connection.execute(audit.update().where(audit.c.by == person).values(by=FORGOTTEN))
    named = sa.or_(
        audit.c.subject.in_([person, f"user:{person}"]), sa.cast(audit.c.details, sa.String).contains(f'"{person}"')
    )
    connection.execute(
        audit.update()
        .where(named)
        .values(
            subject=sa.case((audit.c.subject.in_([person, f"user:{person}"]), FORGOTTEN), else_=audit.c.subject),
            details={},
        )
    )


def _blank_events(connection: sa.Connection, job_id: JobId) -> None:
    """How it went from state to state is bookkeeping; reasons and amounts told on the way are not kept twice."""
    events = tables.job_events
    for row in connection.execute(sa.select(events.c.id, events.c.details).where(events.c.job_id == job_id)).all():
        kept = {"from": row.details["from"]} if "from" in row.details else {}
        connection.execute(events.update().where(events.c.id == row.id).values(details=kept))


def drop_unused(connection: sa.Connection, asset_ids: Collection[str], now: datetime) -> list[str]:
    """Delete the rows of files that no job refers to any more; their bytes are removed afterwards."""
    ids = set(asset_ids)
    used = connection.execute(sa.select(_refs.c.asset_id).where(_refs.c.asset_id.in_(ids)))
    unused = sorted(ids - {row.asset_id for row in used})
    if unused:
        connection.execute(tables.assets.delete().where(tables.assets.c.id.in_(unused)))
        noted = insert_into(connection.dialect.name, _unnamed)
        connection.execute(
            noted.on_conflict_do_nothing(), [{"asset_id": asset_id, "since": now} for asset_id in unused]
        )
    return unused


def _rename_scope(connection: sa.Connection, old: str, new: str) -> None:
    connection.execute(_RENAME_SUMS, {"old": old, "new": new})
    connection.execute(tables.ledger_sums.delete().where(tables.ledger_sums.c.scope == old))
    connection.execute(tables.ledger.update().where(tables.ledger.c.user_scope == old).values(user_scope=new))
