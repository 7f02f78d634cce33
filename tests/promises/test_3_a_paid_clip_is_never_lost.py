"""Promise 3: a paid clip is never lost (DESIGN §2)."""

from __future__ import annotations

from pathlib import Path

from bot.errors import BadInput, DeliveryRefused, DiskFull, ProviderUnavailable, ResultGone, Unconfirmed
from bot.jobs.actions import Presser
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from bot.ports import Cancelled, Failed, Found, NotThere, Rendering, Unknown
from bot.tracker.steps.ended import COMING_AFTER_ALL
from tests.factories import ALICE
from tests.house import OPERATOR, House, a_house, later_tracker, take_over

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


async def given_up(house: House) -> Job:
    """A job the provider took although nobody knew, and that an operator resolved as lost."""
    house.provider.answers = [Unconfirmed("the answer was lost")]
    house.provider.found = NotThere()
    job = await house.run(await house.ask())
    await house.clock.advance(31)
    await house.app.service.actions.resolve(job.id, OPERATOR, decision="lost")
    return await house.run(job)


async def test_a_clip_that_was_given_up_and_is_still_rendering_is_waited_for(tmp_path: Path) -> None:
    """The person is told at once that it comes after all; it is delivered when it is done."""
    async with a_house(tmp_path) as house:
        job = await given_up(house)
        house.provider.found = Found(provider_job_id="judge-1")
        house.provider.checks = [Rendering()] * 5

        assert await house.tracker.reconcile() == [job.id]
        wait = await house.step(job)
        told = await house.load(job)
        assert (told.state, told.note) == (State.FAILED, COMING_AFTER_ALL)
        while (await house.load(job)).state is State.FAILED:
            assert wait.until is not None
            await house.clock.advance((wait.until - house.clock.now()).total_seconds() + 0.001)
            wait = await house.step(job)

        job = await house.load(job)
        assert (job.state, job.charged, await house.used()) == (State.DELIVERED, HALF, HALF)


async def test_a_crash_right_after_the_finding_loses_nothing(tmp_path: Path) -> None:
    """The id is on the disk, the process is gone: the next one takes it from there, without another look-up."""
    async with a_house(tmp_path) as house:
        job = await given_up(house)
        house.provider.found = Found(provider_job_id="judge-1")
        await house.tracker.reconcile()

        house.provider.found = AssertionError("it is known already")
        await take_over(house.app)
        assert await later_tracker(house).reconcile() == [job.id]
        job = await house.run(job)

        assert (job.state, await house.used()) == (State.DELIVERED, HALF)
        assert await house.tracker.reconcile() == []


async def test_a_late_failure_is_booked_at_what_the_provider_kept(tmp_path: Path) -> None:
    """It said nothing was charged; now it says what was."""
    async with a_house(tmp_path) as house:
        job = await given_up(house)
        house.provider.found = Found(provider_job_id="judge-1")
        house.provider.checks = [Failed(code="provider_failed", message="model timeout", charged=Money.usd("0.20"))]

        await house.tracker.reconcile()
        job = await house.run(job)

        assert job.error is not None
        assert (job.state, job.error.code, job.error.charged) == (State.FAILED, "provider_failed", True)
        assert (job.charged, await house.used()) == (Money.usd("0.20"), Money.usd("0.20"))
        assert await house.tracker.reconcile() == []


async def test_a_render_the_provider_lost_and_finds_again_is_delivered(tmp_path: Path) -> None:
    """Ten minutes of not knowing ended the job; the reconciler asks for seven days, and the price stays one."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Unknown(reason="404")] * 1000
        job = await house.run(await house.ask())
        assert (job.state, await house.used()) == (State.FAILED, HALF)

        house.provider.checks = []
        assert await house.tracker.reconcile() == [job.id]
        job = await house.run(job)

        assert (job.state, job.error, await house.used()) == (State.DELIVERED, None, HALF)


async def test_a_render_the_provider_lost_and_then_calls_off_ends_for_good(tmp_path: Path) -> None:
    """It is booked at what the provider kept, says so, and nobody asks again."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Unknown(reason="404")] * 1000
        job = await house.run(await house.ask())

        house.provider.checks = [Cancelled(charged=FREE)] * 3
        assert await house.tracker.reconcile() == [job.id]
        job = await house.run(job)

        assert job.error is not None
        assert (job.state, job.error.code, job.error.charged) == (State.FAILED, "cancelled_at_provider", False)
        assert (len(house.provider.checks), await house.used(), await house.tracker.reconcile()) == (2, FREE, [])
