"""How long things are kept, how much one run may delete, and whether the clock can be believed. Pure decisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Kept(StrEnum):
    """What is kept for a time of its own."""

    INPUTS = "inputs"
    """Pictures and sounds, since a job last used them."""
    CLIPS = "clips"
    """Clips and their posters, likewise."""
    PROMPTS = "prompts"
    """The words of a job, since it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """How long each kind is kept; `None` is for ever."""

    inputs: timedelta | None
    clips: timedelta | None
    prompts: timedelta | None

    @classmethod
    def of_days(cls, *, inputs: int, clips: int, prompts: int) -> Periods:
        """From the settings, where 0 is for ever."""
        return cls(inputs=_days(inputs), clips=_days(clips), prompts=_days(prompts))

    def limited(self) -> Iterator[tuple[Kept, timedelta]]:
        """Each kind that is not kept for ever."""
        for kind in Kept:
            period: timedelta | None = getattr(self, kind.value)
            if period is not None:
                yield kind, period


def most_in_one_run(count: int) -> int:
    """How many of `count` one run may delete without a person's word: a fifth, and one where there are fewer than five."""
    return max(1, count // 5) if count else 0


SILENCE = timedelta(hours=48)
"""A sweeper that was not heard of for longer cannot tell a machine that was off from a clock that jumped."""
TOLERANCE = timedelta(minutes=5)
"""How far the wall clock may leave the monotonic one between two looks: corrections, not jumps."""
PROBATION = timedelta(hours=24)
"""How long a clock that was doubted must then go evenly before anything is deleted by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTrust:
    """What is known of the wall clock: when it was last looked at, and since when it is doubted."""

    seen_at: datetime | None = None
    doubted_since: datetime | None = None

    def look(self, now: datetime, *, elapsed: timedelta | None) -> ClockTrust:
        """After a look at the clock. `elapsed` is the time since the last look by a clock that cannot jump, if known."""
        doubted_since = self.doubted_since
        if self.seen_at is not None:
            moved = now - self.seen_at
            # Without a clock that cannot jump, a machine that was off looks like a jump, unless it was not off for long.
            late = moved - elapsed if elapsed is not None else max(moved - SILENCE, min(moved, timedelta(0)))
            if abs(late) > TOLERANCE:
                doubted_since = now
        if doubted_since is not None and now - doubted_since >= PROBATION:
            doubted_since = None
        return ClockTrust(seen_at=now, doubted_since=doubted_since)

    @property
    def is_trusted(self) -> bool:
        """Whether things may be deleted by it."""
        return self.doubted_since is None


def _days(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None
