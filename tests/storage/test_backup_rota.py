"""Scheduled backups: one an interval, whatever restarts or clocks do; the newest stay, and a failure is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.doctor.backups import examine
from bot.doctor.finding import Finding
from storage.backup_rota import FAILURE_FILE, BackupRota, Plan
from storage.sqlite import SqliteDatabase
from tests.conformance.engines import until
from tests.fakes.clock import FakeClock
from tests.house import House, a_house
from tests.storage.backup_places import Place, an_installation, read

HOUR = 3600.0
STEP = 300.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return an_installation(tmp_path_factory.mktemp("template"), files=2)


@pytest.fixture
def place(template: Place, tmp_path: Path) -> Place:
    return Place(folder=Path(shutil.copytree(template.folder, tmp_path / "data")))


class Watch:
    """A rota, its clock, and the archives it made."""

    def __init__(self, place: Place, clock: FakeClock, **plan: Any) -> None:
        self.clock = clock
        self.directory = plan.get("directory", place.folder / "backups")
        chosen = {"every": timedelta(days=1), "keep": 7, "with_media": False, "directory": self.directory, **plan}
        self._database = SqliteDatabase(place.database)
        self.rota = BackupRota(
            plan=Plan(**chosen), data_dir=place.folder, database=self._database, media=place.media, clock=clock
        )

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """As a process that runs the engine keeps it."""
        async with self.rota.kept_up():
            yield
        await self._database.close()

    async def pass_time(self, seconds: float) -> None:
        """Let so much time pass, and what is due then be done."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            await self._at_rest()
            # Whatever is due is due at the end of a step: time stands still while it is done.
            await self.clock.advance(min(STEP, end - self.clock.monotonic()))
        await self._at_rest()

    async def _at_rest(self) -> None:
        """It sleeps: whatever it was at in a thread is done."""
        await until(lambda: self.clock.sleepers)

    @property
    def names(self) -> list[str]:
        """What lies there, oldest first."""
        return sorted(path.name for path in self.directory.glob("*"))


async def test_one_is_made_soon_after_the_first_start_and_then_each_day(place: Place) -> None:
    """Named for its time; the database alone; readable by its owner."""
    watch = Watch(place, FakeClock())

    async with watch.kept():
        await watch.pass_time(HOUR)
        assert watch.names == ["reelbot-backup-20260101T000500Z.tar"]
        await watch.pass_time(3 * DAY)

    assert [name[15:23] for name in watch.names] == ["20260101", "20260102", "20260103", "20260104"]
    assert not read(watch.directory / watch.names[0]).with_media


async def test_restarts_make_none_too_many(place: Place) -> None:
    """A process that is started every ten minutes makes one a day."""
    clock = FakeClock()
    watch = Watch(place, clock)

    for _ in range(12):
        watch = Watch(place, clock)
        async with watch.kept():
            await watch.pass_time(600)

    assert len(watch.names) == 1


async def test_a_clock_that_jumps_makes_one_more_at_most(place: Place) -> None:
    """A year ahead, and back again."""
    watch = Watch(place, FakeClock())

    async with watch.kept():
        await watch.pass_time(HOUR)
        watch.clock.jump(365 * DAY)
        await watch.pass_time(6 * HOUR)
        assert len(watch.names) == 2
        watch.clock.jump(-365 * DAY)
        await watch.pass_time(6 * HOUR)
        assert len(watch.names) == 2
        await watch.pass_time(DAY)

    assert len(watch.names) == 3


async def test_the_newest_stay_and_only_files_with_such_a_name_are_removed(place: Place) -> None:
    """Copies made before an upgrade, an operator's own archives, and whatever else lies there are not ours to remove."""
    watch = Watch(place, FakeClock(), keep=3)
    watch.directory.mkdir()
    others = ["reelbot-20260101T000000.db", "reelbot-backup-mine.tar", "reelbot-backup-20260101T000000Z.tar.old"]
    for name in others:
        (watch.directory / name).write_text("not ours")

    async with watch.kept():
        await watch.pass_time(6 * DAY)

    ours = [name for name in watch.names if name not in others]
    assert [name[15:23] for name in ours] == ["20260104", "20260105", "20260106"]
    assert set(others) < set(watch.names)


async def test_an_archive_of_the_future_does_not_push_the_new_ones_out(place: Place) -> None:
    """Made under a clock that was wrong; with one to keep, the one just made is it."""
    watch = Watch(place, FakeClock(), keep=1)
    watch.directory.mkdir()
    (watch.directory / "reelbot-backup-20990101T000000Z.tar").write_text("from a clock that was wrong")

    async with watch.kept():
        await watch.pass_time(HOUR)

    assert watch.names == ["reelbot-backup-20260101T000500Z.tar"]


async def test_one_that_fails_is_tried_again_in_an_hour_and_takes_none_away(place: Place, tmp_path: Path) -> None:
    """A disk that is not mounted: nothing is put where it should be, and the reason is kept for the doctor."""
    disk = tmp_path / "disk"
    watch = Watch(place, FakeClock(), directory=disk, keep=1)

    async with watch.kept():
        await watch.pass_time(HOUR)
        assert not disk.exists()
        failure = (await watch.rota.standing()).failure
        assert failure is not None
        assert "There is no directory" in failure.why
        disk.mkdir()
        await watch.pass_time(HOUR)

        assert watch.names == ["reelbot-backup-20260101T010500Z.tar"]
        assert (await watch.rota.standing()).failure is None
        assert not (place.folder / FAILURE_FILE).exists()


async def test_with_media_when_asked_for_and_none_at_all_when_not_wanted(place: Place) -> None:
    """REELBOT_BACKUP__MEDIA and REELBOT_BACKUP__EVERY_HOURS=0."""
    full, off = Watch(place, FakeClock(), with_media=True), Watch(place, FakeClock(), every=timedelta(0))

    async with full.kept():
        await full.pass_time(HOUR)
    async with off.kept():
        await asyncio.sleep(0)
        await off.clock.advance(2 * DAY)

    assert [len(read(full.directory / name).media) for name in full.names] == [2]


async def said(house: House) -> Finding:
    """What the doctor says of backups."""
    return {each.id: each async for each in examine(house.app)}["backup"]


async def test_the_doctor_warns_without_a_backup_of_the_last_two_intervals(tmp_path: Path) -> None:
    """Not on the first day, not while nothing was made; and it says how to get one."""
    async with a_house(tmp_path) as house:
        assert (await said(house)).status == "ok"
        await house.ask()
        await house.clock.advance(1.9 * DAY)
        assert (await said(house)).status == "ok"
        await house.clock.advance(0.2 * DAY)

        late = await said(house)
        assert (late.status, "there is no backup yet" in late.what) == ("warn", True)
        assert "reelbot run" in late.fix
        await house.app.backups.make()
        assert (await said(house)).status == "ok"

        await house.clock.advance(2.1 * DAY)
        assert "the newest backup is 2 days old" in (await said(house)).what


async def test_the_doctor_names_why_the_last_backup_was_not_made(tmp_path: Path) -> None:
    """Until one is made."""
    async with a_house(tmp_path, backup={"directory": str(tmp_path / "disk")}) as house:
        async with house.app.backups.kept_up():
            await house.clock.advance(600)
            await until((house.app.data_dir / FAILURE_FILE).exists)

        finding = await said(house)
        assert finding.status == "warn"
        assert "of 2026-01-01 00:05 UTC was not made: There is no directory" in finding.what
        (tmp_path / "disk").mkdir()
        await house.app.backups.make()
        assert (await said(house)).status == "ok"


async def test_the_doctor_says_that_backups_are_off(tmp_path: Path) -> None:
    """That is a decision, not a fault."""
    async with a_house(tmp_path, backup={"every_hours": 0}) as house:
        await house.ask()
        await house.clock.advance(30 * DAY)

        finding = await said(house)

    assert (finding.status, "off" in finding.what) == ("ok", True)
