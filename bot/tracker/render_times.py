"""How long renders take: what was measured, when one is worth asking about, and when one is likely to end. Pure.

A measurement counts from the moment the provider accepted the job until the moment its render was over, in seconds.
With fewer than `FEW` of them nothing is claimed.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FEW = 5
"""Below this many measured renders no estimate is given, and the schedule goes by the vendor's word or a guess."""
MANY = 20
"""From this many on, the margins of the schedule are narrow."""
COUNTED = 100
"""So many of the newest measurements count: a provider that becomes faster or slower is followed."""

_LOW, _LOW_OF_FEW = 1.7, 2.05
"""How far below the middle the dense polls begin, in standard deviations (of the logarithms): one render in 22 ends before."""
_HIGH, _HIGH_BEFORE_A_GAP = 3.0, 2.0
"""How far above it they end. Before a gap, where polls pause, nearer: what is missed there is found after it."""
_BEYOND, _FAR_BEYOND = 1.1, 2.0
"""A window ends at least and at most at this multiple of the slowest render: a guess from five must not end too late."""
_LEAST_SPREAD = 0.02
"""Renders that all took the same time vary at least by this share: what is measured is a poll, not the end itself."""
_SPLIT = 1.3
"""Neighbours in the sorted measurements that differ by this factor may belong to two kinds of render (cold, warm)."""
_SHARE_OF_A_KIND = 0.2
_FEWEST_OF_A_KIND = 4
_GAP_WORTH_IT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderKey:
    """Renders that are comparable: one offer, one length, one resolution."""

    provider: str
    model: str
    duration_s: int
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Ages at which a render is likely to end, in seconds since it was accepted."""

    begins_s: float
    ends_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one kind of render. Says nothing but its count until there are `FEW`."""

    count: int = 0
    p50_s: float | None = None
    """Half of the renders took at most this long; `None` with too few."""
    p90_s: float | None = None
    """Nine of ten took at most this long; `None` with too few."""
    windows: tuple[Window, ...] = ()
    """When ends are plausible, in order, not overlapping; empty with too few."""

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Measured:
        """What these measurements, in any order, tell."""
        if len(seconds) < FEW:
            return cls(count=len(seconds))
        ordered = sorted(seconds)
        return cls(
            count=len(ordered),
            p50_s=statistics.median(ordered),
            p90_s=ordered[math.ceil(0.9 * len(ordered)) - 1],
            windows=_windows(ordered),
        )

    def is_between(self, age_s: float) -> bool:
        """Whether polls are sparse at this age: an end is likely later, and not now."""
        return any(age_s < window.begins_s for window in self.windows) and not any(
            window.begins_s <= age_s < window.ends_s for window in self.windows
        )

    def begun_sooner(self, factor: float) -> Measured:
        """The same, every window begun at this share of its age: for a provider that became faster."""
        if factor >= 1.0:
            return self
        return replace(self, windows=tuple(replace(each, begins_s=each.begins_s * factor) for each in self.windows))


NOTHING_MEASURED = Measured()


def eta(accepted_at: datetime, measured: Measured, now: datetime) -> datetime | None:
    """When a render accepted then should be done: by the median, once it is older by the ninth decile, then nobody knows."""
    age_s = (now - accepted_at).total_seconds()
    for quantile in (measured.p50_s, measured.p90_s):
        if quantile is not None and age_s < quantile:
            return accepted_at + timedelta(seconds=quantile)
    return None


def _windows(ordered: Sequence[float]) -> tuple[Window, ...]:
    """Prediction intervals of the logarithms: of all, or of each kind where the measurements fall into kinds."""
    logs = [math.log(each) for each in ordered]
    low = _LOW if len(logs) >= MANY else _LOW_OF_FEW
    kinds = _kinds(logs) if len(logs) >= MANY else [logs]
    windows: list[Window] = []
    for number, kind in enumerate(kinds):
        is_last = number == len(kinds) - 1
        middle, spread = statistics.fmean(kind), max(statistics.stdev(kind), _LEAST_SPREAD)
        begins = math.exp(middle - _factor(len(kind), low) * spread)
        ends = math.exp(middle + _factor(len(kind), _HIGH if is_last else _HIGH_BEFORE_A_GAP) * spread)
        slowest = math.exp(kind[-1])
        ends = min(max(ends, slowest * (_BEYOND if is_last else 1.0)), slowest * _FAR_BEYOND)
        if windows and begins <= windows[-1].ends_s + _GAP_WORTH_IT_S:
            windows[-1] = replace(windows[-1], ends_s=max(ends, windows[-1].ends_s))
        else:
            windows.append(Window(begins_s=begins, ends_s=ends))
    return tuple(windows)


def _kinds(logs: Sequence[float]) -> list[list[float]]:
    """Cut where neighbours lie far apart, as long as each piece is large enough to be a kind and no outlier."""
    fewest = max(_FEWEST_OF_A_KIND, _SHARE_OF_A_KIND * len(logs))
    pieces: list[list[float]] = [[logs[0]]]
    for before, after in itertools.pairwise(logs):
        if after - before > math.log(_SPLIT):
            pieces.append([])
        pieces[-1].append(after)
    kinds = pieces[:1]
    for piece in pieces[1:]:
        if min(len(piece), len(kinds[-1])) < fewest:
            kinds[-1].extend(piece)
        else:
            kinds.append(piece)
    return kinds


def _factor(count: int, deviations: float) -> float:
    """Student's quantile for a prediction from so few (Cornish-Fisher): the fewer were measured, the wider."""
    z, free = deviations, count - 1
    widened = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return widened * math.sqrt(1 + 1 / count)
