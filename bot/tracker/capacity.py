"""Who goes next. A pure rule over what is queued and what runs; the store counts and applies it in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.ids import JobId

BATCH = 32
"""At most so many are let in at a time, so that one look at a long line stays cheap."""
PATIENCE = timedelta(minutes=10)
"""Who has waited longer than this goes first, whatever else the person has running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A job in line."""

    job_id: JobId
    person: str
    since: datetime


def next_in_line(
    queued: Sequence[Queued], running: Mapping[str, int], *, room: int, person_concurrent: int, now: datetime
) -> list[JobId]:
    """At most `room` job ids, in the order in which they go.

    First who has waited over ten minutes, by age; then the person with the fewest running jobs; then age. Nobody gets
    beyond `person_concurrent` running jobs: the others wait, they are not refused. What is granted counts at once.
    """
    counts = Counter(running)
    waiting = sorted(queued, key=lambda job: (job.since, job.job_id))
    chosen: list[JobId] = []
    while len(chosen) < min(room, BATCH):
        eligible = [job for job in waiting if counts[job.person] < person_concurrent]
        if not eligible:
            break
        best = min(eligible, key=lambda job: _rank(job, counts, now))
        chosen.append(best.job_id)
        counts[best.person] += 1
        waiting.remove(best)
    return chosen


def _rank(job: Queued, running: Mapping[str, int], now: datetime) -> tuple[int, int, datetime, JobId]:
    if now - job.since > PATIENCE:
        return (0, 0, job.since, job.job_id)
    return (1, running[job.person], job.since, job.job_id)
