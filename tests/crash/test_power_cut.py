"""Promises 1 and 2: the power fails, and the disk holds no more than the commits that were synced."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.crash.power import cuts, play_until_the_end, restart_after
from tests.crash.stage import Zygote, staged
from tests.crash.stories import STORIES, Story
from tests.crash.wal import copy_cut, read_wal

pytestmark = pytest.mark.crash

TOLD = [story for story in STORIES if story.name in {"plain", "lost answer", "post unanswered"}]


@pytest.mark.parametrize("story", TOLD, ids=lambda story: story.name)
def test_everything_survives_a_power_cut_after_every_commit(zygote: Zygote, tmp_path: Path, story: Story) -> None:
    """The database goes back to each commit, the judges to what they knew then: nothing they knew may be missing."""
    with staged(zygote, tmp_path / "stage", story) as stage:
        folder = play_until_the_end(stage)
    moments = cuts(folder)
    assert len(moments) > 20

    broken = {
        cut: findings for cut in moments if (findings := restart_after(zygote, folder, story, cut, tmp_path / "again"))
    }

    assert broken == {}


def test_the_log_is_cut_exactly_where_a_commit_ends(tmp_path: Path) -> None:
    """Our reading of the write-ahead log is SQLite's own: each cut shows the rows committed until there, no more."""
    database = tmp_path / "one.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (n INTEGER)")
    for number in range(5):
        connection.execute("INSERT INTO t VALUES (?)", (number,))

    commits = read_wal(Path(f"{database}-wal")).commits

    assert len(commits) == 6
    for number, wal_bytes in enumerate(commits[1:]):
        for torn in (0, 7, 4000):  # a commit that was only half written is none
            copy_cut(database, tmp_path / "cut.db", wal_bytes + torn)
            with sqlite3.connect(tmp_path / "cut.db") as cut:
                assert cut.execute("SELECT count(*) FROM t").fetchone() == (number + 1,)
            cut.close()
    connection.close()


def test_leftovers_of_an_earlier_log_are_no_commits(tmp_path: Path) -> None:
    database = tmp_path / "one.db"
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (n INTEGER)")
    for number in range(9):
        connection.execute("INSERT INTO t VALUES (?)", (number,))
    before = read_wal(Path(f"{database}-wal"))
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO t VALUES (99)")

    after = read_wal(Path(f"{database}-wal"))

    assert len(before.commits) == 10
    assert len(after.commits) == 1
    assert after.checkpoint == before.checkpoint + 1
    connection.close()


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace on this machine")
def test_the_submission_is_synced_before_the_order_leaves(zygote: Zygote, tmp_path: Path) -> None:
    """Seen from outside: between the last write to the log and the order on the socket lies a sync of the log."""
    with staged(zygote, tmp_path / "stage", STORIES[0]) as stage:
        trace = stage.run_traced()
    if trace is None:
        pytest.skip("this machine does not let us trace a process")
    order = next(index for index, line in enumerate(trace) if '\\"submit\\"' in line and "sendto" in line)
    about_the_log = [line for line in trace[:order] if "reelbot.db-wal" in line]

    assert about_the_log, "nothing was written before the order left"
    assert "sync" in about_the_log[-1], f"the order left after {about_the_log[-1]}"
