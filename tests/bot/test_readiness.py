"""Readiness says of each part how it stands; only what keeps jobs from being carried out fails."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.doctor.finding import Part
from tests.house import House, a_house


@contextlib.contextmanager
def an_engine(house: House) -> Iterator[None]:
    """Somebody holds the engine's lock."""
    lock = house.app.ground.lock("run")
    assert lock.acquire()
    try:
        yield
    finally:
        lock.release()


async def test_where_all_is_well_every_part_is_ok(tmp_path: Path) -> None:
    """With a sentence for each, and in short nothing but `ok`."""
    async with a_house(tmp_path) as house:
        with an_engine(house):
            parts, short = await house.app.parts(), await house.app.readiness()

    assert list(parts) == ["database", "migrations", "held", "engine", "disk", "provider.judge"]
    assert {part.status for part in parts.values()} == {"ok"}
    assert all(part.what for part in parts.values())
    assert short == {"database": "ok", "engine": "ok"}
    assert parts["provider.judge"].as_json() == {"status": "ok", "what": "takes orders"}


async def test_without_an_engine_jobs_are_not_carried_out(tmp_path: Path) -> None:
    """That fails."""
    async with a_house(tmp_path) as house:
        parts, short = await house.app.parts(), await house.app.readiness()

    assert parts["engine"] == Part(status="fail", what="not running")
    assert short == {"database": "ok", "engine": "not running"}


async def test_a_database_that_cannot_be_written_fails_and_hides_what_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One cause, one line; and the driver's words without the statement."""

    async def broken() -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    async with a_house(tmp_path) as house:
        monkeypatch.setattr(type(house.app.database), "probe", lambda _self: broken())
        parts = await house.app.parts()

    assert parts["database"] == Part(status="fail", what="attempt to write a readonly database")
    assert set(parts) == {"database", "engine", "disk"}


async def test_a_database_of_another_version_fails(tmp_path: Path) -> None:
    """A newer Reelbot upgraded it under the feet of this one."""
    async with a_house(tmp_path) as house:
        with contextlib.closing(sqlite3.connect(house.app.ground.path)) as other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
            other.commit()
        parts, short = await house.app.parts(), await house.app.readiness()

    assert parts["migrations"].status == "fail"
    assert "9999" in short["migrations"]


async def test_a_resting_or_paused_provider_and_a_lost_chat_only_warn(tmp_path: Path) -> None:
    """Their jobs wait; everything else goes on."""
    async with a_house(tmp_path) as house:
        health, now = house.app.stores.health, house.clock.now()
        is_up = True
        with an_engine(house), house.app.desk.connections.kept("discord", lambda: is_up):
            connected = (await house.app.parts())["chat.discord"]
            await health.change("judge", lambda known: known.after_account_refusal(now, "no credit"))
            is_up = False
            parts, short = await house.app.parts(), await house.app.readiness()
            await health.pause("judge", "cli:local")
            paused = (await house.app.parts())["provider.judge"]

    assert connected.status == "ok"
    assert parts["chat.discord"].status == parts["provider.judge"].status == paused.status == "warn"
    assert "trying again at 00:15 UTC" in parts["provider.judge"].what
    assert "paused" in paused.what
    assert set(short) == {"database", "engine", "provider.judge"}


@pytest.mark.parametrize(("megabytes", "status"), [(1001, "ok"), (999, "warn"), (499, "warn")])
async def test_a_full_disk_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabytes: int, status: str) -> None:
    """What is under way goes on, and providers must still reach us."""
    async with a_house(tmp_path) as house:
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=megabytes * 1_000_000))
        disk = (await house.app.parts())["disk"]

    assert disk.status == status
