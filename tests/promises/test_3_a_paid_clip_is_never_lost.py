"""Promise 3: a paid clip is never lost (DESIGN §2)."""

from __future__ import annotations

from pathlib import Path

from bot.errors import BadInput, DeliveryRefused, DiskFull, ProviderUnavailable, ResultGone
from bot.jobs.actions import Presser
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from bot.ports import Cancelled, Failed, Rendering, Unknown
from tests.factories import ALICE
from tests.house import a_house

HALF = Money.usd("0.50")
AS_ALICE = Presser(person=ALICE.person)


async def test_a_link_that_is_dead_for_a_while_is_tried_until_it_works(tmp_path: Path) -> None:
    """Dead, no room, no video: each passes, and the clip is delivered for the price of one."""
    async with a_house(tmp_path) as house:
        house.fetcher.failures = [ProviderUnavailable("404"), DiskFull("no room"), BadInput("HTML"), OSError("reset")][
            :3
        ]

        job = await house.run(await house.ask())

        assert (job.state, job.charged, len(house.provider.paid)) == (State.DELIVERED, HALF, 1)


async def test_a_result_that_is_gone_for_good_is_said_with_its_id_and_its_price(tmp_path: Path) -> None:
    """The person reads that it was charged, and what to quote to the provider."""
    async with a_house(tmp_path) as house:
        house.fetcher.failures = [ResultGone("The provider deleted the result.")]

        job = await house.run(await house.ask())

        assert job.error is not None
        assert (job.error.code, job.error.charged) == ("result_gone", True)
        assert "judge-1" in job.error.message


async def test_a_clip_that_cannot_be_posted_is_kept_and_sent_again(tmp_path: Path) -> None:
    """Send again is a new delivery with a file name of its own."""
    async with a_house(tmp_path) as house:
        house.courier.failures = [DeliveryRefused("The channel was deleted.")]
        job = await house.run(await house.ask())
        assert (job.state, job.output is not None) == (State.UNDELIVERED, True)

        await house.app.service.actions.resend(job.id, AS_ALICE)
        await house.step(job)

        job = await house.load(job)
        assert (job.state, job.error) == (State.DELIVERED, None)
        assert house.courier.posts == [f"{job.id}-2.mp4"]


async def test_a_cancel_that_comes_too_late_for_the_provider_keeps_the_clip(tmp_path: Path) -> None:
    """Rendered on, fetched, kept, not posted, and told what it cost."""
    async with a_house(tmp_path) as house:
        house.provider.honours_cancel = False
        house.provider.checks = [Rendering()]
        job = await house.ask()
        await house.step(job)
        await house.app.service.actions.cancel(job.id, AS_ALICE)

        job = await house.run(job)

        assert house.provider.cancels == ["judge-1"]
        assert (job.state, job.charged, job.output is not None) == (State.CANCELLED, HALF, True)
        assert house.courier.posts == []


async def test_a_cancel_the_provider_honours_costs_what_the_provider_says(tmp_path: Path) -> None:
    """Here: nothing."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Rendering(), Cancelled(charged=FREE)]
        job = await house.ask()
        await house.step(job)
        await house.app.service.actions.cancel(job.id, AS_ALICE)

        job = await house.run(job)

        assert (job.state, job.charged, await house.used()) == (State.CANCELLED, FREE, FREE)


async def test_a_cancel_before_anything_was_sent_is_free(tmp_path: Path) -> None:
    """And nothing is ever sent."""
    async with a_house(tmp_path) as house:
        await house.app.stores.health.pause("judge", "cli:local")
        job = await house.ask()
        await house.step(job)
        await house.app.service.actions.cancel(job.id, AS_ALICE)

        job = await house.run(job)

        assert (job.state, house.provider.paid, await house.used()) == (State.CANCELLED, [], FREE)


async def test_a_provider_that_forgets_an_id_is_asked_for_ten_minutes(tmp_path: Path) -> None:
    """A render that shows up again is delivered; one that stays away is lost there, and booked."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Unknown(reason="404")] * 3
        found = await house.run(await house.ask())

        house.provider.checks = [Unknown(reason="404")] * 1000
        lost = await house.run(await house.ask())

        assert found.state is State.DELIVERED
        assert lost.error is not None
        assert (lost.error.code, lost.charged) == ("lost_at_provider", HALF)


async def test_a_render_that_takes_hours_is_said_and_still_delivered(tmp_path: Path) -> None:
    """After thirty minutes the person is told; polls become rare; the clip is delivered when it comes."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Rendering()] * 260
        job = await house.ask()

        while (await house.load(job)).note is None:
            wait = await house.step(job)
            assert wait.until is not None
            await house.clock.advance(max(0.0, (wait.until - house.clock.now()).total_seconds()) + 0.001)
        slow = await house.load(job)
        job = await house.run(job, hours=200)

        assert slow.state is State.RENDERING
        assert "unusually long" in (slow.note or "")
        assert job.state is State.DELIVERED


async def test_a_render_that_fails_is_booked_at_what_the_provider_kept(tmp_path: Path) -> None:
    """Free when it says free; in full when it does not say."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Failed(code="provider_failed", message="model timeout", charged=FREE)]
        free = await house.run(await house.ask())
        house.provider.checks = [Failed(code="provider_failed", message="model timeout")]
        charged = await house.run(await house.ask())

        assert (free.charged, charged.charged, await house.used()) == (FREE, HALF, HALF)
        assert (free.error is not None and free.error.charged) is False
