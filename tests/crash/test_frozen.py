"""Promise 1: a worker frozen between the write and the send sends nothing when it is woken up too late.

SIGSTOP stops a process between two instructions. It is stopped right after the submission is
on the disk, and once more at the very last moment before the check of the clock, for longer than the five seconds after
which nothing may be sent. `REELBOT_TEST_FREEZE_S=60` makes it a minute.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.crash.assertions import check
from tests.crash.evidence import read_evidence
from tests.crash.patient import LAST_LOOK, Kill
from tests.crash.stage import Zygote, staged
from tests.crash.stories import STORIES, VENDOR_STORIES, VENDORS, Story

pytestmark = pytest.mark.crash

ASLEEP_S = float(os.environ.get("REELBOT_TEST_FREEZE_S", "5.5"))
PLAIN = [STORIES[0], *(next(story for story in VENDOR_STORIES if story.vendor == vendor) for vendor in VENDORS)]

VENDOR_PLAIN = PLAIN[1]


@pytest.mark.parametrize("point", ["after commit grant", LAST_LOOK])
@pytest.mark.parametrize("story", PLAIN, ids=lambda story: story.name)
def test_a_worker_frozen_between_the_write_and_the_send_sends_nothing(
    zygote: Zygote, tmp_path: Path, story: Story, point: str
) -> None:
    with staged(zygote, tmp_path / "stage", story) as stage:
        outcome = stage.run_frozen(Kill(point=point), asleep_s=ASLEEP_S)

    assert outcome.status == 0
    evidence = read_evidence(stage.folder, story)
    assert check(evidence) == []
    first, *others = sorted(evidence.submissions.values(), key=lambda row: str(row["started_at"]))
    assert first["outcome"] == "not_sent", "what was frozen must not have been sent"
    assert [row["outcome"] for row in others] == ["accepted"], "and the job went on with an attempt of its own"
    assert [render.accepted["attempt_id"] for render in evidence.renders] == [others[0]["attempt_id"]]


@pytest.mark.parametrize("point", ["after commit grant", LAST_LOOK])
def test_a_frozen_worker_of_many_sends_nothing_either(cluster_zygote: Zygote, tmp_path: Path, point: str) -> None:
    """On PostgreSQL, where it is taken for dead meanwhile: what it had written is never sent, and the job goes on."""
    story = VENDOR_PLAIN
    with staged(cluster_zygote, tmp_path / "stage", story) as stage:
        outcome = stage.run_frozen(Kill(point=point), asleep_s=ASLEEP_S)
        evidence = read_evidence(stage.folder, story)

    assert outcome.status == 0
    assert check(evidence) == []
    first, *_ = sorted(evidence.submissions.values(), key=lambda row: str(row["started_at"]))
    assert first["outcome"] in ("not_sent", "unconfirmed")
    assert first["attempt_id"] not in [render.accepted["attempt_id"] for render in evidence.renders], "it was sent"
