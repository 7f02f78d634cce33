"""Several processes that talk to one workspace, before an emulated Slack that keeps its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.pacing import Pacing, evenly
from adapters.chat.slack import together
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot, RateLimited, SlackApi
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.http.client import HttpClient
from bot.clock import SystemClock
from bot.errors import DeliveryDelayed
from bot.ids import new_id
from bot.jobs.model import Requester
from storage.media_store import ObjectMediaStore
from storage.paces import Paces
from storage.postgres import PostgresDatabase
from tests.adapters.chat.crowd import CountingPaces, One, a_crowd
from tests.adapters.chat.slack.odd import OddSlack, odd_slack
from tests.adapters.chat.slack.test_cards import a_card
from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld
from tests.fakes.workshop import FakeWorkshop

A_SECOND = 4.0
"""So many posts a second does the emulated Slack take in a channel, so that nobody has to wait for long."""
LONG_S = 300


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackWorld]:
    sizes = {"post": [5, A_SECOND], "tier3": [12, 3.0]}
    process = slack_emulator(tmp_path_factory.mktemp("slack"), limits=sizes)
    yield SlackWorld(process.url)
    process.stop()


@pytest.fixture(name="channel")
def _channel(world: SlackWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    faster = {together.POST: (1.05 / A_SECOND, 3), together.UPDATE: (evenly(12, 3.3, 4), 4)}
    monkeypatch.setattr(together, "PACES", {**together.PACES, **faster})
    world.mark()
    yield world.new_channel(f"room-{new_id()[-8:]}")
    world.no_faults()
    assert world.violations() == []


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[list[One]]:
    async with a_crowd(tmp_path) as found:
        yield found


def api_of(one: One, world: SlackWorld) -> SlackApi:
    """What this process asks Slack with."""
    return SlackApi(one.http, one.clock, api_url=world.api_url, pacing=one.pacing)


def bot_of(world: SlackWorld) -> Bot:
    return Bot(team=world.team, token=world.token)


async def test_three_processes_keep_one_channels_pace(world: SlackWorld, channel: str, crowd: list[One]) -> None:
    """Each posts as fast as it may: Slack has to ask nobody for a pause, and everything is there once."""
    said = [f"message {number:02}" for number in range(12)]

    async def post(api: SlackApi, texts: list[str]) -> None:
        for text in texts:
            await api.call(bot_of(world), "chat.postMessage", channel=channel, text=text)

    await asyncio.gather(*(post(api_of(one, world), said[number::3]) for number, one in enumerate(crowd)))

    posted = await asyncio.to_thread(world.from_bot, channel)
    assert sorted(each["text"] for each in posted) == said
    assert await asyncio.to_thread(world.journal, "throttled") == []


async def test_progress_leaves_room_for_ends(world: SlackWorld, channel: str, crowd: list[One]) -> None:
    """Of one workspace's updates: however many processes report progress, those that are waited for go through."""
    first, second, third = (api_of(one, world) for one in crowd)
    posted = await first.call(bot_of(world), "chat.postMessage", channel=channel, text="a card")
    reference = f"{channel}:{posted['ts']}"
    refused = 0

    for number in range(9):
        try:
            body = {"text": f"progress {number}"}
            await (first, second, third)[number % 3].update(bot_of(world), reference, body, leaving=2)
        except RateLimited:
            refused += 1
    for number in range(2):
        await second.update(bot_of(world), reference, {"text": f"end {number}"})

    assert refused > 0
    assert (await asyncio.to_thread(world.from_bot, channel))[0]["text"] == "end 1"
    assert await asyncio.to_thread(world.journal, "throttled") == []


async def test_what_one_is_told_holds_the_others_off(world: SlackWorld, channel: str, crowd: list[One]) -> None:
    """That method in that channel; elsewhere everybody goes on."""
    other = await asyncio.to_thread(world.new_channel, f"other-{new_id()[-8:]}")
    told, ahead, _ = (api_of(one, world) for one in crowd)
    await asyncio.to_thread(world.fault, "chat.postMessage", f"429:{LONG_S}")
    with pytest.raises(RateLimited):
        await told.call(bot_of(world), "chat.postMessage", channel=channel, text="one")

    with pytest.raises(RateLimited) as held:
        await ahead.call(bot_of(world), "chat.postMessage", channel=channel, text="two")
    await ahead.call(bot_of(world), "chat.postMessage", channel=other, text="three")

    assert held.value.retry_after_s == pytest.approx(LONG_S, abs=60)
    assert await asyncio.to_thread(world.from_bot, channel) == []


async def test_of_several_processes_one_posts_the_card(
    world: SlackWorld, channel: str, crowd: list[One], tmp_path: Path
) -> None:
    """The one that accepted the job and the one that runs it want to show it at the same moment; nobody posts a second."""
    alice = await asyncio.to_thread(world.person, "Alice")
    anchor = Anchor(team=world.team, channel=channel)
    asker = Requester(platform="slack", workspace=world.team, user=alice, channel=channel, anchor=anchor.to_text())
    card = a_card(asker)
    store = ObjectMediaStore((tmp_path / "media").as_uri())
    couriers = []
    for one in crowd:
        api = api_of(one, world)
        bots = Bots(api, one.clock, token=world.token)
        couriers.append(SlackCourier(api, bots, one.http, store, FakeWorkshop(), one.clock, tmp_path))

    shown: list[Any] = await asyncio.gather(*(each.show(card, None) for each in couriers), return_exceptions=True)

    assert len(await asyncio.to_thread(world.from_bot, channel)) == 1
    assert sum(isinstance(each, DeliveryDelayed) for each in shown) == 2


async def test_without_the_database_everything_is_posted_all_the_same(world: SlackWorld, channel: str) -> None:
    """A 429 is obeyed by each, as with one process."""
    http, clock = HttpClient(), SystemClock()
    database = PostgresDatabase("postgresql://reelbot@127.0.0.1:9/away")
    api = SlackApi(http, clock, api_url=world.api_url, pacing=Pacing(Paces(database, clock), clock))

    for text in ("one", "two"):
        await api.call(bot_of(world), "chat.postMessage", channel=channel, text=text)

    await http.aclose()
    await database.close()
    assert len(await asyncio.to_thread(world.from_bot, channel)) == 2


@pytest.fixture
async def odd() -> AsyncIterator[OddSlack]:
    async with odd_slack() as slack:
        yield slack


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("views.open", {}),
        ("views.publish", {}),
        ("chat.postEphemeral", {}),
        ("users.info", {}),
        ("chat.postMessage", {"within_s": 2.0}),
        ("conversations.replies", {"within_s": 2.0}),
    ],
)
async def test_what_a_person_waits_for_asks_no_database(odd: OddSlack, method: str, more: dict[str, Any]) -> None:
    """Slack's three seconds are not to be shared with it; nor does anybody hear of such a call's pause."""
    odd.says(f"/api/{method}", {"ok": False, "error": "ratelimited"})
    store, http = CountingPaces(), HttpClient()
    api = SlackApi(http, SystemClock(), api_url=f"{odd.url}/api", pacing=Pacing(store, SystemClock()))

    with pytest.raises(RateLimited):
        await api.call(Bot(team="T1", token="xoxb"), method, **more)

    await http.aclose()
    assert (store.reserved, store.held) == ([], [])
