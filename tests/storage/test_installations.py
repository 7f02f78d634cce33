"""Tokens at rest: the database holds sealed ones only, keys can be changed, and what is erased is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from bot.keys import CannotUnseal, KeyRing
from storage import schema
from storage.installations import Installations
from storage.sqlite import SqliteDatabase
from tests.conformance.test_installation_store import of_organisation, of_team
from tests.factories import NOON
from tests.fakes.logs import logged

OLD, NEW = "an-old-key-of-some-length", "a-new-key-of-some-length"
TOKEN = of_team().token


@asynccontextmanager
async def opened(folder: Path, *keys: str) -> AsyncIterator[Installations]:
    """The store in a process with these keys; the log is folded into the file when it ends."""
    path = folder / "reelbot.db"
    schema.prepare(path)
    database = SqliteDatabase(path)
    try:
        yield Installations(database, KeyRing(keys))
    finally:
        await database.close()


def written(folder: Path) -> bytes:
    """Everything that lies there, in whichever file."""
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


def sealed_tokens(folder: Path) -> list[str]:
    connection = sqlite3.connect(folder / "reelbot.db")
    rows = connection.execute("SELECT sealed_token FROM installations ORDER BY workspace").fetchall()
    connection.close()
    return [row[0] for row in rows]


def states(folder: Path) -> int:
    connection = sqlite3.connect(folder / "reelbot.db")
    (count,) = connection.execute("SELECT count(*) FROM oauth_states").fetchone()
    connection.close()
    return int(count)


async def test_no_file_ever_holds_a_token_in_clear(tmp_path: Path) -> None:
    """While it is written, while it is there, and after it was sealed anew: neither the database nor its log."""
    async with opened(tmp_path, OLD) as store:
        await store.save(of_team())
        assert TOKEN.encode() not in written(tmp_path)
    async with opened(tmp_path, NEW, OLD) as store:
        await store.reseal()
        assert await store.find("slack", "T1", None) == of_team()

    assert b"UBOT" in written(tmp_path)
    assert TOKEN.encode() not in written(tmp_path)


async def test_a_key_is_changed_by_sealing_anew_and_the_old_one_may_go(tmp_path: Path) -> None:
    """Says how many were; a second time there is nothing to do."""
    async with opened(tmp_path, OLD) as store:
        await store.save(of_team())
        await store.save(of_organisation())
    async with opened(tmp_path, NEW, OLD) as store:
        assert await store.find("slack", "T1", None) == of_team()
        await store.save(of_team(workspace="T2"))

        assert await store.reseal() == 2
        assert await store.reseal() == 0

    async with opened(tmp_path, NEW) as store:
        assert await store.all("slack") == [of_team(), of_team(workspace="T2"), of_organisation()]
        assert await store.unopenable("slack") == []


async def test_a_token_without_its_key_is_a_clear_sentence_and_adding_the_bot_again_mends_it(tmp_path: Path) -> None:
    """What a backup without its key restores to. The others work on; nothing of it is lost before the key is back."""
    async with opened(tmp_path, OLD) as store:
        await store.save(of_team())
    async with opened(tmp_path, NEW) as store:
        await store.save(of_team(workspace="T2"))

        with pytest.raises(CannotUnseal, match=r"^The access that Team gave .* REELBOT_SECRET_KEY.* once more\.$"):
            await store.find("slack", "T1", None)
        assert await store.all("slack") == [of_team(workspace="T2")]
        assert await store.unopenable("slack") == ["T1"]
        assert await store.reseal() == 0

    async with opened(tmp_path, NEW, OLD) as store:
        assert await store.find("slack", "T1", None) == of_team()
    async with opened(tmp_path, NEW) as store:
        await store.save(of_team(token="xoxb-another-000"))
        assert (await store.all("slack"))[0].token == "xoxb-another-000"
        assert await store.unopenable("slack") == []


async def test_a_token_does_not_open_in_another_workspaces_row(tmp_path: Path) -> None:
    """Whoever can write the database must not make the bot speak to one workspace with another's access."""
    async with opened(tmp_path, NEW) as store:
        await store.save(of_team())
        await store.save(of_team(workspace="T2", token="xoxb-of-another-team"))
    connection = sqlite3.connect(tmp_path / "reelbot.db")
    connection.execute("UPDATE installations SET sealed_token = ? WHERE workspace = 'T2'", sealed_tokens(tmp_path)[:1])
    connection.commit()
    connection.close()

    async with opened(tmp_path, NEW) as store:
        assert await store.unopenable("slack") == ["T2"]
        with pytest.raises(CannotUnseal):
            await store.find("slack", "T2", None)


async def test_what_is_forgotten_leaves_not_even_its_sealed_token(tmp_path: Path) -> None:
    """The row is gone, and its bytes are overwritten in the file."""
    async with opened(tmp_path, NEW) as store:
        await store.save(of_team())
    (sealed,) = sealed_tokens(tmp_path)
    assert sealed.encode() in written(tmp_path)

    async with opened(tmp_path, NEW) as store:
        await store.forget("slack", "T1", None)

    assert sealed_tokens(tmp_path) == []
    assert sealed.encode() not in written(tmp_path)


async def test_a_state_is_kept_by_its_hash_and_deleted_when_its_time_is_over(tmp_path: Path) -> None:
    """Whoever reads the database cannot take somebody's place."""
    async with opened(tmp_path, NEW) as store:
        for number in range(3):
            await store.issue_state(f"a-secret-state-{number}", NOON + timedelta(minutes=number))
        assert b"a-secret-state" not in written(tmp_path)

        await store.consume_state("another", NOON + timedelta(minutes=1))

        assert states(tmp_path) == 1


async def test_states_of_people_who_never_come_back_do_not_pile_up(tmp_path: Path) -> None:
    """Anybody may begin to add the bot, as often as they like."""
    async with opened(tmp_path, NEW) as store:
        for number in range(3):
            await store.issue_state(f"state-{number}", NOON + timedelta(minutes=number))
        await store.issue_state("the-next-week", NOON + timedelta(days=7))

    assert states(tmp_path) == 1


def test_a_token_is_shown_nowhere() -> None:
    """Neither by the value itself nor in a line of the log, whoever writes it."""
    with logged() as log:
        structlog.get_logger("judge").warning("installation", saved=of_team(), token=of_team().token)

    assert TOKEN not in repr(of_team()) + str([of_team()]) + log.getvalue()
    assert "UBOT" in log.getvalue()
