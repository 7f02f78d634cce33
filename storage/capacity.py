"""How much a provider's account takes right now: counted from the submissions, in the caller's transaction, never remembered."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.jobs.model import Outcome
from bot.ports import Capacity
from bot.tracker import capacity as rule
from storage import tables
from storage.provider_health import health_in

_submissions = tables.submissions
_jobs = tables.jobs

UNCONFIRMED_OCCUPIES = timedelta(minutes=30)
"""How long an unconfirmed attempt counts towards capacity; afterwards only towards money."""


def _count_of(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


_occupies = sa.or_(
    _submissions.c.outcome.is_(None),
    _submissions.c.outcome == Outcome.ACCEPTED.value,
    sa.and_(
        _submissions.c.outcome == Outcome.UNCONFIRMED.value,
        _submissions.c.started_at > sa.bindparam("doubted_since", type_=tables.UtcTime),
    ),
)
# A webhook or a look-up that named its id has resolved an attempt, whatever the job's next step is.
_is_unresolved = sa.and_(
    _submissions.c.outcome == Outcome.UNCONFIRMED.value,
    _submissions.c.provider_job_id.is_(None),
    # An operator's decision resolves it, too: then the job has gone on.
    sa.exists().where(_jobs.c.id == _submissions.c.job_id, _jobs.c.state.in_(["submitting", "unconfirmed"])),
)
_OPEN = sa.select(sa.func.count(), _count_of(_submissions.c.outcome.is_(None)), _count_of(_is_unresolved)).where(
    _submissions.c.provider == sa.bindparam("of_provider"), _submissions.c.ended_at.is_(None), _occupies
)
_LAST_MINUTE = sa.select(sa.func.count()).where(
    _submissions.c.provider == sa.bindparam("of_provider"),
    _submissions.c.started_at > sa.bindparam("since", type_=tables.UtcTime),
    # A clock set back leaves attempts "in the future"; they must not block for as long as it was ahead.
    _submissions.c.started_at <= sa.bindparam("until", type_=tables.UtcTime),
)


def room(connection: sa.Connection, provider: str, capacity: Capacity, now: datetime) -> int:
    """How many creates the provider takes right now; counted, never remembered."""
    return rule.room(
        capacity,
        health_in(connection, provider),
        open_now=lambda: _open(connection, provider, now),
        last_minute=lambda: _last_minute(connection, provider, now),
    )


def _open(connection: sa.Connection, provider: str, now: datetime) -> rule.OpenAttempts:
    """Open submissions of the account."""
    found = connection.execute(_OPEN, {"of_provider": provider, "doubted_since": now - UNCONFIRMED_OCCUPIES})
    return rule.OpenAttempts(*map(int, found.one()))


def _last_minute(connection: sa.Connection, provider: str, now: datetime) -> int:
    minute = timedelta(minutes=1)
    found = connection.execute(_LAST_MINUTE, {"of_provider": provider, "since": now - minute, "until": now + minute})
    return int(found.scalar_one())
