"""Jobs: accepting, loading, and moving them. The only module that updates the `jobs` table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.errors import Expired, Fenced, RequestKeyReused
from bot.ids import JobId
from bot.jobs.model import Asset, Job, JobEvent, JobRequest, WishKind
from bot.jobs.moves import Hold, Move, Release, Settle
from bot.jobs.states import FINAL, UNFINISHED, State, require
from bot.keeping.pseudonyms import Pseudonyms
from bot.languages.said import say
from bot.money.amount import Money
from bot.ports import Clock
from storage import tables
from storage.assets import keep_assets, refer_assets
from storage.database import MONEY, Database, of_person
from storage.deliveries import add_delivery, end_delivery
from storage.history_index import index_job, index_state
from storage.ledger import Ledger
from storage.repeats import Repeats
from storage.rows import WHOLE_JOB, event_from_row, fingerprint, job_columns, job_from_row, new_job_row
from storage.submissions import write_attempt_fact

_jobs = tables.jobs
# Statements of every job's life are built once: building one costs as much as executing it.
_LOAD = sa.select(*WHOLE_JOB).where(_jobs.c.id == sa.bindparam("job_id"))
_EPOCH = sa.select(tables.meta.c.value).where(tables.meta.c.key == "epoch")
_INSERT = _jobs.insert().returning(_jobs)
_MOVE = (
    _jobs.update()
    .where(
        _jobs.c.id == sa.bindparam("of_id"),
        _jobs.c.version == sa.bindparam("of_version"),
        _jobs.c.epoch == sa.bindparam("of_epoch"),
    )
    .returning(*WHOLE_JOB)
)
_TAKE_OVER = (
    _jobs.update().where(_jobs.c.id == sa.bindparam("of_id")).values(epoch=_jobs.c.epoch + 1).returning(*WHOLE_JOB)
)
_SET_HOLD = _jobs.update().where(_jobs.c.id == sa.bindparam("of_id"))
_INSERT_EVENT = tables.job_events.insert()

Enqueue = Callable[[Any, JobId], None]
"""With the driver's own connection."""


class Jobs:
    """The jobs of one installation."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        clock: Clock,
        pseudonyms: Pseudonyms | None = None,
        enqueue: Enqueue | None = None,
    ) -> None:
        """`enqueue` puts a new job into the queue of an engine that has one, in the transaction that accepts it."""
        self._repeats = Repeats(pseudonyms or Pseudonyms())
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._enqueue = enqueue

    async def accept(self, request: JobRequest, quote: Money, assets: Sequence[tuple[str, Asset]]) -> tuple[Job, bool]:
        """Write one row; returns the job and whether it is new.

        The same key with the same request returns the job that stands; with another it raises `RequestKeyReused`.
        """
        among = (of_person(request.requester.person),)
        return await self._database.transact("accept", self._accept, request, quote, assets, among=among)

    def _accept(
        self, connection: sa.Connection, request: JobRequest, quote: Money, assets: Sequence[tuple[str, Asset]]
    ) -> tuple[Job, bool]:
        now, mark = self._clock.now(), fingerprint(request)
        standing = self._repeats.find(connection, request, mark, now)
        if standing is not None:
            if standing["erased_at"] is not None:
                raise Expired(say("This was asked before, and the job was deleted since. Ask anew."))
            if standing["fingerprint"] != mark:
                raise RequestKeyReused(
                    f"The key {request.request_key!r} was already used for another request; "
                    f"use a new key for a new request."
                )
            return job_from_row(standing), False
        row = new_job_row(request, quote, mark, now) | {"epoch": read_epoch(connection)}
        keep_assets(connection, [asset for _, asset in assets], now)
        row |= {f"{role}_asset": asset.id for role, asset in assets if role in ("image", "audio")}
        # References come after the job they point at; the assets themselves had to come first.
        inserted = connection.execute(_INSERT, row)
        saved = inserted.mappings().one()
        refer_assets(connection, row["id"], assets)
        index_job(connection, saved["seq"], row)
        _event(connection, row["id"], now, "accepted", State.RECEIVED, {})
        if self._enqueue is not None:
            self._enqueue(connection.connection.driver_connection, row["id"])
        return job_from_row(saved), True

    async def load(self, job_id: JobId) -> Job | None:
        """The job as it stands now."""
        async with self._database.look() as connection:
            row = (await connection.execute(_LOAD, {"job_id": job_id})).mappings().first()
        return job_from_row(row) if row else None

    async def find(self, prefix: str, *, limit: int = 2) -> list[Job]:
        """Jobs whose id begins with `prefix`: for people who copy only the start."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_jobs).where(_jobs.c.id >= prefix, _jobs.c.id < prefix + "g").limit(limit)
            )
            return [job_from_row(row) for row in rows.mappings()]

    async def is_repeated(self, request: JobRequest) -> bool:
        """Whether accepting this would return a job that stands."""
        mark, now = fingerprint(request), self._clock.now()
        async with self._database.look() as connection:
            found = await connection.run_sync(self._repeats.find, request, mark, now, writes=False)
        return found is not None

    async def move(self, move: Move) -> Job:
        """Carry out a transition with all that comes with it, in one transaction.

        Raises `Fenced` when the job was moved, or taken over, since it was loaded: then only the facts were written.
        Raises `LimitReached` when a hold has no room: then nothing was written.
        """
        among = () if move.money is None else (MONEY,)
        moved = await self._database.transact(f"{move.job.state}→{move.to}", self.move_within, move, among=among)
        if moved is None:
            raise Fenced(f"job {move.job.id} was moved by somebody else")
        return job_from_row(moved)

    def move_within(self, connection: sa.Connection, move: Move) -> sa.RowMapping | dict[str, Any] | None:
        """The same inside the caller's write transaction; `None` when only the facts were written."""
        job, now = move.job, self._clock.now()
        if move.attempt is not None:
            write_attempt_fact(connection, move.attempt, now)
        if move.ended_delivery is not None:
            end_delivery(connection, move.ended_delivery, now)
        # The job's row may point at them. Knowing of a file that nobody refers to is harmless.
        keep_assets(connection, [asset for _, asset in move.assets], now)
        updated = moved = None
        if not (move.unless_wished and _is_wished(connection, move)):
            updated = _update(connection, job, _columns(move, now))
        if updated is not None:
            moved = self._book(connection, move, updated)
            _write_what_comes_with(connection, move, updated["charged_micro_usd"], now)
        return moved

    def _book(self, connection: sa.Connection, move: Move, moved: sa.RowMapping) -> sa.RowMapping | dict[str, Any]:
        """The money of a transition; returns the job's row as it stands then."""
        match move.money:
            case Hold(amount=amount):
                hold_id = self._ledger.hold(connection, move.job, amount)
                connection.execute(_SET_HOLD, {"of_id": move.job.id, "hold_id": hold_id})
                return {**moved, "hold_id": hold_id}
            case Settle(amount=amount):
                self._ledger.settle(connection, move.job, amount)
            case Release(reason=reason):
                self._ledger.release(connection, move.job, reason)
            case None:
                pass
        return moved

    async def claim_all(self, epoch: int) -> list[Job]:
        """Take over every unfinished job for the engine of this epoch; returns them, oldest first.

        Ended jobs, which may be a million, are taken over one by one should one of them move again (`claim`).
        """
        unfinished = _jobs.c.state.in_([state.value for state in UNFINISHED])
        async with self._database.write("claim") as connection:
            await connection.execute(_jobs.update().where(unfinished, _jobs.c.epoch < epoch).values(epoch=epoch))
            rows = await connection.execute(sa.select(_jobs).where(unfinished).order_by(_jobs.c.seq))
            return [job_from_row(row) for row in rows.mappings()]

    async def claim(self, job: Job, epoch: int) -> None:
        """Take over one job from an earlier engine. Harmless when a later one was faster."""
        async with self._database.write("claim one", among=()) as connection:
            await connection.execute(
                _jobs.update().where(_jobs.c.id == job.id, _jobs.c.epoch < epoch).values(epoch=epoch)
            )

    async def take_over(self, job_id: JobId) -> Job | None:
        """Raise one job's own epoch and load it: whoever had it before changes nothing any more."""
        return await self._database.transact("take over", _take_over, job_id, among=())

    async def unattended(self) -> list[JobId]:
        """Unfinished jobs, and ended ones with a wish that nobody answered yet."""
        unfinished = sa.select(_jobs.c.id).where(_jobs.c.state.in_([state.value for state in UNFINISHED]))
        wished = sa.select(tables.wishes.c.job_id).where(tables.wishes.c.taken_at.is_(None))
        async with self._database.look() as connection:
            return [row.id for row in await connection.execute(unfinished.union(wished))]

    async def raise_epoch(self) -> int:
        """A new engine begins: its epoch is higher than any before, and the others' writes change nothing any more."""
        async with self._database.write("epoch") as connection:
            epoch = await connection.run_sync(read_epoch) + 1
            await connection.execute(tables.meta.delete().where(tables.meta.c.key == "epoch"))
            await connection.execute(tables.meta.insert().values(key="epoch", value=str(epoch)))
        return epoch

    async def newest(self) -> int:
        """The `seq` of the newest job; 0 when there is none."""
        async with self._database.look() as connection:
            return int((await connection.execute(sa.select(sa.func.max(_jobs.c.seq)))).scalar() or 0)

    async def accepted_since(self, seq: int) -> tuple[int, list[JobId]]:
        """Ids of jobs accepted after `seq`, and the newest `seq`: how an engine sees what other processes wrote."""
        async with self._database.look() as connection:
            rows = (
                await connection.execute(
                    sa.select(_jobs.c.seq, _jobs.c.id).where(_jobs.c.seq > seq).order_by(_jobs.c.seq)
                )
            ).all()
        return (rows[-1].seq if rows else seq), [row.id for row in rows]

    async def set_progress(self, job: Job, progress: float) -> None:
        """Write down how far a render has come: a fact for other processes to show, no transition."""
        async with self._database.write("progress", among=()) as connection:
            await connection.execute(
                _jobs.update()
                .where(_jobs.c.id == job.id, _jobs.c.version == job.version, _jobs.c.epoch == job.epoch)
                .values(progress=progress)
            )

    async def queue_position(self, job: Job) -> int | None:
        """How many queued jobs of the same provider were there before, plus one; `None` when not queued."""
        if job.state is not State.QUEUED:
            return None
        same_queue = sa.and_(_jobs.c.state == State.QUEUED.value, _jobs.c.provider == job.provider)
        async with self._database.look() as connection:
            ahead = await connection.execute(
                sa.select(sa.func.count()).where(same_queue, _jobs.c.queued_at < job.queued_at)
            )
            return int(ahead.scalar_one()) + 1

    async def events(self, job_id: JobId, *, after: int = 0) -> list[JobEvent]:
        """What happened to a job, oldest first, with ids above `after`."""
        table = tables.job_events
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(table).where(table.c.job_id == job_id, table.c.id > after).order_by(table.c.id)
            )
            return [event_from_row(row) for row in rows.mappings()]

    async def children(self, job_id: JobId, *, limit: int = 50) -> list[Job]:
        """Jobs that descend from this one at once, oldest first; erased ones are not among them."""
        chosen = sa.select(_jobs).where(_jobs.c.parent_id == job_id, _jobs.c.erased_at.is_(None))
        async with self._database.look() as connection:
            rows = await connection.execute(chosen.order_by(_jobs.c.seq).limit(limit))
            return [job_from_row(row) for row in rows.mappings()]

    async def in_state(self, *states: State) -> list[Job]:
        """Jobs in any of these states, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_jobs).where(_jobs.c.state.in_([state.value for state in states])).order_by(_jobs.c.seq)
            )
            return [job_from_row(row) for row in rows.mappings()]


def _take_over(connection: sa.Connection, job_id: JobId) -> Job | None:
    row = connection.execute(_TAKE_OVER, {"of_id": job_id}).mappings().first()
    return None if row is None else job_from_row(row)


def read_epoch(connection: sa.Connection) -> int:
    """The epoch of the newest engine; 0 before the first."""
    return int((connection.execute(_EPOCH)).scalar() or 0)


def _is_wished(connection: sa.Connection, move: Move) -> bool:
    """Whether a cancel or confirm was committed that this move does not know of."""
    wishes = tables.wishes
    found = connection.execute(
        sa.select(wishes.c.id).where(
            wishes.c.job_id == move.job.id,
            wishes.c.taken_at.is_(None),
            wishes.c.id.not_in(move.taken),
            wishes.c.kind.in_([WishKind.CANCEL, WishKind.CONFIRM]),
        )
    )
    return found.first() is not None


def _columns(move: Move, now: datetime) -> dict[str, Any]:
    columns = job_columns(move.changes) | {"version": move.job.version + 1, "updated_at": now}
    match move.money:
        case Hold(amount=amount):
            columns["held_micro_usd"] = int(amount)
        case Settle(amount=amount):
            columns |= {"hold_id": None, "charged_micro_usd": int(amount)}
        case Release():
            columns["hold_id"] = None
        case None:
            pass
    if move.to is not move.job.state:
        require(move.job.state, move.to)
        # A new state starts with a clean slate, unless the step says otherwise.
        columns = {"tries": 0, "next_at": None, "note": None, "progress": None} | columns
        columns |= {"state": move.to.value, "state_since": now}
    return columns


def _update(connection: sa.Connection, job: Job, columns: dict[str, Any]) -> sa.RowMapping | None:
    """The one UPDATE of a transition; `None` when the job was moved or taken over since it was loaded."""
    mine = {"of_id": job.id, "of_version": job.version, "of_epoch": job.epoch}
    updated = connection.execute(_MOVE, columns | mine)
    row: sa.RowMapping | None = updated.mappings().first()
    return row


def _write_what_comes_with(connection: sa.Connection, move: Move, charged: int | None, now: datetime) -> None:
    job = move.job
    refer_assets(connection, job.id, move.assets)
    if move.new_delivery is not None:
        add_delivery(connection, move.new_delivery, now)
    if move.taken:
        connection.execute(tables.wishes.update().where(tables.wishes.c.id.in_(move.taken)).values(taken_at=now))
    if job.is_final or move.to in FINAL:
        # Also where it stays as it is: late proof changes what it cost.
        index_state(connection, job.id, move.to, charged)
    if move.to is not job.state:
        _event(connection, job.id, now, "moved", move.to, {"from": job.state.value, **move.details})


def _event(
    connection: sa.Connection, job_id: JobId, now: datetime, kind: str, state: State, details: Mapping[str, Any]
) -> None:
    row = {"job_id": job_id, "at": now, "kind": kind, "state": state.value, "details": dict(details)}
    connection.execute(_INSERT_EVENT, row)
