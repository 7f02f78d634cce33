"""Who goes next. A pure rule over what is queued and what runs; the store counts and applies it in one transaction."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
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
    own: defaultdict[str, deque[Queued]] = defaultdict(deque)
    for job in sorted(queued, key=lambda job: (job.since, job.job_id)):
        own[job.person].append(job)
    # A person's best job is the oldest one, so that only the heads of the persons' lines compete.
    heads = [_rank(line[0], counts, now) for person, line in own.items() if counts[person] < person_concurrent]
    heapq.heapify(heads)
    chosen: list[JobId] = []
    while heads and len(chosen) < min(room, BATCH):
        *_, job_id, person = heapq.heappop(heads)
        chosen.append(job_id)
        counts[person] += 1
        own[person].popleft()
        if own[person] and counts[person] < person_concurrent:
            heapq.heappush(heads, _rank(own[person][0], counts, now))
    return chosen


def _rank(job: Queued, running: Mapping[str, int], now: datetime) -> tuple[int, int, datetime, JobId, str]:
    if now - job.since > PATIENCE:
        return (0, 0, job.since, job.job_id, job.person)
    return (1, running[job.person], job.since, job.job_id, job.person)
