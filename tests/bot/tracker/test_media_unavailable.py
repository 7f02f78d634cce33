"""While our own media store is away, jobs wait, and no provider is blamed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import MediaUnavailable
from bot.jobs.model import Asset
from bot.jobs.states import State
from bot.ports import HostedInput
from tests.fakes.provider import FakeProvider
from tests.house import a_house

pytestmark = pytest.mark.asyncio


class FarFromItsPictures(FakeProvider):
    """Its inputs lie where nobody answers, for as long as `is_away`."""

    is_away = True

    async def host(self, asset: Asset) -> HostedInput:
        if self.is_away:
            raise MediaUnavailable("The media store cannot be reached at the moment.")
        return await super().host(asset)


async def test_a_job_whose_picture_cannot_be_read_waits_and_its_provider_stays_in_good_health(tmp_path: Path) -> None:
    provider = FarFromItsPictures()
    async with a_house(tmp_path, providers=[provider]) as house:
        before = await house.app.stores.health.load(provider.name)
        job = await house.ask()
        await house.step(job)
        waiting = await house.load(job)
        meanwhile = await house.app.stores.health.load(provider.name)

        provider.is_away = False
        done = await house.run(waiting)

        assert waiting.state is State.QUEUED
        assert meanwhile == before
        assert done.state is State.DELIVERED
