"""How long to wait before trying again, and when to give up. Exponential, jittered, bounded."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

LONGEST_RETRY_AFTER = timedelta(minutes=15)
"""A provider that asks for more is asked again after this."""


def backoff(
    tries: int, *, first: timedelta, longest: timedelta, asked_s: float | None = None, rng: random.Random | None = None
) -> timedelta:
    """The wait before try number `tries` + 1: doubles from `first` up to `longest`, ±20 %.

    `asked_s` is what the other side asked for (`Retry-After`): obeyed, never shortened, capped at 15 minutes.
    """
    jitter = 0.8 + 0.4 * (rng.random() if rng else random.random())
    wait: timedelta = min(first * 2 ** min(tries, 20), longest) * jitter
    if asked_s is not None:
        return max(wait, min(timedelta(seconds=max(0.0, asked_s)), LONGEST_RETRY_AFTER))
    return wait


def has_given_up(since: datetime, now: datetime, patience: timedelta) -> bool:
    """Whether something that began at `since` has been tried for long enough.

    A clock set back makes `since` lie in the future: then nothing is given up.
    """
    return now - since > patience
