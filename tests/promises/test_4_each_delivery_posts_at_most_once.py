"""Promise 4: each delivery posts at most once, whatever is retried (DESIGN §2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import DeliveryDelayed, DeliveryUnclear, Fenced
from bot.jobs.states import State
from tests.house import a_house, take_over


async def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(tmp_path: Path) -> None:
    """The delivery resumes from its checkpoint."""
    async with a_house(tmp_path) as house:
        house.courier.after_posting = True
        house.courier.failures = [OSError("connection reset")]

        job = await house.run(await house.ask())

        assert (job.state, house.courier.posts) == (State.DELIVERED, [f"{job.id}-1.mp4"])


async def test_a_delay_is_waited_out(tmp_path: Path) -> None:
    """Nothing was posted, so the same delivery is tried again."""
    async with a_house(tmp_path) as house:
        house.courier.failures = [DeliveryDelayed("busy", retry_after_s=30), DeliveryDelayed("busy")]

        job = await house.run(await house.ask())

        assert (job.state, len(house.courier.posts)) == (State.DELIVERED, 1)


async def test_where_nobody_can_tell_it_says_so_and_posts_nothing_more(tmp_path: Path) -> None:
    """`I may have posted this`, and the clip is kept."""
    async with a_house(tmp_path) as house:
        house.courier.after_posting = True
        house.courier.failures = [DeliveryUnclear("cannot search")]
        job = await house.run(await house.ask())

        await house.clock.advance(86400)
        await house.step(job)

        job = await house.load(job)
        assert job.state is State.UNDELIVERED
        assert job.error is not None
        assert "may have posted" in job.error.message
        assert len(house.courier.posts) == 1


async def test_after_a_day_of_delays_the_clip_is_kept(tmp_path: Path) -> None:
    """The person is told how to have it sent."""
    async with a_house(tmp_path) as house:
        house.courier.failures = [DeliveryDelayed("busy", retry_after_s=800)] * 1000

        job = await house.run(await house.ask())

        assert (job.state, house.courier.posts) == (State.UNDELIVERED, [])
        assert job.error is not None
        assert "Send again" in job.error.message


async def test_an_engine_that_was_replaced_posts_nothing(tmp_path: Path) -> None:
    """`save` refuses before the post, because the job is another's now."""
    async with a_house(tmp_path) as house:
        house.courier.failures = [DeliveryDelayed("busy")]
        job = await house.ask()
        await house.step(job)
        stale = await house.load(job)
        delivery = await house.app.stores.deliveries.load(stale.delivery_id or "")
        await take_over(house.app)

        assert delivery is not None
        with pytest.raises(Fenced):
            await house.app.stores.deliveries.save_checkpoint(stale, delivery.id, {"stage": "posting"})
        assert house.courier.posts == []
