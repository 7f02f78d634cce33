"""Promise 8: what Reelbot says is true (DESIGN §2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bot.cards.card import card
from bot.cards.messages import delivery_text, price_line
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import Failed, Rendering
from tests.factories import a_job
from tests.house import OPERATOR, a_house


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
