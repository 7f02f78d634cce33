"""Promises 1 to 5: SIGKILL before and after every commit and every outside call, then a restart.

The points are found by recording each story. The plain one is killed at every point it passes; the others wherever a
point lies in another place of a job's life than there. `make crash` kills every story at every point.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.plan import all_kills, contexts, new_kills, record
from tests.crash.stage import Zygote, kill_and_restart
from tests.crash.stories import STORIES, Story

pytestmark = pytest.mark.crash

PARTS = 4
"""The plain story's points are spread over so many tests, for the sake of parallel runs."""


@pytest.mark.parametrize("part", range(PARTS))
def test_the_plain_story_survives_a_kill_at_every_point(
    zygote: Zygote, plain: list[str], tmp_path: Path, part: int
) -> None:
    kills = all_kills(plain)[part::PARTS]
    assert len(kills) >= 40 // PARTS, "the watcher sees far fewer commits and calls than there are"

    for kill in kills:
        assert kill_and_restart(zygote, tmp_path / "stage", STORIES[0], kill) == [], f"killed at {kill}"


@pytest.mark.parametrize("story", STORIES[1:], ids=lambda story: story.name)
def test_every_story_survives_a_kill_where_it_differs(
    zygote: Zygote, plain: list[str], tmp_path: Path, story: Story
) -> None:
    points = record(zygote, tmp_path / "recording", story)

    for kill in new_kills(points, contexts(plain)):
        assert kill_and_restart(zygote, tmp_path / "stage", story, kill) == [], f"killed at {kill}"
