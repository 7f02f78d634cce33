"""How much room a provider has, and who goes next. Pure rules; the store counts and applies them in one transaction."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from bot.ids import JobId
from bot.ports import Capacity
from bot.tracker.breaker import AMBIGUOUS_TO_OPEN, Health

BATCH = 32
"""At most so many are let in at a time, so that one look at a long line stays cheap."""
PATIENCE = timedelta(minutes=10)
"""Who has waited longer than this goes first, whatever else the person has running."""


class OpenAttempts(NamedTuple):
    """Attempts that occupy a provider's account."""

    running: int
    """All of them."""
    submitting: int
    """On their way right now."""
    unresolved: int
    """Nobody knows yet whether they were taken."""


def room(
    capacity: Capacity, health: Health, *, open_now: Callable[[], OpenAttempts], last_minute: Callable[[], int]
) -> int:
    """How many creates the provider takes right now, `BATCH` at most; what need not be counted is not."""
    if not health.takes_creates:
        return 0
    left = BATCH
    if capacity.max_concurrent is not None or capacity.creates_at_once is not None or health.one_at_a_time:
        running, submitting, unresolved = open_now()
        if capacity.max_concurrent is not None:
            left = min(left, capacity.max_concurrent - running)
        if capacity.creates_at_once is not None:
            left = min(left, capacity.creates_at_once - submitting)
        if health.one_at_a_time:
            left = min(left, 1 - submitting)
        if health.ambiguous and submitting + unresolved >= AMBIGUOUS_TO_OPEN:
            # Nobody has vouched for the last ones yet: another could only join them.
            return 0
    if left > 0 and capacity.creates_per_minute is not None:
        left = min(left, capacity.creates_per_minute - last_minute())
    return left


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
