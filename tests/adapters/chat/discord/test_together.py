"""Several processes with one bot token, before an emulated Discord that keeps its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord import together
from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.answers import Answers
from adapters.chat.discord.buckets import RateLimited
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.rest import Rest
from adapters.chat.pacing import Pacing
from adapters.http.answer import HttpAnswer
from adapters.http.client import HttpClient
from bot.clock import SystemClock
from bot.errors import DeliveryDelayed
from bot.jobs.model import Requester
from storage.media_store import ObjectMediaStore
from storage.paces import Paces
from storage.postgres import PostgresDatabase
from tests.adapters.chat.crowd import CountingPaces, One, a_crowd
from tests.adapters.chat.discord.test_cards import a_card
from tests.emulators.discord_world import DiscordWorld
from tests.emulators.processes import discord_emulator
from tests.fakes.workshop import FakeWorkshop

WINDOW_S = 2.0
"""Of the emulated limit for messages, so that nobody has to wait five seconds."""
LONG_S = 300.0


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiscordWorld]:
    sizes = {"create": [5, WINDOW_S], "edit": [5, WINDOW_S]}
    process = discord_emulator(tmp_path_factory.mktemp("discord"), limits=sizes)
    yield DiscordWorld(process.url)
    process.stop()


@pytest.fixture(name="channel")
def _channel(world: DiscordWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(together, "A_CHANNEL_S", WINDOW_S + 0.3)
    world.mark()
    yield world.guild("Studio").channel()
    world.no_faults()
    assert world.violations() == []


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[list[One]]:
    async with a_crowd(tmp_path) as found:
        yield found


def rest_of(one: One, world: DiscordWorld) -> Rest:
    """What this process asks Discord with."""
    return Rest(one.http, one.clock, api_url=world.api_url, token=world.token, pacing=one.pacing)


async def test_three_processes_keep_one_channels_limit(world: DiscordWorld, channel: str, crowd: list[One]) -> None:
    """Each posts into it as fast as it may: Discord has to ask nobody for a pause, and everything is there once."""
    said = [f"message {number}" for number in range(9)]

    async def post(rest: Rest, texts: list[str]) -> None:
        for text in texts:
            await rest.post(channel, {"content": text}, nonce=text)

    await asyncio.gather(*(post(rest_of(one, world), said[number::3]) for number, one in enumerate(crowd)))

    posted = await asyncio.to_thread(world.from_bot, channel)
    assert sorted(each["content"] for each in posted) == said
    assert await asyncio.to_thread(world.journal, "throttled") == []


async def test_what_one_is_told_holds_the_others_off(world: DiscordWorld, channel: str, crowd: list[One]) -> None:
    """That channel's messages; another channel is none of it."""
    other = world.channel(world.guild("Beside"), "other")
    told, ahead, *_ = (rest_of(one, world) for one in crowd)
    await asyncio.to_thread(world.fault, f"POST /channels/{channel}/messages", f"429:{LONG_S}")
    with pytest.raises(RateLimited):
        await told.post(channel, {"content": "one"}, nonce="one")

    with pytest.raises(RateLimited) as held:
        await ahead.post(channel, {"content": "two"}, nonce="two")
    await ahead.post(other, {"content": "three"}, nonce="three")

    assert held.value.retry_after_s == pytest.approx(LONG_S, abs=60)
    assert await asyncio.to_thread(world.from_bot, channel) == []
    assert len(await asyncio.to_thread(world.from_bot, other)) == 1


async def test_a_route_that_is_not_paced_is_held_off_too(world: DiscordWorld, channel: str, crowd: list[One]) -> None:
    """Looking at a channel, say."""
    told, ahead, *_ = (rest_of(one, world) for one in crowd)
    await asyncio.to_thread(world.fault, f"GET /channels/{channel}", f"429:{LONG_S}")
    with pytest.raises(RateLimited):
        await told.ask("GET", f"/channels/{channel}")

    with pytest.raises(RateLimited):
        await ahead.ask("GET", f"/channels/{channel}")

    assert (await told.direct(await asyncio.to_thread(world.person, "Alice"))) != ""


async def test_a_limit_of_the_whole_bot_holds_everything(crowd: list[One]) -> None:
    """A 429 whose scope is `global`, seen by one."""
    first, second = (AnsweringHttp(429, {"via": "1.1", "x-ratelimit-scope": "global"}) for _ in range(2))
    told, ahead = (
        Rest(http, SystemClock(), api_url="http://discord", token="a", pacing=one.pacing)
        for http, one in zip((first, second), crowd, strict=False)
    )
    with pytest.raises(RateLimited):
        await told.ask("GET", "/users/@me")

    with pytest.raises(RateLimited):
        await ahead.ask("POST", "/channels/1234567/messages", json={})

    assert (first.asked, second.asked) == (1, 0)


async def test_a_refused_address_is_nobody_elses(crowd: list[One]) -> None:
    """Other machines have others, and find out with one request."""
    banned, served = AnsweringHttp(429, {}, b"<html>"), AnsweringHttp(200, {}, b"{}")
    told, ahead = (
        Rest(http, SystemClock(), api_url="http://discord", token="a", pacing=one.pacing)
        for http, one in zip((banned, served), crowd, strict=False)
    )
    with pytest.raises(RateLimited):
        await told.ask("GET", "/users/@me")

    await ahead.ask("GET", "/users/@me")

    assert served.asked == 1


async def test_without_the_database_everything_is_posted_all_the_same(world: DiscordWorld, channel: str) -> None:
    """Each process then keeps to its own pace, as with one process."""
    http, clock = HttpClient(), SystemClock()
    database = PostgresDatabase("postgresql://reelbot@127.0.0.1:9/away")
    rest = Rest(http, clock, api_url=world.api_url, token=world.token, pacing=Pacing(Paces(database, clock), clock))

    for text in ("one", "two"):
        await rest.post(channel, {"content": text}, nonce=text)

    await http.aclose()
    await database.close()
    assert len(await asyncio.to_thread(world.from_bot, channel)) == 2


async def test_answering_a_person_asks_no_database() -> None:
    """Three seconds are not to be shared with it."""
    store, http = CountingPaces(), AnsweringHttp(200, {}, b"{}")
    rest = Rest(http, SystemClock(), api_url="http://discord", token="a", pacing=Pacing(store, SystemClock()))

    await Answers(rest).defer("1", "token")
    await Answers(rest).edit("1", "token", {"content": "x"})

    assert http.asked == 2
    assert store.reserved == []


async def test_of_several_processes_one_posts_the_card(
    world: DiscordWorld, channel: str, crowd: list[One], tmp_path: Path
) -> None:
    """The one that accepted the job and the one that runs it want to show it at the same moment."""
    alice = world.person("Alice")
    asker = Requester(
        platform="discord",
        workspace="1",
        user=alice,
        channel=channel,
        anchor=Anchor(channel=channel, guild="1").to_text(),
    )
    store = ObjectMediaStore((tmp_path / "media").as_uri())
    couriers = [
        DiscordCourier(rest_of(one, world), one.http, store, FakeWorkshop(), one.clock, tmp_path) for one in crowd
    ]
    card = a_card(asker)

    shown: list[Any] = await asyncio.gather(*(each.show(card, None) for each in couriers), return_exceptions=True)

    assert len(await asyncio.to_thread(world.from_bot, channel)) == 1
    assert sum(isinstance(each, DeliveryDelayed) for each in shown) == 2


class AnsweringHttp:
    """Always the same answer, and how often it was asked for."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes = b'{"retry_after": 300}') -> None:
        self._answer = HttpAnswer(status=status, headers=headers, body=body)
        self.asked = 0

    async def ask(self, *_: Any, **__: Any) -> HttpAnswer:
        self.asked += 1
        return self._answer
