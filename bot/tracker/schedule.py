"""When to ask next: polls of a render, look-ups of an unconfirmed attempt, and every deadline of a job's life."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Every wait and deadline of the tracker, in one place; tests shorten them."""

    confirm_within: timedelta = timedelta(minutes=15)
    queue_within: timedelta = timedelta(hours=24)
    send_within: timedelta = timedelta(seconds=5)
    """From the write of the submission to the send; later, nothing is sent."""
    resolve_after: timedelta = timedelta(seconds=30)
    lookups: tuple[timedelta, ...] = (
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=2),
    )
    """After the attempt, as the providers' fact sheet lays down; then a person decides."""
    lookup_afterwards: timedelta = timedelta(hours=12)
    unconfirmed_within: timedelta = timedelta(days=7)
    poll_fastest: timedelta = timedelta(seconds=1)
    poll_slowest: timedelta = timedelta(seconds=10)
    render_slow_after: timedelta = timedelta(minutes=30)
    render_slow_poll: timedelta = timedelta(minutes=10)
    render_hourly_after: timedelta = timedelta(hours=6)
    render_within: timedelta = timedelta(days=7)
    unknown_within: timedelta = timedelta(minutes=10)
    """How long a provider may not know an id it gave us."""
    retry_first: timedelta = timedelta(seconds=1)
    retry_longest: timedelta = timedelta(minutes=5)
    throttle_wait: timedelta = timedelta(seconds=60)
    """When a provider throttles and does not say for how long."""
    intake_within: timedelta = timedelta(hours=1)
    fetch_within: timedelta = timedelta(hours=24)
    deliver_within: timedelta = timedelta(hours=24)
    longest_wait: timedelta = timedelta(days=8)
    """No stored wait is longer; one further off was written under another clock."""
    call_timeout_s: float = 60.0
    transfer_timeout_s: float = 600.0


def next_poll(age: timedelta, times: Times, rng: random.Random) -> timedelta:
    """The wait before the next poll of a render that began `age` ago: dense at first, then a tenth of its age.

    Measured render times replace this guess once five renders were measured (part 2).
    """
    if age > times.render_hourly_after:
        return timedelta(hours=1)
    if age > times.render_slow_after:
        return times.render_slow_poll
    return max(times.poll_fastest, min(age / 10, times.poll_slowest)) * (0.9 + 0.2 * rng.random())


def next_lookup(started_at: datetime, lookups: int, now: datetime, times: Times) -> datetime:
    """When to look for an unconfirmed attempt again, given how often it was looked up."""
    if lookups < len(times.lookups):
        return started_at + times.lookups[lookups]
    return now + times.lookup_afterwards
