"""What an attempt of ours ordered can be read back while its job waits for it, and not a moment longer."""

from __future__ import annotations

from pathlib import Path

from adapters.providers.placed import PlacedOrders
from bot.errors import ProviderUnavailable, Unconfirmed
from bot.jobs.model import Job, RenderSettings
from bot.jobs.states import State
from bot.ports import Rendering
from tests.fakes.provider import FakeProvider
from tests.house import OPERATOR, House, a_house

SETTINGS = RenderSettings(duration_s=5, resolution="720p", camera="orbit", seed=7)


async def rendering(house: House) -> Job:
    """A job of Alice's that its provider is at work on."""
    house.provider.checks = [Rendering()] * 3
    job = await house.ask(settings=SETTINGS)
    await house.step(job)
    job = await house.load(job)
    assert job.state is State.RENDERING
    return job


async def test_an_order_is_read_back_as_it_was_sent(tmp_path: Path):
    """Model, words, settings and picture: whoever renders it again makes the same clip."""
    async with a_house(tmp_path) as house:
        job = await rendering(house)

        placed = await PlacedOrders(house.app.stores)("judge", job.attempt_id or "")

        sent = house.provider.paid[0]
        assert placed is not None
        assert placed.image is not None
        assert (placed.attempt_id, placed.job_id, placed.model) == (sent.attempt_id, job.id, sent.model)
        assert (placed.prompt, placed.settings) == (job.prompt, sent.settings)
        assert (placed.image.id, placed.audio, placed.wants_audio) == (sent.image.asset.id, None, False)
        assert not placed.is_cancelled


async def test_only_the_providers_own_attempts_are_known(tmp_path: Path):
    """Neither a foreign id, nor the id that the provider gave, nor another provider's attempt."""
    async with a_house(tmp_path) as house:
        job = await rendering(house)
        placed = PlacedOrders(house.app.stores)

        assert await placed("judge", "foreign") is None
        assert await placed("judge", job.provider_job_id or "") is None
        assert await placed("local", job.attempt_id or "") is None


async def test_an_order_that_was_delivered_is_over(tmp_path: Path):
    """Its clip is in the media store; nobody asks for the render any more."""
    async with a_house(tmp_path) as house:
        job = await house.run(await rendering(house))

        assert job.state is State.DELIVERED
        assert await PlacedOrders(house.app.stores)("judge", job.attempt_id or "") is None


async def test_a_wish_to_stop_is_read_back_until_the_result_is_there(tmp_path: Path):
    """While it renders it counts; a finished one is fetched and kept all the same (DESIGN §4)."""
    async with a_house(tmp_path) as house:
        job = await rendering(house)
        placed = PlacedOrders(house.app.stores)
        await house.app.service.actions.cancel(job.id, OPERATOR)
        asked = await placed("judge", job.attempt_id or "")
        house.fetcher.failures = [ProviderUnavailable("cut off")] * 10
        house.provider.checks = []

        await house.step(job)
        await house.clock.advance(60)
        await house.step(job)
        finished = await placed("judge", job.attempt_id or "")

        assert (await house.load(job)).state is State.FETCHING
        assert (asked is not None and asked.is_cancelled) is True
        assert (finished is None or finished.is_cancelled) is False


async def test_an_attempt_that_nobody_vouched_for_is_still_awaited(tmp_path: Path):
    """Whoever placed it died before the answer: a provider that can simply make it says that it has it."""
    async with a_house(tmp_path, providers=[FakeProvider()]) as house:
        house.provider.answers = [Unconfirmed("the answer was lost")]
        job = await house.ask(settings=SETTINGS)
        await house.step(job)
        job = await house.load(job)

        placed = await PlacedOrders(house.app.stores)("judge", job.attempt_id or "")

        assert job.state is State.UNCONFIRMED
        assert placed is not None
