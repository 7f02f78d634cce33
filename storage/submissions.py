"""Submissions: the grant that begins one, the facts that end it, and who goes next.

Capacity is never a counter: it is counted here, in the transaction that grants, so it holds across processes and
crashes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Fenced
from bot.ids import JobId
from bot.jobs.model import Job, Outcome, Submission, WishKind
from bot.jobs.moves import AttemptFact
from bot.jobs.states import RUNNING, State
from bot.ports import Capacity, Clock
from bot.tracker.breaker import Health
from bot.tracker.capacity import Queued, next_in_line
from storage import tables
from storage.database import Database
from storage.provider_health import health_in
from storage.rows import job_from_row, submission_from_row

_submissions = tables.submissions
_jobs = tables.jobs

UNCONFIRMED_OCCUPIES = timedelta(minutes=30)
"""How long an unconfirmed attempt counts towards capacity; afterwards only towards money."""


class Submissions:
    """The attempts of one installation."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def grant(self, job: Job, submission: Submission, capacity: Capacity, person_concurrent: int) -> Job | None:
        """Write the submission and move the job to `submitting`, if there is room and it is this job's turn.

        `None` when there is no room, another goes first, or the provider is paused or resting: nothing was written.
        Raises `Fenced` when the job was moved or taken over, or a cancel was committed before.
        """
        now = self._clock.now()
        async with self._database.write("grant") as connection:
            row = (await connection.execute(sa.select(_jobs).where(_jobs.c.id == job.id))).mappings().one()
            if (row["version"], row["epoch"]) != (job.version, job.epoch) or await _cancel_wished(connection, job.id):
                raise Fenced(f"job {job.id} was moved by somebody else")
            turn = await _next_in_line(connection, job.provider, capacity, person_concurrent, now)
            if job.id not in turn:
                return None
            await connection.execute(
                _submissions.insert().values(
                    attempt_id=submission.attempt_id,
                    job_id=job.id,
                    provider=submission.provider,
                    model=submission.model,
                    token=submission.token,
                    input_url=submission.input_url,
                    started_at=now,
                    lookups=0,
                )
            )
            await connection.execute(
                _jobs.update()
                .where(_jobs.c.id == job.id)
                .values(
                    state=State.SUBMITTING.value,
                    version=job.version + 1,
                    attempt_id=submission.attempt_id,
                    retries_used=job.retries_used + 1,
                    next_at=None,
                    note=None,
                    progress=None,
                    state_since=now,
                    updated_at=now,
                )
            )
            await connection.execute(
                tables.job_events.insert().values(
                    job_id=job.id,
                    at=now,
                    kind="moved",
                    state=State.SUBMITTING.value,
                    details={"from": job.state.value, "attempt": submission.attempt_id},
                )
            )
            saved = await connection.execute(sa.select(_jobs).where(_jobs.c.id == job.id))
            return job_from_row(saved.mappings().one())

    async def still_ours(self, job: Job) -> bool:
        """Whether nobody moved or took over the job since: read afresh, right before sending."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(_jobs.c.version, _jobs.c.epoch).where(_jobs.c.id == job.id))
            return tuple(found.one()) == (job.version, job.epoch)

    async def record(self, fact: AttemptFact) -> None:
        """Write down what became known of an attempt, whoever owns the job."""
        async with self._database.write("attempt fact") as connection:
            await write_attempt_fact(connection, fact, self._clock.now())

    async def looked_up(self, attempt_id: str) -> None:
        """Count one look-up."""
        async with self._database.write("look-up") as connection:
            await connection.execute(
                _submissions.update()
                .where(_submissions.c.attempt_id == attempt_id)
                .values(lookups=_submissions.c.lookups + 1)
            )

    async def load(self, attempt_id: str) -> Submission | None:
        """One attempt."""
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(_submissions).where(_submissions.c.attempt_id == attempt_id))
            row = found.mappings().first()
        return submission_from_row(row) if row else None

    async def of_job(self, job_id: JobId) -> list[Submission]:
        """Every attempt of a job, oldest first."""
        async with self._database.read() as connection:
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
        async with self._database.read() as connection:
            rows = await connection.execute(
                sa.select(_submissions)
                .join(_jobs, _jobs.c.id == _submissions.c.job_id)
                .where(
                    which,
                    _jobs.c.state.in_([State.FAILED.value, State.CANCELLED.value]),
                    sa.or_(_submissions.c.ended_at.is_(None), given_up),
                )
                .order_by(_submissions.c.started_at)
            )
            return [submission_from_row(row) for row in rows.mappings()]

    async def next_in_line(self, provider: str, capacity: Capacity, person_concurrent: int) -> list[JobId]:
        """Whose turn it is now at a provider: at most as many as it has room for."""
        async with self._database.read() as connection:
            return await _next_in_line(connection, provider, capacity, person_concurrent, self._clock.now())


async def write_attempt_fact(connection: AsyncConnection, fact: AttemptFact, now: datetime) -> None:
    """Fill in an outcome once (unconfirmed may still become accepted), an id once, an end once."""
    mine = _submissions.c.attempt_id == fact.attempt_id
    if fact.outcome is not None:
        open_outcome = sa.or_(_submissions.c.outcome.is_(None), _submissions.c.outcome == Outcome.UNCONFIRMED.value)
        await connection.execute(
            _submissions.update().where(mine, open_outcome).values(outcome=fact.outcome.value, reason=fact.reason)
        )
    if fact.provider_job_id is not None:
        await connection.execute(
            _submissions.update()
            .where(mine, _submissions.c.provider_job_id.is_(None))
            .values(provider_job_id=fact.provider_job_id)
        )
    if fact.ended:
        await connection.execute(
            _submissions.update().where(mine, _submissions.c.ended_at.is_(None)).values(ended_at=now)
        )


async def _cancel_wished(connection: AsyncConnection, job_id: JobId) -> bool:
    table = tables.wishes
    found = await connection.execute(
        sa.select(table.c.id).where(
            table.c.job_id == job_id, table.c.kind == WishKind.CANCEL.value, table.c.taken_at.is_(None)
        )
    )
    return found.first() is not None


async def _next_in_line(
    connection: AsyncConnection, provider: str, capacity: Capacity, person_concurrent: int, now: datetime
) -> list[JobId]:
    health = await health_in(connection, provider)
    room = _room(health, capacity, await _open(connection, provider, now))
    if room > 0 and capacity.creates_per_minute is not None:
        room = min(room, capacity.creates_per_minute - await _last_minute(connection, provider, now))
    if room <= 0:
        return []
    waiting = await connection.execute(
        sa.select(_jobs.c.id, _jobs.c.person, _jobs.c.queued_at)
        .where(
            _jobs.c.state == State.QUEUED.value,
            _jobs.c.provider == provider,
            sa.or_(_jobs.c.next_at.is_(None), _jobs.c.next_at <= now),
        )
        .order_by(_jobs.c.queued_at)
    )
    queued = [Queued(job_id=row.id, person=row.person, since=row.queued_at or now) for row in waiting]
    if not queued:
        return []
    running = await connection.execute(
        sa.select(_jobs.c.person, sa.func.count().label("running"))
        .where(_jobs.c.state.in_([state.value for state in RUNNING]))
        .group_by(_jobs.c.person)
    )
    counts = {row.person: int(row.running) for row in running}
    return next_in_line(queued, counts, room=room, person_concurrent=person_concurrent, now=now)


def _room(health: Health, capacity: Capacity, occupied: tuple[int, int]) -> int:
    running, submitting = occupied
    if not health.takes_creates:
        return 0
    unlimited = 1_000_000
    room = unlimited if capacity.max_concurrent is None else capacity.max_concurrent - running
    return min(room, 1 - submitting) if health.one_at_a_time else room


async def _open(connection: AsyncConnection, provider: str, now: datetime) -> tuple[int, int]:
    """Open submissions of the account, and how many of them are on their way right now."""
    occupies = sa.or_(
        _submissions.c.outcome.is_(None),
        _submissions.c.outcome == Outcome.ACCEPTED.value,
        sa.and_(
            _submissions.c.outcome == Outcome.UNCONFIRMED.value,
            _submissions.c.started_at > now - UNCONFIRMED_OCCUPIES,
        ),
    )
    found = await connection.execute(
        sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((_submissions.c.outcome.is_(None), 1), else_=0)), 0)
        ).where(_submissions.c.provider == provider, _submissions.c.ended_at.is_(None), occupies)
    )
    running, submitting = found.one()
    return int(running), int(submitting)


async def _last_minute(connection: AsyncConnection, provider: str, now: datetime) -> int:
    found = await connection.execute(
        sa.select(sa.func.count()).where(
            _submissions.c.provider == provider,
            _submissions.c.started_at > now - timedelta(minutes=1),
            # A clock set back leaves attempts "in the future"; they must not block for as long as it was ahead.
            _submissions.c.started_at <= now + timedelta(minutes=1),
        )
    )
    return int(found.scalar_one())
