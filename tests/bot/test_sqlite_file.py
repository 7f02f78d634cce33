"""An SQLite file whose installation was moved to PostgreSQL is neither opened nor touched, whatever its schema is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bot.app import open_app
from bot.errors import ConfigurationError
from bot.ground.choose import upgrade_database
from bot.ground.sqlite_file import is_lived_in, refuse_moved
from bot.settings import Settings, load_settings
from storage.schema import HEAD, current_revision
from tests.house import a_house

THERE = "postgresql://reelbot@db.example/reelbot"


@pytest.fixture
async def moved(tmp_path: Path) -> Path:
    """A database with a job, of a release before this one, that was moved away."""
    async with a_house(tmp_path) as house:
        await house.ask()
    path = tmp_path / "data" / "reelbot.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO meta (key, value) VALUES ('moved_to', ?)", (THERE,))
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    return path


async def opened(settings: Settings) -> None:
    async with open_app(settings):
        pass


async def upgraded(settings: Settings) -> None:
    upgrade_database(settings)


@pytest.mark.parametrize("begin", [opened, upgraded])
async def test_a_database_that_was_moved_is_refused_before_it_is_upgraded(moved: Path, begin: Callable[..., object]):
    """What lies there stays as it was on that day, for whoever takes the move back with the release of then."""
    settings = load_settings({"data_dir": moved.parent}, environ={}, cwd=moved.parent)

    with pytest.raises(ConfigurationError, match=f"was moved to {THERE}"):
        await begin(settings)  # type: ignore[misc]

    assert current_revision(moved) == "0001" != HEAD
    assert not is_lived_in(moved)


def test_a_file_that_says_nothing_of_itself_is_left_to_whoever_opens_it(tmp_path: Path):
    """Not there yet, empty, or no database at all: none of them was moved, and none has jobs."""
    empty, text = tmp_path / "empty.db", tmp_path / "text.db"
    empty.touch()
    text.write_text("no database, but long enough to have a header of a hundred bytes " * 4)

    for path in (tmp_path / "nothing.db", empty, text):
        refuse_moved(path)
        assert not is_lived_in(path)
    assert not (tmp_path / "nothing.db").exists()
