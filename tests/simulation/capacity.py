"""How much a provider takes right now: `storage.capacity`, over the tables in memory."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.jobs.model import Outcome
from bot.jobs.states import State
from bot.ports import Capacity
from bot.tracker import capacity as rule
from bot.tracker.breaker import Health
from storage.capacity import UNCONFIRMED_OCCUPIES

if TYPE_CHECKING:
    from tests.simulation.tables import Tables

LONG_PAST = timedelta(hours=3)
"""Doubtful attempts older than this are not even looked at any more, whatever a clock says."""


def room(tables: Tables, provider: str, capacity: Capacity, now: datetime) -> int:
    """How many creates the provider takes right now; counted, never remembered."""
    return rule.room(
        capacity,
        tables.health.get(provider) or Health(provider=provider),
        open_now=lambda: _open(tables, provider, now),
        last_minute=lambda: _last_minute(tables, provider, now),
    )


def _open(tables: Tables, provider: str, now: datetime) -> rule.OpenAttempts:
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
    return rule.OpenAttempts(running, submitting, unresolved)


def _last_minute(tables: Tables, provider: str, now: datetime) -> int:
    minute, counted = timedelta(minutes=1), 0
    for at in reversed(tables.recent[provider]):
        if at < now - 3 * minute:
            # Clocks are seconds apart: nothing before this can be younger.
            break
        counted += now - minute < at <= now + minute
    return counted
