"""Killed at every point of a backup and of a restore: afterwards there is nothing, or all of it, and another try works.

    python -m tests.storage.test_backup_kill FOLDER ORIGINAL ARCHIVE

plays both once, then kills a process of its own at each of their points; what is left lies in FOLDER for the tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import DataDirError
from storage.archive import DATABASE
from storage.marks import RESTORING_FILE
from storage.origin import refuse_half_restored
from tests.journeys.running import ROOT
from tests.storage.backup_places import Place, an_installation, read

TARGET = "backup.tar"


def play(act: Callable[[Callable[[str], None]], None], *, until: int | None) -> list[str]:
    """In a process of its own, which kills itself at the point with that number. The points it passed, undisturbed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        points: list[str] = []

        def watch(point: str) -> None:
            if len(points) == until:
                os.kill(os.getpid(), signal.SIGKILL)
            points.append(point)

        act(watch)
        os.write(writing, json.dumps(points).encode())
        os._exit(0)
    os.close(writing)
    told = os.read(reading, 65_536)
    os.close(reading)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == (0 if until is None else -signal.SIGKILL)
    return json.loads(told or "[]")


def rehearse(folder: Path, original: Place, archive: Path) -> None:
    """Every point of both; the folders are named for the act and the point."""

    def back_up_into(place: Path) -> Callable[[Callable[[str], None]], None]:
        place.mkdir()
        return lambda watch: asyncio.run(original.back_up(place / TARGET, watch=watch)) and None

    def restore_into(place: Path) -> Callable[[Callable[[str], None]], None]:
        return lambda watch: asyncio.run(Place(folder=place).restore(archive, watch=watch)) and None

    for name, prepare in (("backup", back_up_into), ("restore", restore_into)):
        points = play(prepare(folder / f"{name}-whole"), until=None)
        for number, point in enumerate(points):
            play(prepare(folder / f"{name}-{number}-{point.replace(' ', '-')}"), until=number)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path, Path]:
    """The original, its archive, and the folder with what every kill left."""
    folder = tmp_path_factory.mktemp("killed")
    original, archive = an_installation(folder / "original"), folder / TARGET
    asyncio.run(original.back_up(archive))
    (folder / "left").mkdir()
    words = [str(folder / "left"), str(original.folder), str(archive)]
    # One process imports everything once and is forked for each kill; this one has threads and must not be.
    subprocess.run([sys.executable, "-m", __name__, *words], cwd=ROOT, check=True, timeout=120)
    return original, archive, folder / "left"


async def test_a_killed_backup_leaves_no_archive_or_a_whole_one(rehearsed: tuple[Place, Path, Path]) -> None:
    """And the next backup into that place works, and clears away what was begun."""
    original, _, left = rehearsed
    places = sorted(left.glob("backup-*"))
    assert len(places) >= 8

    whole = []
    for place in places:
        if (place / TARGET).exists():
            assert len(read(place / TARGET).media) == 3
            whole.append(place.name.partition("-")[2])
        await original.back_up(place / "another.tar")
        assert {path.name for path in place.iterdir()} <= {TARGET, "another.tar"}, place

    assert [name.partition("-")[2] for name in whole] == ["named", ""]


async def test_a_killed_restore_leaves_nothing_that_starts_or_all_of_it(rehearsed: tuple[Place, Path, Path]) -> None:
    """What is not whole does not start, and the next restore fills the place."""
    original, archive, left = rehearsed
    places = sorted(left.glob("restore-*"))
    assert len(places) >= 8

    started = []
    for folder in places:
        place = Place(folder=folder)
        if place.database.exists():
            refuse_half_restored(place.folder, place.database)
            started.append(folder.name)
        elif (place.folder / RESTORING_FILE).exists():
            with pytest.raises(DataDirError):
                refuse_half_restored(place.folder, place.database)
            await place.restore(archive)
        else:
            await place.restore(archive)
        assert place.ids() == original.ids()
        assert all(place.holds(asset_id) for asset_id in original.ids()), folder
        assert [name for name in place.files() if name not in {RESTORING_FILE, ".restoring.part.db"}] == sorted(
            [DATABASE, *(f"media/{each[:2]}/{each}" for each in original.ids())]
        )

    assert {name.rpartition("-")[2] for name in started} == {"named", "done", "whole"}


if __name__ == "__main__":
    rehearse(Path(sys.argv[1]), Place(folder=Path(sys.argv[2])), Path(sys.argv[3]))
