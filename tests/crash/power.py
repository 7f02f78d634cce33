"""Power cuts: the database as the disk held it after each commit, and the outside world as it was at that moment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.crash.evidence import ACKS, CHAT, DATABASE, PROVIDERS
from tests.crash.patient import AT_THE_END, Kill
from tests.crash.stage import Stage, Zygote, reopened
from tests.crash.stories import Story
from tests.crash.wal import copy_cut, read_wal
from tests.emulators.judging import read_journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The moment a power cut strikes: so much of the log is on the disk, and so late it is."""

    after: str
    """The last commit that reached the disk."""
    wal_bytes: int
    at: float


def play_until_the_end(stage: Stage) -> Path:
    """Play the story and kill the patient when all is done, so that its write-ahead log stays; returns the folder."""
    outcome = stage.run(kill=Kill(point=AT_THE_END))
    if not outcome.was_killed:
        raise RuntimeError(f"the patient ended with {outcome.status} before its end")
    return stage.folder


def cuts(folder: Path) -> list[Cut]:
    """Two cuts for every commit since the last checkpoint: right after it, and as late as right before the next one.

    Raises `ValueError` when the marks and the log disagree: then the watcher has missed a commit.
    """
    wal = read_wal(folder / f"{DATABASE}-wal")
    marks = [json.loads(line) for line in (folder / "marks.log").read_text().splitlines()]
    ends: list[tuple[str, int, float, float]] = []
    for index, (at, point, wal_bytes) in enumerate(marks):
        if point.startswith("after commit ") and (not ends or wal_bytes > ends[-1][1]):
            until = next((mark[0] for mark in marks[index + 1 :] if mark[1].startswith("before commit ")), marks[-1][0])
            ends.append((point.removeprefix("after commit "), wal_bytes, at, until))
    if [wal_bytes for _, wal_bytes, _, _ in ends] != list(wal.commits):
        raise ValueError(f"the log has commits at {wal.commits}, the watcher saw {ends}")
    return [
        Cut(after=name, wal_bytes=wal_bytes, at=moment) for name, wal_bytes, at, until in ends for moment in (at, until)
    ]


def restart_after(zygote: Zygote, folder: Path, story: Story, cut: Cut, into: Path) -> list[str]:
    """Go back to the moment of the cut, restart everything from what was on the disk, and return every broken promise."""
    shutil.rmtree(into, ignore_errors=True)
    (into / "data").mkdir(parents=True)
    for entry in (folder / "data").iterdir():
        if entry.is_dir():
            shutil.copytree(entry, into / "data" / entry.name)
        elif not entry.name.startswith(Path(DATABASE).name):
            shutil.copyfile(entry, into / "data" / entry.name)
    copy_cut(folder / DATABASE, into / DATABASE, cut.wal_bytes)
    for name in (*(f"{judge}.log" for judge in (*PROVIDERS, CHAT)), ACKS):
        (into / name).write_text("".join(_until(cut.at, folder / name)))
    with reopened(zygote, into, story) as stage:
        return stage.run_to_the_end()


def _until(moment: float, journal: Path) -> Iterator[str]:
    for entry in read_journal(journal):
        if entry["at"] <= moment:
            yield json.dumps(entry) + "\n"
