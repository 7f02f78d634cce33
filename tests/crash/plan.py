"""The kill points of a story: found by a run that records every commit and every outside call, never written by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.crash.patient import Kill
from tests.crash.stage import Zygote, staged
from tests.crash.stories import Story

Context = tuple[str, str]
"""A point, and the one before it that was not about a card: where in a job's life it lies."""


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


def new_kills(points: Sequence[str], known: set[Context]) -> list[Kill]:
    """One kill for every point in a context that is not known yet."""
    kills = {}
    for context, kill in _in_context(points):
        if context not in known:
            kills.setdefault(context, kill)
    return list(kills.values())


def contexts(points: Sequence[str]) -> set[Context]:
    """Every context of a recording."""
    return {context for context, _ in _in_context(points)}


def _in_context(points: Sequence[str]) -> Iterator[tuple[Context, Kill]]:
    counts: Counter[str] = Counter()
    before = ""
    for point in points:
        counts[point] += 1
        about_a_card = point.endswith(("courier.show", "commit card"))
        yield ("" if about_a_card else before, point), Kill(point=point, occurrence=counts[point])
        if not about_a_card:
            before = point
