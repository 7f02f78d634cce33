"""The doctor, and every start, prove that pictures and clips can be kept, and warn where others would not find them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.app import App, open_app
from bot.doctor import media
from bot.doctor.checks import examine_app
from bot.doctor.start import prove
from bot.errors import ConfigurationError
from bot.settings import load_settings
from tests import postgres
from tests.emulators.s3 import s3
from tests.house import a_house


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3().environment.items():
        monkeypatch.setenv(name, value)
    return s3().make_bucket()


@asynccontextmanager
async def on_postgres(folder: Path, **settings: object) -> AsyncIterator[App]:
    """An App that shares its database with others."""
    shared = {"data_dir": folder / "data", "database_url": postgres.database_of(folder), "secret_key": "k" * 40}
    async with open_app(load_settings({**shared, **settings}, environ={}, cwd=folder)) as app:
        yield app


async def test_a_data_directory_and_a_bucket_that_work_are_said(tmp_path: Path, bucket: str):
    """With the place, so that an operator sees whether it is the one they mean."""
    async with a_house(tmp_path / "one") as house:
        own = await media.examine(house.app)
    async with a_house(tmp_path / "two", media_url=f"s3://{bucket}/studio") as house:
        there = await media.examine(house.app)
        ids = [found.id async for found in examine_app(house.app)]

    assert (own.id, own.status, own.what) == ("media", "ok", "pictures and clips are kept in the data directory")
    assert (there.status, there.what) == ("ok", f"pictures and clips are kept in s3://{bucket}/studio")
    assert ids.count("media") == 1


async def test_a_bucket_that_is_not_there_fails_and_keeps_reelbot_from_starting(tmp_path: Path, bucket: str):
    """One sentence with the reason: better than jobs that all fail the same way."""
    async with a_house(tmp_path, media_url="s3://no-such-bucket-of-ours/studio") as house:
        found = await media.examine(house.app)
        with pytest.raises(ConfigurationError) as refused:
            await prove(house.app)

    assert (found.id, found.status) == ("media", "fail")
    assert "no-such-bucket-of-ours" in found.what
    assert found.fix
    assert str(refused.value) == found.what


async def test_many_machines_do_not_open_on_a_bucket_that_is_not_there(tmp_path: Path, bucket: str):
    """There the installation's mark lies in the bucket, so that nothing can begin without it; it is said why."""
    with pytest.raises(ConfigurationError, match="no-such-bucket-of-ours"):
        async with on_postgres(tmp_path, media_url="s3://no-such-bucket-of-ours/studio"):
            pass


async def test_a_media_directory_that_cannot_be_written_keeps_reelbot_from_starting(tmp_path: Path):
    """A file where the directory should be: not even root can write below it."""
    (tmp_path / "file").write_text("")
    async with a_house(tmp_path, media_url=(tmp_path / "file" / "media").as_uri()) as house:
        with pytest.raises(ConfigurationError, match="cannot be written"):
            await prove(house.app)


async def test_with_postgresql_files_of_its_own_are_warned_of(tmp_path: Path):
    """Another process would look for them in vain: said at the start and by the doctor, with what to set."""
    async with on_postgres(tmp_path) as app:
        found = await media.examine(app)
        with capture_logs() as logs:
            await prove(app)

    assert (found.id, found.status) == ("media", "warn")
    assert "REELBOT_MEDIA_URL" in found.fix
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["media.not_shared"]


async def test_a_database_of_before_that_was_never_moved_is_warned_of(tmp_path: Path):
    """Its jobs would simply be gone from everybody's sight; one without jobs is nothing to speak of."""
    media_url = (tmp_path / "media").as_uri()
    async with a_house(tmp_path) as house:
        async with on_postgres(tmp_path, media_url=media_url) as app:
            empty = await app.ground.left_behind()
        await house.ask()
        none = await house.app.ground.left_behind()
    async with on_postgres(tmp_path, media_url=media_url) as app:
        with capture_logs() as logs:
            await prove(app)

    assert (empty, none) == (None, None)
    [warned] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warned["event"] == "database.another_lies_here"
    assert str(tmp_path / "data" / "reelbot.db") in warned["what"]
    assert "reelbot db copy" in warned["fix"]


async def test_one_machine_with_its_own_files_is_not_warned(tmp_path: Path):
    """What most installations are."""
    async with a_house(tmp_path) as house:
        with capture_logs() as logs:
            await prove(house.app)

    assert logs == []
