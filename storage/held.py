"""The held start: what a restored or copied database must not do by itself.

Its original may have gone on: every job that waits here may have been paid, posted or cancelled there. So whatever
would order or post is ended, in one transaction, before any engine runs; what is at a provider goes on and is kept; and
nothing is paid until an operator says `reelbot resume`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.jobs.model import Job, JobError, Outcome, WishKind
from bot.jobs.moves import AttemptFact, DeliveryFact, Move, Release
from bot.jobs.states import BEFORE_SUBMITTING, UNFINISHED, State
from bot.languages.said import say
from storage import tables
from storage.database import insert_into
from storage.jobs import Jobs
from storage.provider_health import ALL
from storage.rows import WHOLE_JOB, job_from_row

BY = "restore"
"""Who paused, for a hold: any other pause is an operator's own, and resuming everything ends both."""
_jobs = tables.jobs
_wishes = tables.wishes
_health = tables.provider_health
_GOING_ON = (State.UNCONFIRMED, State.RENDERING, State.FETCHING)
_ENDED = frozenset({State.SUBMITTING, State.DELIVERING}) | BEFORE_SUBMITTING
"""States that a hold moves a job out of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a hold did."""

    why: str
    cancelled: int
    unconfirmed: int
    undelivered: int
    going_on: int
    """At a provider, or being fetched: they go on, and their clips are kept unposted."""


def hold_everything(connection: sa.Connection, jobs: Jobs, *, epoch: int, now: datetime, why: str) -> Held:
    """End what waits, keep back what is under way, pause every provider: inside the caller's transaction.

    `epoch` is higher than any before: an engine that still had these jobs in hand changes nothing any more.
    """
    unfinished = _jobs.c.state.in_([state.value for state in UNFINISHED])
    going_on = _jobs.c.state.in_([state.value for state in _GOING_ON])
    count = connection.execute(sa.select(sa.func.count()).select_from(_jobs).where(going_on)).scalar_one()
    # Above whatever a job had: with many workers each counts for itself.
    higher = sa.case((_jobs.c.epoch < epoch, epoch), else_=_jobs.c.epoch + 1)
    connection.execute(_jobs.update().where(unfinished).values(epoch=higher))
    # Ended ones, too: late proof of a charge would fetch and post their clip, and their cards are the original's.
    connection.execute(_jobs.update().where(_jobs.c.held_back.is_(False)).values(held_back=True))
    asking = _wishes.c.kind.in_([WishKind.CONFIRM.value, WishKind.RESEND.value])
    connection.execute(_wishes.update().where(_wishes.c.taken_at.is_(None), asking).values(taken_at=now))
    ended = {State.CANCELLED: 0, State.UNCONFIRMED: 0, State.UNDELIVERED: 0, State.DELIVERED: 0}
    for job in _those_that_end(connection):
        move = _end(connection, job)
        # Not `Jobs.move`, which commits by itself: all of them, the mark and the pause are one transaction.
        if jobs.move_within(connection, move) is None:
            raise RuntimeError(f"job {job.id} moved inside our own transaction")
        ended[move.to] += 1
    _pause_everything(connection, now, why)
    return Held(
        why=why,
        cancelled=ended[State.CANCELLED],
        unconfirmed=ended[State.UNCONFIRMED],
        undelivered=ended[State.UNDELIVERED],
        going_on=int(count),
    )


def held_because(connection: sa.Connection) -> str | None:
    """Why everything is held; `None` when nothing is, or when somebody has resumed since."""
    row = connection.execute(sa.select(_health).where(_health.c.provider == ALL)).mappings().first()
    if row is None or row["paused_at"] is None or row["paused_by"] != BY:
        return None
    return f"This database is held: {row['reason']}. Nothing is paid until `reelbot resume`."


def _those_that_end(connection: sa.Connection) -> list[Job]:
    states = [state.value for state in _ENDED]
    rows = connection.execute(sa.select(*WHOLE_JOB).where(_jobs.c.state.in_(states)).order_by(_jobs.c.seq))
    return [job_from_row(row) for row in rows.mappings().all()]


def _end(connection: sa.Connection, job: Job) -> Move:
    if job.state in BEFORE_SUBMITTING:
        message = say(
            "This waited in a database that was restored, and may have been made since; nothing was charged here."
        )
        error = JobError(code="restored", message=message)
        released = Release(reason="waited in a restored database")
        return Move(job=job, to=State.CANCELLED, changes={"error": error}, money=released)
    if job.state is State.SUBMITTING:
        reason = "it was being sent when the restored backup was made"
        fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.UNCONFIRMED, reason=reason)
        note = say("This was being sent when the backup was made; it is looked up at the provider, and not sent again.")
        details = {"reason": reason}
        return Move(job=job, to=State.UNCONFIRMED, changes={"note": note}, attempt=fact, details=details)
    if _is_posted(connection, job):
        return Move(job=job, to=State.DELIVERED, changes={"error": None})
    message = say(
        "This was being posted when the restored backup was made, and may have been posted since. "
        "Look in the thread; if it is not there, press Send again."
    )
    error = JobError(code="restored", message=message, charged=(job.charged or 0) > 0)
    fact_of_post = DeliveryFact(delivery_id=job.delivery_id or "", outcome="unclear")
    return Move(job=job, to=State.UNDELIVERED, changes={"error": error}, ended_delivery=fact_of_post)


def _is_posted(connection: sa.Connection, job: Job) -> bool:
    """The proof of a post may have been written by an engine that lost the job right then."""
    table = tables.deliveries
    found = connection.execute(sa.select(table.c.outcome).where(table.c.id == (job.delivery_id or "")))
    return found.scalar() == "posted"


def _pause_everything(connection: sa.Connection, now: datetime, why: str) -> None:
    paused = {"paused_at": now, "paused_by": BY, "reason": why}
    blank = {"ambiguous": 0, "failures": 0, "throttled": 0, "opened": 0}
    inserted = insert_into(connection.dialect.name, _health).values(provider=ALL, **blank, **paused)
    connection.execute(inserted.on_conflict_do_update(index_elements=["provider"], set_=paused))
