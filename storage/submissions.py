"""Submissions: the grant that begins one, the facts that end it, and who goes next.

Capacity is never a counter: it is counted (`storage.capacity`) in the transaction that grants, so it holds across
processes and crashes.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from bot.errors import Fenced
from bot.ids import JobId
from bot.jobs.model import Job, Outcome, Submission, WishKind
from bot.jobs.moves import AttemptFact
from bot.jobs.states import RUNNING, State
from bot.ports import Capacity, Clock
from bot.tracker.capacity import Queued, next_in_line
from storage import tables
from storage.capacity import room
from storage.database import Database, of_person, of_provider
from storage.rows import WHOLE_JOB, is_still, job_from_row, submission_from_row

_submissions = tables.submissions
_jobs = tables.jobs


# Statements of every job's life are built once: building one costs as much as executing it.
_INSERT = _submissions.insert()
_INSERT_EVENT = tables.job_events.insert()
_GRANT = _jobs.update().where(_jobs.c.id == sa.bindparam("of_id")).returning(*WHOLE_JOB)
_open_outcome = sa.and_(
    sa.or_(_submissions.c.outcome.is_(None), _submissions.c.outcome == Outcome.UNCONFIRMED.value),
    sa.bindparam("new_outcome", type_=sa.String).is_not(None),
)
_FACT = (
    _submissions.update()
    .where(_submissions.c.attempt_id == sa.bindparam("of_id"))
    .values(
        outcome=sa.case((_open_outcome, sa.bindparam("new_outcome", type_=sa.String)), else_=_submissions.c.outcome),
        reason=sa.case((_open_outcome, sa.bindparam("new_reason", type_=sa.Text)), else_=_submissions.c.reason),
        provider_job_id=sa.func.coalesce(_submissions.c.provider_job_id, sa.bindparam("new_id", type_=sa.String)),
        ended_at=sa.func.coalesce(_submissions.c.ended_at, sa.bindparam("new_end", type_=tables.UtcTime)),
        refund_expected=sa.func.coalesce(sa.bindparam("new_refund", type_=sa.Boolean), _submissions.c.refund_expected),
        likely_refused=sa.or_(_submissions.c.likely_refused, sa.bindparam("new_doubt", type_=sa.Boolean)),
    )
)
_CANCEL_WISHED = sa.select(tables.wishes.c.id).where(
    tables.wishes.c.job_id == sa.bindparam("of_job"),
    tables.wishes.c.kind == WishKind.CANCEL.value,
    tables.wishes.c.taken_at.is_(None),
)
_is_running = _jobs.c.state.in_([state.value for state in RUNNING])
_RUNNING = sa.select(_jobs.c.person, sa.func.count().label("running")).where(_is_running).group_by(_jobs.c.person)
_RUNNING_OF = (
    sa.select(sa.func.count()).select_from(_jobs).where(_jobs.c.person == sa.bindparam("of_person"), _is_running)
)
_ANYBODY = (
    sa.select(_jobs.c.id)
    .where(_jobs.c.state == State.QUEUED.value, _jobs.c.provider == sa.bindparam("of_provider"))
    .limit(1)
)
_place = sa.func.row_number().over(partition_by=_jobs.c.person, order_by=[_jobs.c.queued_at, _jobs.c.id])
_queued = (
    sa.select(_jobs.c.id, _jobs.c.person, _jobs.c.queued_at, _place.label("place"))
    .where(
        _jobs.c.state == State.QUEUED.value,
        _jobs.c.provider == sa.bindparam("of_provider"),
        sa.or_(_jobs.c.next_at.is_(None), _jobs.c.next_at <= sa.bindparam("now", type_=tables.UtcTime)),
    )
    .subquery()
)
# Nobody can have more than `most` running, so that the rest of a long line need not be looked at.
_LINE = sa.select(_queued).where(_queued.c.place <= sa.bindparam("most"))


class Submissions:
    """The attempts of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def grant(self, job: Job, submission: Submission, capacity: Capacity, person_concurrent: int) -> Job | None:
        """Write the submission and move the job to `submitting`, if there is room for it and for its person.

        `None` when the job is not in line, there is no room, the person has as many running as allowed, or the provider
        is paused or resting: nothing was written. Raises `Fenced` when the job was moved or taken over, or a cancel was committed before. Who
        goes first is `next_in_line`'s to say, right before.
        """
        among = (of_provider(job.provider), of_person(job.requester.person))
        return await self._database.transact(
            "grant", self._grant, job, submission, capacity, person_concurrent, among=among
        )

    def _grant(
        self, connection: sa.Connection, job: Job, submission: Submission, capacity: Capacity, person_concurrent: int
    ) -> Job | None:
        now = self._clock.now()
        if not is_still(connection, job, locks=True) or _cancel_wished(connection, job.id):
            raise Fenced(f"job {job.id} was moved by somebody else")
        if job.state is not State.QUEUED or (job.next_at is not None and job.next_at > now):
            return None
        if room(connection, job.provider, capacity, now) <= 0:
            return None
        if _running_of(connection, job.requester.person) >= person_concurrent:
            return None
        row = {"attempt_id": submission.attempt_id, "job_id": job.id, "provider": submission.provider}
        row |= {"model": submission.model, "token": submission.token, "input_url": submission.input_url}
        connection.execute(_INSERT, row | {"started_at": now, "lookups": 0})
        columns = {
            "state": State.SUBMITTING.value,
            "version": job.version + 1,
            "state_since": now,
            "updated_at": now,
        }
        columns |= {"attempt_id": submission.attempt_id, "retries_used": job.retries_used + 1}
        columns |= {"next_at": None, "note": None, "progress": None}
        granted = connection.execute(_GRANT, columns | {"of_id": job.id})
        details = {"from": job.state.value, "attempt": submission.attempt_id}
        event = {"job_id": job.id, "at": now, "kind": "moved", "state": State.SUBMITTING.value, "details": details}
        connection.execute(_INSERT_EVENT, event)
        return job_from_row(granted.mappings().one())

    async def still_ours(self, job: Job) -> bool:
        """Whether nobody moved or took over the job since: read afresh, right before sending."""
        async with self._database.look() as connection:
            return await connection.run_sync(is_still, job)

    async def record(self, fact: AttemptFact) -> None:
        """Write down what became known of an attempt, whoever owns the job."""
        await self._database.transact("attempt fact", write_attempt_fact, fact, self._clock.now(), among=())

    async def looked_up(self, attempt_id: str, *, empty: bool = False) -> None:
        """Count one look-up; `empty` when it worked and found nothing."""
        counted = {"lookups": _submissions.c.lookups + 1, "lookups_empty": _submissions.c.lookups_empty + int(empty)}
        async with self._database.write("look-up", among=()) as connection:
            await connection.execute(
                _submissions.update().where(_submissions.c.attempt_id == attempt_id).values(counted)
            )

    async def load(self, attempt_id: str) -> Submission | None:
        """One attempt."""
        async with self._database.look() as connection:
            found = await connection.execute(sa.select(_submissions).where(_submissions.c.attempt_id == attempt_id))
            row = found.mappings().first()
        return submission_from_row(row) if row else None

    async def of_job(self, job_id: JobId) -> list[Submission]:
        """Every attempt of a job, oldest first."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_submissions).where(_submissions.c.job_id == job_id).order_by(_submissions.c.started_at)
            )
            return [submission_from_row(row) for row in rows.mappings()]

    async def loose_ends(self, since: datetime) -> list[Submission]:
        """Attempts begun after `since` that may still be at work at a provider although their job ended without a clip."""
        return await self._loose_ends(_submissions.c.started_at > since)

    async def loose_ends_of(self, job: Job) -> list[Submission]:
        """The same of one job."""
        return await self._loose_ends(_submissions.c.job_id == job.id)

    async def _loose_ends(self, which: sa.ColumnElement[bool]) -> list[Submission]:
        given_up = _jobs.c.error["code"].as_string() == "lost_at_provider"
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_submissions)
                .join(_jobs, _jobs.c.id == _submissions.c.job_id)
                .where(
                    which,
                    _jobs.c.state.in_([State.FAILED.value, State.CANCELLED.value]),
                    sa.or_(_submissions.c.ended_at.is_(None), _submissions.c.refund_expected, given_up),
                )
                .order_by(_submissions.c.started_at)
            )
            return [submission_from_row(row) for row in rows.mappings()]

    async def next_in_line(self, provider: str, capacity: Capacity, person_concurrent: int) -> list[JobId]:
        """Whose turn it is now at a provider: at most as many as it has room for."""
        async with self._database.read() as connection:
            return await connection.run_sync(_next_in_line, provider, capacity, person_concurrent, self._clock.now())

    async def by_token(self, token: str) -> Submission | None:
        """The attempt that webhooks to this token are for."""
        async with self._database.look() as connection:
            found = await connection.execute(sa.select(_submissions).where(_submissions.c.token == token))
            row = found.mappings().first()
        return submission_from_row(row) if row else None

    async def known_ids(self, provider: str, ids: Collection[str]) -> set[str]:
        """Which of these ids at a provider belong to an attempt of ours."""
        async with self._database.look() as connection:
            rows = await connection.execute(
                sa.select(_submissions.c.provider_job_id).where(
                    _submissions.c.provider == provider, _submissions.c.provider_job_id.in_(list(ids))
                )
            )
            return {row.provider_job_id for row in rows}


def write_attempt_fact(connection: sa.Connection, fact: AttemptFact, now: datetime) -> None:
    """Fill in an outcome once (unconfirmed may still become accepted), an id once, an end once."""
    values: dict[str, object] = {
        "new_outcome": fact.outcome,
        "new_reason": fact.reason,
        "new_id": fact.provider_job_id,
    }
    values |= {
        "new_end": now if fact.ended else None,
        "new_doubt": fact.likely_refused,
        "new_refund": fact.refund_expected,
        "of_id": fact.attempt_id,
    }
    connection.execute(_FACT, values)


def _cancel_wished(connection: sa.Connection, job_id: JobId) -> bool:
    return (connection.execute(_CANCEL_WISHED, {"of_job": job_id})).first() is not None


def _next_in_line(
    connection: sa.Connection, provider: str, capacity: Capacity, person_concurrent: int, now: datetime
) -> list[JobId]:
    # Mostly nobody waits, and then there is no need to know how much room there is; nor how long the line is without.
    if connection.execute(_ANYBODY, {"of_provider": provider}).first() is None:
        return []
    left = room(connection, provider, capacity, now)
    if left <= 0:
        return []
    waiting = connection.execute(_LINE, {"of_provider": provider, "now": now, "most": person_concurrent})
    queued = [Queued(job_id=row.id, person=row.person, since=row.queued_at or now) for row in waiting]
    running = connection.execute(_RUNNING)
    counts = {row.person: int(row.running) for row in running}
    return next_in_line(queued, counts, room=left, person_concurrent=person_concurrent, now=now)


def _running_of(connection: sa.Connection, person: str) -> int:
    return int((connection.execute(_RUNNING_OF, {"of_person": person})).scalar_one())
