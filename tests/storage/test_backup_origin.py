"""Whose database this is: a copy of one is told from it wherever that can be told, and everything else goes on as ever."""

from __future__ import annotations

import asyncio
import errno
import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest

from bot.app import App
from bot.errors import DataDirError
from bot.jobs.model import Job
from bot.jobs.states import State
from storage import marks
from storage.archive import DATABASE
from storage.backup import write_backup
from storage.marks import MARK_FILE, RESTORING_FILE, Mark, read_mark
from storage.origin import Record, why_held
from tests.conformance.engines import EngineBench, ask, load, until
from tests.fakes.clock import NEW_YEAR


def a_record(**changes: object) -> Record:
    """A database with jobs, of the first generation."""
    known = {"installation_id": "a", "generation": 1, "epoch": 7, "copied_at": None, "has_jobs": True}
    return Record(**(known | changes))


def a_mark(**changes: object) -> Mark:
    """The mark that belongs to it."""
    return Mark(**({"installation_id": "a", "generation": 1, "epoch": 7} | changes))


@pytest.mark.parametrize(
    ("record", "mark", "because"),
    [
        (a_record(), a_mark(), None),
        (a_record(epoch=9), a_mark(), None),
        (a_record(installation_id=None, generation=0), None, None),
        (a_record(has_jobs=False), None, None),
        (a_record(has_jobs=False), a_mark(installation_id="b"), None),
        (a_record(), None, "without the"),
        (a_record(), a_mark(installation_id="b"), "does not belong"),
        (a_record(installation_id=None, generation=0), a_mark(), "does not belong"),
        (a_record(), a_mark(generation=2), "does not belong"),
        (a_record(generation=2), a_mark(), "does not belong"),
        (a_record(epoch=6), a_mark(), "older than"),
        (a_record(copied_at="2026-01-01T00:00:00Z"), a_mark(), "restored from a backup of 2026-01-01"),
        (a_record(copied_at="2026-01-01T00:00:00Z", has_jobs=False), None, "restored from a backup"),
    ],
)
def test_what_is_held_and_what_is_not(record: Record, mark: Mark | None, because: str | None) -> None:
    """A new installation, one that was never marked, and one that ran on after its mark go on; copies do not."""
    why = why_held(record, mark)

    assert (why is None) == (because is None)
    assert because is None or because in (why or "")


async def queued(bench: EngineBench) -> Job:
    """A job that waits, on a data directory whose engine has run before."""
    async with bench.running():
        pass
    async with bench.process() as app:
        return await ask(app)


async def is_held(app: App, job: Job) -> bool:
    """Whether the start was, and the job ended by it."""
    return await app.origin.held() is not None and (await load(app, job)).state is State.CANCELLED


async def test_an_installation_has_a_mark_of_its_own_from_the_first_start(tmp_path: Path) -> None:
    """Readable by its owner alone; the same at every start; the newest engine is in it."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    first = read_mark(data)

    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))
        assert await app.origin.held() is None

    assert (data / MARK_FILE).stat().st_mode & 0o777 == 0o600
    assert first is not None
    assert (first.generation, first.epoch) == (1, 1)
    assert read_mark(data) == Mark(installation_id=first.installation_id, generation=1, epoch=2)
    assert sorted(json.loads((data / MARK_FILE).read_text())) == ["epoch", "generation", "installation_id"]


async def test_a_copied_database_is_held_and_the_original_is_not(tmp_path: Path) -> None:
    """The copy becomes another generation, so that it is held as well should it ever come back."""
    bench, twin = EngineBench("embedded", tmp_path / "one"), EngineBench("embedded", tmp_path / "two")
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "data").mkdir(parents=True)
    job = await queued(bench)
    shutil.copy(tmp_path / "one" / "data" / DATABASE, tmp_path / "two" / "data" / DATABASE)

    async with twin.process() as app:
        assert await is_held(app, job)
    async with bench.process() as app:
        assert not await is_held(app, job)

    marks = [read_mark(tmp_path / name / "data") for name in ("one", "two")]
    assert [mark.generation for mark in marks if mark] == [1, 2]
    shutil.copy(tmp_path / "two" / "data" / DATABASE, tmp_path / "one" / "data" / DATABASE)
    async with bench.process() as app:
        assert await is_held(app, job)


async def test_an_older_copy_put_back_in_its_place_is_held(tmp_path: Path) -> None:
    """An engine has run since: what waits in the copy may have been made."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    shutil.copy(data / DATABASE, tmp_path / "older.db")
    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))
    shutil.copy(tmp_path / "older.db", data / DATABASE)

    async with bench.running() as (app, _):
        assert await is_held(app, job)
        assert "older than the data directory" in (await app.readiness())["held"]

    assert len(bench.provider.paid) == 1


async def test_a_database_taken_out_of_an_archive_by_hand_is_held_as_well(tmp_path: Path) -> None:
    """The copy in a backup says that it is one."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    await write_backup(tmp_path / "backup.tar", database=data / DATABASE, media=None, now=NEW_YEAR)
    with tarfile.open(tmp_path / "backup.tar") as tar:
        tar.extract(DATABASE, data, filter="data")

    async with bench.process() as app:
        assert await is_held(app, job)


async def test_of_two_processes_that_start_at_once_one_holds(tmp_path: Path) -> None:
    """What the other accepts right then is not ended by it."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    (data / MARK_FILE).unlink()

    async def start() -> Job:
        async with bench.process() as app:
            assert await is_held(app, job)
            return await ask(app)

    accepted = await asyncio.gather(*(start() for _ in range(4)))

    assert read_mark(data).generation == 2
    async with bench.process() as app:
        assert [(await load(app, each)).state for each in accepted] == [State.RECEIVED] * 4
        events = await app.stores.jobs.events(job.id)
    assert [event.state for event in events] == [State.RECEIVED, State.CANCELLED]


async def test_under_a_running_engine_nothing_is_held(tmp_path: Path) -> None:
    """A mark that somebody deletes meanwhile must not end what a living engine has in hand; its next start decides."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    bench.gate("connect").close()
    async with bench.running() as (app, _):
        job = await ask(app)
        await until(lambda: bench.gate("connect").waiting)
        (data / MARK_FILE).unlink()

        async with bench.process() as other:
            assert await other.origin.held() is None

        bench.gate("connect").open()
        await until(lambda: bench.delivered(app, job))
    async with bench.process() as app:
        held = await app.origin.held()
    assert "without the installation.json" in (held or "")


async def test_dying_between_mark_and_database_holds_once_more_and_harms_nothing(tmp_path: Path) -> None:
    """The mark is written before the commit: whoever dies there has held nothing yet, and the next start does."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    (data / MARK_FILE).unlink()

    def die(point: str) -> None:
        if point == "before commit origin":
            raise KeyboardInterrupt

    bench.watch = die
    with pytest.raises(KeyboardInterrupt):
        async with bench.process():
            pass
    bench.watch = lambda _point: None
    assert read_mark(data) is not None

    async with bench.process() as app:
        assert await is_held(app, job)
        assert await app.unequal_sums() == []


async def test_a_disk_without_room_for_the_mark_keeps_no_engine_from_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older mark recognises fewer copies; jobs are done all the same."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)

    def full(_folder: Path, _mark: Mark) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(marks, "write_mark", full)
    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))

    assert read_mark(data).epoch == 1


async def test_a_place_that_a_restore_has_not_filled_is_refused(tmp_path: Path) -> None:
    """A new database there would hide that half of the files are missing."""
    data = tmp_path / "data"
    data.mkdir()
    (data / RESTORING_FILE).write_text("{}")

    with pytest.raises(DataDirError, match="restore FILE` again"):
        async with EngineBench("embedded", tmp_path).process():
            pass

    assert not (data / DATABASE).exists()


async def test_resuming_one_provider_does_not_end_a_hold(tmp_path: Path) -> None:
    """Only `reelbot resume` for all does; an operator's own pause is no hold."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    await queued(bench)
    (data / MARK_FILE).unlink()

    async with bench.process() as app:
        await app.stores.health.resume("judge")
        assert await app.origin.held() is not None
        await app.stores.health.resume("*")
        assert await app.origin.held() is None
        await app.stores.health.pause("*", "cli:local")
        assert await app.origin.held() is None


async def test_a_database_from_before_there_were_marks_goes_on(tmp_path: Path) -> None:
    """An upgrade is no copy."""
    bench, data = EngineBench("embedded", tmp_path), tmp_path / "data"
    job = await queued(bench)
    with sqlite3.connect(data / DATABASE) as connection:
        connection.execute("DELETE FROM meta WHERE key IN ('installation_id', 'generation')")
    connection.close()
    (data / MARK_FILE).unlink()

    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))

    assert read_mark(data).generation == 1
