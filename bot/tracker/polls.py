"""What one process remembers of its polls: enough to measure a render, to back off, and to follow a hint.

A poll that learns nothing writes nothing, so this lives in memory. A process that starts anew remembers nothing and, for
the renders it finds under way, measures nothing until it has asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.tracker.render_times import Measured, RenderKey

LONGEST_GAP_S = 10.0
LARGEST_GAP = 0.1
"""A render whose end fell somewhere between two polls further apart than this (seconds, share of its age) is not measured."""
CLOCKS_DIFFER_S = 1.0
HINTED_S = 8.0
"""After a hint that came too early, polls are dense for so long: a provider's own state may lag behind its webhook."""
_SOONER, _LATER = 0.87, 1.006
"""What a render that ended before its window, and one that did not, do to the window: in balance at one in 24."""
_SOONEST = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One moment on both clocks."""

    wall: datetime
    monotonic: float


@dataclass(slots=True, kw_only=True)
class _Asked:
    """What this process remembers of one job."""

    first: Moment | None = None
    last: Moment | None = None
    failures: int = 0
    hinted_until: float = 0.0


@dataclass(slots=True)
class PollLog:
    """What this process remembers of its polls, so that none of them has to be written down.

    One small entry per job in `rendering`; `forget` ends it.
    """

    _jobs: dict[str, _Asked] = field(default_factory=dict)
    _sooner: dict[RenderKey, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """How many jobs are remembered."""
        return len(self._jobs)

    def is_known(self, job_id: str) -> bool:
        """Whether this process had an answer about this job before."""
        return job_id in self._jobs and self._jobs[job_id].last is not None

    def answered(self, job_id: str, at: Moment) -> None:
        """A poll that began at this moment was answered: the render goes on."""
        asked = self._jobs.setdefault(job_id, _Asked())
        asked.first = asked.first or at
        asked.last, asked.failures = at, 0

    def heard(self, job_id: str) -> None:
        """A poll was answered, with nothing that tells how the render goes."""
        if job_id in self._jobs:
            self._jobs[job_id].failures = 0

    def failed(self, job_id: str) -> int:
        """A poll was not answered; returns how many were not, in a row."""
        asked = self._jobs.setdefault(job_id, _Asked())
        asked.failures += 1
        return asked.failures

    def hinted(self, job_id: str, at: Moment) -> None:
        """A hint came before the provider's own state told the same."""
        self._jobs.setdefault(job_id, _Asked()).hinted_until = at.monotonic + HINTED_S

    def is_hinted(self, job_id: str, at: Moment) -> bool:
        """Whether that was a few seconds ago."""
        return job_id in self._jobs and at.monotonic < self._jobs[job_id].hinted_until

    def forget(self, job_id: str) -> None:
        """The job left `rendering`, or this process."""
        self._jobs.pop(job_id, None)

    def taken_s(self, job_id: str, accepted_at: datetime, found: Moment, hint_at: datetime | None) -> float | None:
        """How long a render took that a poll begun at `found` found finished; `None` where that is not known well.

        By the hint that told of it; else the middle between the last two polls, unless they lie too far apart, this
        process made only one of them, or the clock was set meanwhile.
        """
        asked = self._jobs.get(job_id)
        last = asked.last if asked else None
        if asked is not None and asked.first is not None and _clock_was_set(asked.first, found):
            return None
        age_s = (found.wall - accepted_at).total_seconds()
        if hint_at is not None:
            told_s = (min(hint_at, found.wall) - accepted_at).total_seconds()
            return told_s if told_s > 0 else None
        if last is None:
            return None
        gap_s = found.monotonic - last.monotonic
        if gap_s > LONGEST_GAP_S or gap_s > LARGEST_GAP * age_s:
            return None
        return age_s - gap_s / 2

    def learn(self, key: RenderKey, job_id: str, accepted_at: datetime, measured: Measured) -> None:
        """A render was found finished by polling. Those that end before the first window cannot be measured: they move it.

        Without this, a provider that becomes faster would never be noticed, for its renders would all be found by the
        first poll of a window that begins too late.
        """
        asked = self._jobs.get(job_id)
        if asked is None or asked.last is None or asked.failures or not measured.windows:
            return
        last_age_s = (asked.last.wall - accepted_at).total_seconds()
        too_late = measured.is_between(last_age_s)
        factor = self._sooner.get(key, 1.0) * (_SOONER if too_late else _LATER)
        self._sooner[key] = min(1.0, max(_SOONEST, factor))

    def adjusted(self, key: RenderKey, measured: Measured) -> Measured:
        """What was measured, with its first window where `learn` moved it."""
        return measured.begun_sooner(self._sooner.get(key, 1.0))


def _clock_was_set(before: Moment, after: Moment) -> bool:
    passed = (after.wall - before.wall).total_seconds()
    return abs(passed - (after.monotonic - before.monotonic)) > CLOCKS_DIFFER_S
