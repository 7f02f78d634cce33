"""When to ask next: polls of a render, look-ups of an unconfirmed attempt, and every deadline of a job's life."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.tracker.render_times import Measured


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
    input_lives: timedelta = timedelta(hours=2)
    """An input's address must be good for at least so long when an order is placed."""
    credit_within: timedelta = timedelta(hours=1)
    """How long a job waits for a provider's account to have credit again."""
    poll_fastest: timedelta = timedelta(seconds=1)
    """Between the beginnings of two questions about one render; nothing undercuts it."""
    poll_slowest: timedelta = timedelta(seconds=10)
    """While nobody knows when a render will end, and after it should have."""
    poll_early: timedelta = timedelta(seconds=5)
    """The age of the one look at a long render that catches what fails at once."""
    poll_sparse: timedelta = timedelta(seconds=30)
    """The longest pause before an end is plausible."""
    render_slow_after: timedelta = timedelta(minutes=30)
    """Or three times the measured ninth decile, whichever is longer."""
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


def next_poll(
    age: timedelta, measured: Measured, typical_s: float | None, times: Times, rng: random.Random
) -> timedelta:
    """The wait before the next poll of a render that was accepted `age` ago, counted from the beginning of the last one.

    Sparse until the earliest plausible end, as dense as allowed while ends are likely, then ever rarer; the renders
    measured here say when that is; before that a guess and the vendor's word (`typical_s`, seconds). Never less than `poll_fastest`, and never for ever.

    Renders begun together are not polled together: each enters the dense polls at a moment of its own, and then keeps
    to the exact interval, so that no end is found later than one interval after it.
    """
    slow_after = slow_from(measured, times)
    if age > max(slow_after, times.render_hourly_after):
        return timedelta(hours=1)
    if age > slow_after:
        return times.render_slow_poll
    age = max(age, timedelta(0))
    if not measured.windows:
        return _by_the_vendor(age, typical_s, times, rng)
    for window in measured.windows:
        begins, ends = timedelta(seconds=window.begins_s), timedelta(seconds=window.ends_s)
        if age < begins:
            return _towards(begins, age, times, rng)
        if age < ends:
            return times.poll_fastest
    beyond = age - timedelta(seconds=measured.windows[-1].ends_s)
    return _rarely(times.poll_fastest + beyond / 10, times, rng)


def slow_from(measured: Measured, times: Times) -> timedelta:
    """The age from which a render takes unusually long: never less than three times its measured ninth decile."""
    return max(times.render_slow_after, timedelta(seconds=3 * (measured.p90_s or 0.0)))


def _by_the_vendor(age: timedelta, typical_s: float | None, times: Times, rng: random.Random) -> timedelta:
    """Dense at first and then a tenth of the age, so that what ends can be measured; dense around the vendor's word.

    Widely around it: what vendors call typical is a round number.
    """
    if typical_s is not None and 0.5 * typical_s <= age.total_seconds() < 2 * typical_s:
        return times.poll_fastest
    return _rarely(age / 10, times, rng)


def _towards(begins: timedelta, age: timedelta, times: Times, rng: random.Random) -> timedelta:
    """From before a window into it: by a few looks on the way, for renders that fail early, where the way is long."""
    entrance = begins + rng.random() * times.poll_fastest - age
    early = times.poll_early * (0.8 + 0.4 * rng.random())
    if begins >= 4 * times.poll_early and age < 0.7 * times.poll_early:
        entrance = early
    elif entrance > times.poll_sparse:
        entrance = times.poll_sparse * (0.8 + 0.2 * rng.random())
    return max(times.poll_fastest, entrance)


def _rarely(wait: timedelta, times: Times, rng: random.Random) -> timedelta:
    """Jittered downwards, so that a render found in the gap can still be measured."""
    return max(times.poll_fastest, min(wait, times.poll_slowest) * (0.9 + 0.1 * rng.random()))


def next_lookup(started_at: datetime, lookups: int, now: datetime, times: Times) -> datetime:
    """When to look for an unconfirmed attempt again, given how often it was looked up."""
    if lookups < len(times.lookups):
        return started_at + times.lookups[lookups]
    return now + times.lookup_afterwards
