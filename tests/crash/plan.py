"""The kill points of a story: found by a run that records every commit and every outside call, never written by hand."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.crash.patient import Kill
from tests.crash.stage import Zygote, staged
from tests.crash.stories import Story

Context = tuple[str, str]
"""A point, and the one before it that was not about a card: where in a job's life it lies.

With several jobs at once the one before is another job's as often as not: there it counts for nothing.
"""


class StoryDidNotHappen(Exception):
    """Without any kill the story ended differently than it says: it would test nothing."""


def record(zygote: Zygote, folder: Path, story: Story) -> list[str]:
    """Run a story undisturbed; every point it passes, in order. The clean run has to keep every promise, too."""
    with staged(zygote, folder, story) as stage:
        outcome, findings = stage.run_and_check()
    if findings or outcome.report is None:
        raise StoryDidNotHappen(f"{story.name}, undisturbed: {findings}")
    ends = {key: job["state"] for key, job in outcome.report["jobs"].items()}
    if story.ends and ends != story.ends:
        raise StoryDidNotHappen(f"{story.name} ended with {ends} instead of {story.ends}")
    points: list[str] = outcome.report["points"]
    return points


def all_kills(points: Sequence[str]) -> list[Kill]:
    """One kill for every point."""
    return [kill for _, kill in _in_context(points)]


def unclaimed_kills(story: Story, points: Sequence[str], claims: Path) -> Iterator[Kill]:
    """One kill for every point in a context that nobody has claimed yet.

    `claims` is a folder that parallel test processes share: a context is killed in once, whoever comes across it first.
    """
    claims.mkdir(parents=True, exist_ok=True)
    for (before, point), kill in _in_context(points):
        context = ("several jobs" if len(story.asks) > 1 else before, point)
        try:
            (claims / hashlib.sha256("|".join(context).encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            continue
        yield kill


def _in_context(points: Sequence[str]) -> Iterator[tuple[Context, Kill]]:
    counts: Counter[str] = Counter()
    before = ""
    for point in points:
        counts[point] += 1
        about_a_card = point.endswith(("courier.show", "commit card"))
        yield ("" if about_a_card else before, point), Kill(point=point, occurrence=counts[point])
        if not about_a_card:
            before = point
