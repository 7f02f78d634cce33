"""How much a provider takes right now: `storage.capacity`, over the tables in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.jobs.model import Outcome
from bot.jobs.states import State
from bot.ports import Capacity
from bot.tracker.breaker import AMBIGUOUS_TO_OPEN, Health
from bot.tracker.capacity import BATCH

if TYPE_CHECKING:
    from tests.simulation.tables import Tables

UNCONFIRMED_OCCUPIES = timedelta(minutes=30)
LONG_PAST = timedelta(hours=3)
"""Doubtful attempts older than this are not even looked at any more, whatever a clock says."""


def room(tables: Tables, provider: str, capacity: Capacity, now: datetime) -> int:
    """How many creates the provider takes right now; counted, never remembered."""
    health = tables.health.get(provider) or Health(provider=provider)
    if not health.takes_creates:
        return 0
    room = BATCH
    if capacity.max_concurrent is not None or capacity.creates_at_once is not None or health.one_at_a_time:
        running, submitting, unresolved = _open(tables, provider, now)
        if capacity.max_concurrent is not None:
            room = min(room, capacity.max_concurrent - running)
        if capacity.creates_at_once is not None:
            room = min(room, capacity.creates_at_once - submitting)
        if health.one_at_a_time:
            room = min(room, 1 - submitting)
        if health.ambiguous and submitting + unresolved >= AMBIGUOUS_TO_OPEN:
            return 0
    if room > 0 and capacity.creates_per_minute is not None:
        room = min(room, capacity.creates_per_minute - _last_minute(tables, provider, now))
    return room


def _open(tables: Tables, provider: str, now: datetime) -> tuple[int, int, int]:
    running = submitting = unresolved = 0
    long_past = []
    for attempt_id in tables.occupying[provider]:
        attempt = tables.attempts[attempt_id]
        if attempt.outcome is Outcome.UNCONFIRMED:
            if attempt.started_at <= now - UNCONFIRMED_OCCUPIES:
                if attempt.started_at < now - LONG_PAST:
                    long_past.append(attempt_id)
                continue
            job = tables.jobs[attempt.job_id]
            doubtful = job.state in (State.SUBMITTING, State.UNCONFIRMED)
            unresolved += attempt.provider_job_id is None and doubtful
        running += 1
        submitting += attempt.outcome is None
    for attempt_id in long_past:
        del tables.occupying[provider][attempt_id]
    return running, submitting, unresolved


def _last_minute(tables: Tables, provider: str, now: datetime) -> int:
    minute, counted = timedelta(minutes=1), 0
    for at in reversed(tables.recent[provider]):
        if at < now - 3 * minute:
            # Clocks are seconds apart: nothing before this can be younger.
            break
        counted += now - minute < at <= now + minute
    return counted
