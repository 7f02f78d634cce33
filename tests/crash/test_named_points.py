"""Promises 1 to 5: SIGKILL before and after every commit and every outside call, then a restart.

The points are found by recording each story. The plain one is killed at every point it passes; the others at every
point that lies in another place of a job's life, each place once. `make crash` kills every story at every point.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.plan import all_kills, record, unclaimed_kills
from tests.crash.stage import Zygote, kill_and_restart
from tests.crash.stories import DISCORD_STORIES, SLACK_STORIES, STORIES, VENDOR_STORIES, VENDORS, Story

pytestmark = pytest.mark.crash

IN_TURNS = VENDOR_STORIES[0 : len(VENDOR_STORIES) // 2 : 2] + VENDOR_STORIES[len(VENDOR_STORIES) // 2 + 1 :: 2]
"""Every trouble at one of the two vendors; `make crash` plays each at both."""
SHARE = {"discord": 3, "slack": 5}
"""One point of so many: an upload to Slack takes more steps, and no more time here for that."""
CLUSTER_PARTS = 4
CLUSTER_SHARE = 10
"""One point of so many on PostgreSQL: a dead worker is followed after a second there."""
PARTS = 4
"""The plain story's points are spread over so many tests, for the sake of parallel runs."""


@pytest.mark.parametrize("part", range(PARTS))
def test_the_plain_story_survives_a_kill_at_every_point(
    zygote: Zygote, tmp_path: Path, claims: Path, part: int
) -> None:
    points = record(zygote, tmp_path / "recording", STORIES[0])
    assert len(points) >= 40, "the watcher sees far fewer commits and calls than there are"
    list(unclaimed_kills(STORIES[0], points, claims))

    broken = {
        kill: findings
        for kill in all_kills(points)[part::PARTS]
        if (findings := kill_and_restart(zygote, tmp_path / "stage", STORIES[0], kill))
    }

    assert broken == {}


@pytest.mark.parametrize("part", range(CLUSTER_PARTS))
def test_a_worker_of_many_is_followed_wherever_it_is_killed(cluster_zygote: Zygote, tmp_path: Path, part: int) -> None:
    """On PostgreSQL: another worker takes its jobs over. Some of the points each time; `make crash` takes all."""
    stories = [STORIES[0], next(story for story in VENDOR_STORIES if story.vendor == "wavespeed")]
    story = stories[part % len(stories)]
    kills = all_kills(record(cluster_zygote, tmp_path / "recording", story))
    assert len(kills) >= 60, "the watcher sees far fewer commits and calls than there are"

    broken = {
        kill: findings
        for kill in kills[part::CLUSTER_SHARE]
        if (findings := kill_and_restart(cluster_zygote, tmp_path / "stage", story, kill))
    }

    assert broken == {}


@pytest.mark.parametrize(("part", "vendor"), list(enumerate(VENDORS)))
def test_an_order_at_a_paid_service_survives_a_kill(zygote: Zygote, tmp_path: Path, vendor: str, part: int) -> None:
    """With the product's own client, over a real socket; what the emulated service billed is what counts.

    Each vendor at every other point, one beginning with the first and one with the second; `make crash` takes all.
    """
    story = next(story for story in VENDOR_STORIES if story.vendor == vendor)
    points = record(zygote, tmp_path / "recording", story)

    broken = {
        kill: findings
        for kill in all_kills(points)[part::2]
        if (findings := kill_and_restart(zygote, tmp_path / "stage", story, kill))
    }

    assert broken == {}


@pytest.mark.parametrize(
    ("part", "story"),
    [*enumerate(DISCORD_STORIES), *enumerate(SLACK_STORIES)],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_clip_reaches_its_chat_once_whenever_it_is_killed(
    zygote: Zygote, tmp_path: Path, part: int, story: Story
) -> None:
    """With the product's own courier, over a real socket; what the emulated Discord or Slack shows is what counts.

    Each story at some of the points around the chat, others in the next; `make crash` takes all points.
    """
    kills = [kill for kill in all_kills(record(zygote, tmp_path / "recording", story)) if _is_about_chat(kill.point)]
    assert kills

    broken = {
        kill: findings
        for kill in kills[part % SHARE[story.chat] :: SHARE[story.chat]]
        if (findings := kill_and_restart(zygote, tmp_path / "stage", story, kill))
    }

    assert broken == {}


def _is_about_chat(point: str) -> bool:
    return any(word in point for word in ("courier", "checkpoint", "card", "delivering", "erase", "slack"))


@pytest.mark.parametrize("story", [*STORIES[1:], *IN_TURNS], ids=lambda story: story.name)
def test_every_story_survives_a_kill_where_it_differs(
    zygote: Zygote, tmp_path: Path, claims: Path, story: Story
) -> None:
    points = record(zygote, tmp_path / "recording", story)

    broken = {
        kill: findings
        for kill in unclaimed_kills(story, points, claims)
        if (findings := kill_and_restart(zygote, tmp_path / "stage", story, kill))
    }

    assert broken == {}
