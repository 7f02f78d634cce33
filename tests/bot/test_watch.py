"""The watch tells each thing that needs an operator, once a day for as long as it stands, and nothing that does not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.alerts import Alerts
from bot.errors import DatabaseCorrupt, KeyRefused, Refused, Throttled, Unconfirmed
from bot.jobs.states import State
from bot.money.amount import Money
from bot.money.limits import Limit, Period
from bot.ports import Succeeded
from bot.watch import Grounds, Watch
from storage.backup_rota import Failure
from tests.factories import BOB
from tests.house import House, a_house


class Duty:
    """An operator at the other end of the watch of one house."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.heard: list[str] = []
        alerts = Alerts(house.app.stores.notes, [self._hear], clock=house.clock)
        self.watch = Watch(alerts, house.app.watch().grounds)

    async def _hear(self, sentence: str) -> None:
        self.heard.append(sentence)

    async def minutes(self, count: int) -> list[str]:
        """What is told in so many minutes."""
        self.heard = []
        for _ in range(count):
            await self.watch.sweep()
            await self.house.clock.advance(60)
        return self.heard

    async def tomorrow(self) -> list[str]:
        """What is told in the first minutes of the next day."""
        await self.house.clock.advance(24 * 3600)
        return await self.minutes(2)


@pytest.fixture
async def duty(tmp_path: Path) -> AsyncIterator[Duty]:
    async with a_house(tmp_path) as house:
        yield Duty(house)


async def test_where_all_is_well_nobody_is_bothered(duty: Duty) -> None:
    """Neither by a fresh installation nor by a delivered clip."""
    assert await duty.minutes(2) == []

    job = await duty.house.run(await duty.house.ask())

    assert job.state is State.DELIVERED
    assert await duty.minutes(5) == []


async def test_an_unconfirmed_job_is_told_after_ten_minutes_and_once_a_day(duty: Duty) -> None:
    """With its id, and the command that ends it."""
    duty.house.provider.answers = [Unconfirmed("the connection broke off")]
    job = await duty.house.ask()
    await duty.house.step(job)
    await duty.house.step(job)

    first = await duty.minutes(9)
    told = await duty.minutes(3)
    tomorrow = await duty.tomorrow()

    assert (await duty.house.load(job)).state is State.UNCONFIRMED
    assert first == []
    assert len(told) == 1
    assert f"reelbot resolve {job.id} --as lost" in told[0]
    assert "$0.50" in told[0]
    assert tomorrow == told


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Refused("Judge says: invalid api key", about="account"), "invalid api key"),
        (Refused("Judge says: insufficient credits", about="balance"), "Top the account up"),
        (Throttled("Judge says: insufficient credits", about="balance"), "Top the account up"),
    ],
)
async def test_an_account_that_needs_its_operator_is_told_until_it_takes_an_order(
    duty: Duty, answer: Exception, word: str
) -> None:
    """At once, and not again once an order was taken."""
    duty.house.provider.answers, duty.house.provider.takes_it = [answer], False
    jobs = [await duty.house.ask()]
    await duty.house.step(jobs[0])
    told = await duty.minutes(3)

    await duty.house.app.stores.health.change("judge", lambda known: known.after_free_request(
        answered=True, now=duty.house.clock.now()))  # fmt: skip
    for job in (*jobs, await duty.house.ask(requester=BOB)):
        await duty.house.step(job)
    tomorrow = await duty.tomorrow()

    assert len(told) == 1
    assert word in told[0]
    assert tomorrow == []


async def test_a_key_that_is_revoked_while_renders_run_is_told(duty: Duty) -> None:
    """The first poll that is refused is enough."""
    duty.house.provider.checks = [KeyRefused("Judge does not accept the key.")] * 3
    job = await duty.house.ask()
    await duty.house.step(job)
    await duty.house.clock.advance(60)
    await duty.house.step(job)

    told = await duty.minutes(2)

    assert len(told) == 1
    assert "Judge does not accept the key." in told[0]


async def test_a_provider_that_takes_nothing_for_ten_minutes_is_told(duty: Duty) -> None:
    """A moment in which it was tried again does not begin the ten minutes anew; two minutes of health do."""
    health, clock = duty.house.app.stores.health, duty.house.clock

    async def open_it() -> None:
        await health.change("judge", lambda known: known.after_account_refusal(clock.now(), "502"))

    async def close_it() -> None:
        await health.change("judge", lambda known: known.after_success())

    await open_it()
    told = await duty.minutes(5)
    await close_it()
    told += await duty.minutes(1)
    await open_it()
    assert told + await duty.minutes(4) == []
    late = await duty.minutes(5)
    await close_it()
    await duty.minutes(4)
    await clock.advance(24 * 3600)
    await open_it()
    anew = await duty.minutes(9)

    assert len(late) == 1
    assert "judge has taken no orders for 10 minutes (502)" in late[0]
    assert anew == []


async def test_budgets_are_told_at_80_and_at_100_percent(duty: Duty) -> None:
    """Of the workspace and of the installation, each for itself, with what is held counted in."""
    limits = duty.house.app.stores.limits
    await limits.put(Limit(scope="workspace:judge:team", period=Period.MONTH, micro_usd=1_000_000))
    await limits.put(Limit(scope="installation", period=Period.DAY, micro_usd=1_250_000))

    await duty.house.step(await duty.house.ask())
    half = await duty.minutes(2)
    await duty.house.step(await duty.house.ask(requester=BOB))
    full = await duty.minutes(5)

    assert half == []
    assert len(full) == 2
    assert any("This installation has used $1.00 of its daily budget of $1.25 (80 %)" in said for said in full)
    assert any("judge:team has used $1.00 of its monthly budget of $1.00 (100 %)" in said for said in full)


async def test_a_charge_above_the_hold_is_told_with_its_job(duty: Duty) -> None:
    """Once; one that was booked before the watch ever looked is history."""
    house = duty.house
    house.provider.checks = [Succeeded(url="fake://old", price=Money.usd("0.60"))]
    await house.run(await house.ask())
    before = await duty.minutes(1)

    house.provider.checks = [Succeeded(url="fake://new", price=Money.usd("0.75"))]
    job = await house.run(await house.ask())
    told = await duty.minutes(3)
    tomorrow = await duty.tomorrow()

    assert before == []
    assert len(told) == 1
    assert f"{job.id} was charged $0.75, $0.25 more than was held" in told[0]
    assert tomorrow == []


async def test_too_little_room_is_told_before_and_when_it_is_too_little(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning at twice the minimum, and another alert below it."""
    told: dict[str, list[str]] = {}
    for name, megabytes in (("plenty", 1001), ("little", 999), ("too little", 499)):
        free = SimpleNamespace(free=megabytes * 1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, free=free: free)
        told[name] = await duty.minutes(3)

    assert told["plenty"] == []
    assert [len(told["little"]), len(told["too little"])] == [1, 1]
    assert "no new jobs are taken. Free some space" in told["too little"][0]


async def test_a_backup_that_was_not_made_is_told_until_one_is(duty: Duty) -> None:
    """With the reason."""
    backups = duty.house.app.backups
    backups._remember(Failure(at=duty.house.clock.now(), why="The disk is full."))

    told = await duty.minutes(3)
    await backups.make()
    tomorrow = await duty.tomorrow()

    assert len(told) == 1
    assert "The disk is full." in told[0]
    assert tomorrow == []


async def test_a_database_that_cannot_be_written_is_told_when_it_lasts(
    duty: Duty, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look may meet a long transaction of another process; the second one is told, although nothing can be noted."""
    database = duty.house.app.database

    async def locked() -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(duty.watch, "grounds", _with(duty.watch.grounds, probe=locked))
    first = await duty.minutes(1)
    later = await duty.minutes(3)

    assert first == []
    assert len(later) == 1
    assert "readonly database" in later[0]
    await database.probe()


async def test_damage_that_a_look_comes_across_is_told_at_once(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sentence that names the backup to go back to; the other looks go on."""

    class Damaged:
        async def read(self) -> None:
            raise DatabaseCorrupt("The database is damaged; the newest backup is X.")

        async def overcharges(self, after: int | None) -> tuple[int, list[object]]:
            return 0, []

    duty.house.app.backups._remember(Failure(at=duty.house.clock.now(), why="No."))
    monkeypatch.setattr(duty.watch, "grounds", _with(duty.watch.grounds, figures=Damaged()))

    told = await duty.minutes(2)

    assert [said[:24] for said in told] == ["The database is damaged;", "The scheduled backup was"]


async def test_the_whole_database_is_read_once_a_day(duty: Duty, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after the start for the first time; what is found is told."""
    asked: list[timedelta] = []
    began = duty.house.clock.now()

    async def fault() -> str | None:
        asked.append(duty.house.clock.now() - began)
        return "row 7 missing from index ix_jobs_state_seq" if len(asked) == 2 else None

    monkeypatch.setattr(duty.watch, "grounds", _with(duty.watch.grounds, database_fault=fault))
    told = []
    for _ in range(2 * 26):
        told += await duty.minutes(1)
        await duty.house.clock.advance(1740)

    assert asked == [timedelta(hours=1), timedelta(hours=25)]
    assert len(told) == 1
    assert "row 7 missing" in told[0]


def _with(grounds: Grounds, **changes: Any) -> Grounds:
    return replace(grounds, **changes)
