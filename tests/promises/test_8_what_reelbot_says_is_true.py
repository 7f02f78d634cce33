"""Promise 8: what Reelbot says is true (DESIGN §2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.cards.board import CardBoard
from bot.cards.card import card
from bot.cards.messages import delivery_text, eta_line, price_line, spell
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import CheckResult, Failed, Rendering
from bot.tracker.breaker import LONGEST_REST
from bot.tracker.render_times import Measured
from tests.factories import NOON, a_job
from tests.house import OPERATOR, House, a_house

TWENTY = [float(40 + number) for number in range(20)]
"""Renders of 40 to 59 seconds: half took at most 49.5, nine of ten at most 57."""


async def test_no_percentage_that_the_provider_did_not_give(tmp_path: Path) -> None:
    """Progress is the provider's own figure, or none."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Rendering(), Rendering(progress=0.4), Rendering()]
        job = await house.ask()

        await house.step(job)
        silent = card(await house.load(job))
        await house.clock.advance(2)
        await house.step(job)
        spoken = card(await house.load(job))

        assert (silent.progress, spoken.progress) == (None, 0.4)


async def test_a_poll_that_learns_nothing_writes_nothing(tmp_path: Path) -> None:
    """Neither a version nor an event."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Rendering()] * 50
        job = await house.ask()
        await house.step(job)
        before = await house.load(job)

        for _ in range(20):
            await house.clock.advance(11)
            await house.step(job)

        assert await house.load(job) == before


async def test_every_state_says_what_is_true_of_the_money(tmp_path: Path) -> None:
    """Quoted: will cost. Queued: held. Delivered: cost. Cancelled in time: nothing."""
    async with a_house(tmp_path, limits={"confirm_above_usd": "0.40"}) as house:
        job = await house.run(await house.ask())
        assert price_line(job) == "It will cost $0.50."

        await house.app.stores.health.pause("judge", "cli:local")
        await house.app.service.actions.confirm(job.id, OPERATOR)
        await house.step(job)
        assert price_line(await house.load(job)) == "$0.50 is held for it."

        await house.app.stores.health.resume("judge")
        job = await house.run(job)
        assert price_line(job) == "It cost $0.50."
        assert delivery_text(job) == "5 s, 720p, judge. It cost $0.50."

        dropped = await house.run(await house.ask())
        await house.app.service.actions.cancel(dropped.id, OPERATOR)
        assert price_line(await house.run(dropped)) == "Nothing was charged."


async def test_the_json_of_a_job_keeps_what_was_held_and_what_was_settled(tmp_path: Path) -> None:
    """`held_usd` afterwards too; `charged_usd` is what the ledger settled."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Failed(code="provider_failed", message="model timeout", charged=Money.usd("0.10"))]
        job = await house.run(await house.ask())

        said = await house.app.service.describe(job)

        assert said["price"] == {"quoted_usd": "0.50", "held_usd": "0.50", "charged_usd": "0.10"}
        assert said["error"] == {"code": "provider_failed", "message": "model timeout", "charged": True}


async def test_the_place_in_line_is_counted(tmp_path: Path) -> None:
    """From one, and only while in line."""
    async with a_house(tmp_path) as house:
        await house.app.stores.health.pause("judge", "cli:local")
        jobs = [await house.ask() for _ in range(3)]
        for job in jobs:
            await house.step(job)
            await house.clock.advance(1)

        places = [(await house.app.service.describe(await house.load(job)))["queue_position"] for job in jobs]

        assert places == [1, 2, 3]


async def test_the_local_provider_says_that_it_is_a_camera_move(tmp_path: Path) -> None:
    """Never called a generated scene."""

    local = replace(a_job(), provider="local", state=State.DELIVERED)

    assert "a camera move over the picture, not a generated scene" in delivery_text(local)


# --- how long it will take ------------------------------------------------------------------------------------------


async def teach(house: House, *seconds: float) -> None:
    """So many renders were measured before."""
    for each in seconds:
        await house.app.stores.render_times.add("judge", "judge/clip", 5, "720p", each)


async def forever(_provider_job_id: str) -> CheckResult:
    """A render that does not end."""
    return Rendering()


async def until(condition: Callable[[], bool]) -> None:
    """Let what goes on beside the test go on: it waits for nothing but the disk."""
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    assert condition()


async def test_an_estimate_comes_from_measured_renders_or_there_is_none(tmp_path: Path) -> None:
    """Below five: none. Then the median; past it the ninth decile; past that nobody knows."""
    async with a_house(tmp_path) as house:
        house.provider.check = forever  # type: ignore[method-assign]
        await teach(house, 50, 50, 50, 50)
        job = await house.ask()
        await house.step(job)
        job = await house.load(job)
        describe = house.app.service.describe
        assert (await describe(job))["eta_at"] is None

        await teach(house, *TWENTY)
        said = []
        for pause in (0, 49, 3, 6):
            await house.clock.advance(pause)
            said.append((await describe(job))["eta_at"])

        assert job.state_since.isoformat().startswith("2026-01-01T00:00:00")
        assert said == ["2026-01-01T00:00:50Z", "2026-01-01T00:00:50Z", "2026-01-01T00:00:57Z", None]


@pytest.mark.parametrize("state", [state for state in State if state is not State.RENDERING])
async def test_no_estimate_before_the_provider_has_it_nor_afterwards(tmp_path: Path, state: State) -> None:
    """In line, nobody knows."""
    async with a_house(tmp_path) as house:
        await teach(house, *TWENTY)
        job = replace(a_job(), state=state, queued_at=NOON)

        assert (await house.app.service.describe(job))["eta_at"] is None
        assert await house.app.service.eta_line(job) == ""


@pytest.mark.parametrize(
    ("measured", "typical_s", "age_s", "line"),
    [
        ([], None, 10, ""),
        ([], 60, 10, "Usually about a minute (not yet measured here)."),
        ([], 30, 10, "Usually about 30 s (not yet measured here)."),
        ([50.0] * 4, 60, 10, "Usually about a minute (only 4 measured here so far)."),
        ([50.0] * 4, None, 10, ""),
        (TWENTY, 60, 0, "About 50 s to go (measured on 20 renders)."),
        (TWENTY, 60, 10, "About 40 s to go (measured on 20 renders)."),
        (TWENTY, None, 49, "About 5 s to go (measured on 20 renders)."),
        (TWENTY, None, 50, "About 5 s to go (measured on 20 renders)."),
        (TWENTY, None, 58, "Longer than 9 of 10 renders; still going."),
        ([300.0] * 7, None, 10, "About 5 minutes to go (measured on 7 renders)."),
        ([300.0] * 7, None, 230, "About a minute to go (measured on 7 renders)."),
    ],
)
def test_the_words_of_an_estimate(measured: list[float], typical_s: float | None, age_s: float, line: str) -> None:
    """They say on how many renders it rests, or that it is only the vendor's word."""
    job = replace(a_job(), state=State.RENDERING)

    assert eta_line(job, Measured.of(measured), typical_s, NOON + timedelta(seconds=age_s)) == line
    assert eta_line(replace(job, progress=0.3), Measured.of(measured), typical_s, NOON) == ""


def test_a_length_of_time_is_not_said_more_exactly_than_it_is_known() -> None:
    """Five seconds at least, steps of five, then minutes."""
    spelled = [spell(seconds) for seconds in (0, 3, 7, 8, 31, 57, 58, 89, 91, 600)]

    assert spelled == ["5 s", "5 s", "5 s", "10 s", "30 s", "55 s", "a minute", "a minute", "2 minutes", "10 minutes"]


def shown(house: House) -> list[str]:
    """What stood on the cards about the time, one after the other."""
    return [line for each in house.courier.cards for line in each.lines if " to go" in line or "9 of 10" in line]


async def test_an_estimate_on_a_card_is_drawn_again_before_it_is_no_longer_true(tmp_path: Path) -> None:
    """A few times per render, the last one when it takes longer than nine of ten; and nothing is written for it."""
    async with a_house(tmp_path) as house:
        house.provider.check = forever  # type: ignore[method-assign]
        await teach(house, *TWENTY)
        job = await house.ask()
        await house.step(job)
        await until(lambda: len(shown(house)) == 1)
        before = await house.load(job)

        for _ in range(75):
            drawn = len(house.courier.cards)
            await house.clock.advance(1)
            await until(lambda: _rests(house))
            assert len(house.courier.cards) - drawn <= 1

        lines = shown(house)
        assert lines[0] == "About 50 s to go (measured on 20 renders)."
        assert lines[1] in {f"About {left} s to go (measured on 20 renders)." for left in (30, 35)}
        assert lines[-1] == "Longer than 9 of 10 renders; still going."
        assert 4 <= len(lines) <= 7
        assert await house.load(job) == before


def _rests(house: House) -> bool:
    """The board has drawn what was due, and sleeps until the next estimate grows old."""
    board = house.app.board
    asleep = house.clock.sleepers > 0 or board._redrawing is None or board._redrawing.done()
    return asleep and not board._drawing


async def test_after_a_restart_the_card_does_not_keep_an_old_estimate(tmp_path: Path) -> None:
    """What another process said of the time to go is said anew; a card without an estimate is left alone."""
    async with a_house(tmp_path) as house:
        house.provider.check = forever  # type: ignore[method-assign]
        unmeasured: Job = await house.ask()
        await house.step(unmeasured)
        await teach(house, *TWENTY)
        job = await house.ask()
        await house.step(job)
        await until(lambda: len(shown(house)) == 1)
        await house.app.board.settle()
        house.clock._move(30)  # no process ran meanwhile

        board = CardBoard(house.app.desk)
        await board.catch_up()
        await until(lambda: len(shown(house)) >= 2)
        await board.settle()

        assert shown(house)[1].startswith("About 20 s to go")


async def test_a_job_that_waits_for_a_resting_provider_says_so(tmp_path: Path) -> None:
    """Until when, and no longer than that; and a pause is called a pause."""
    async with a_house(tmp_path) as house:
        await _rest_and_tell(house)


async def _rest_and_tell(house: House) -> None:
    job = await house.ask()
    now = house.clock.now()
    await house.app.stores.health.change("judge", lambda known: known.after_account_refusal(now, "the key"))
    await house.step(job)

    told = (await house.app.service.describe(await house.load(job)))["note"]
    assert told == f"judge is not taking orders; trying again at {now + LONGEST_REST:%H:%M} UTC."
    await house.app.board.settle()
    assert told in house.courier.cards[-1].lines

    await house.app.stores.health.change("judge", lambda known: known.after_success())
    assert (await house.app.service.describe(await house.load(job)))["note"] is None
    await house.app.stores.health.pause("judge", "cli:local")
    assert "paused" in str((await house.app.service.describe(await house.load(job)))["note"])
