"""Discord's courier passes the suite that every courier passes, before an emulated Discord on a real socket."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import JobCard
from tests.conformance.courier_suite import CourierBench, CourierSuite
from tests.emulators.discord_bench import DiscordBench, _bench, _world  # noqa: F401 - fixtures


class TestDiscord(CourierSuite):
    @pytest.fixture
    def bench(self, discord: DiscordBench) -> CourierBench:
        return discord


async def test_a_card_for_a_parcel_is_replied_to(discord: DiscordBench) -> None:
    """The clip hangs under the card, where there is no asking message."""
    parcel = await discord.parcel()
    card = JobCard(job_id=parcel.job_id, version=1, requester=parcel.requester, state="rendering", headline="Rendering")
    at = await discord.courier.show(card, None)

    async def save(_checkpoint: object) -> None:
        pass

    await discord.courier.deliver(replace(parcel, card=at), save)

    assert at is not None
    [posted] = discord.world.posted(parcel.filename)
    message = discord.world.message(posted["channel"], posted["message"])
    assert message["message_reference"]["message_id"] == at.reference.partition(":")[2]
