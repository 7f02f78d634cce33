"""Several processes connected to Discord: each its shards, all of one installation; never two for the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord import role, seat, together
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.role import discord_role
from adapters.chat.discord.seat import Seat, clash
from bot.app import App, Parts, open_app
from bot.errors import AlreadyRunning, DatabaseUnavailable
from bot.jobs.model import Requester
from bot.settings import load_settings
from bot.settings.values import Shards
from bot.stores import LeaseStore
from bot.workspaces import Permission
from tests import postgres
from tests.conformance.engines import until
from tests.emulators.discord_world import DiscordWorld, Guild
from tests.fakes.clock import FakeClock
from tests.fakes.provider import FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS

PICTURE = ("lake.png", b"\x89PNG\r\n\x1a\n a lake")
LONG_S = 300.0


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits here as long as in earnest."""
    monkeypatch.setattr(role, "PAUSES_S", (0.05,))
    monkeypatch.setattr(together, "IDENTIFY_EVERY_S", 0.05)
    monkeypatch.setattr(seat, "KEPT_EVERY_S", 0.05)
    monkeypatch.setattr(seat, "LOOKS_EVERY_S", 0.05)
    monkeypatch.setattr(seat, "WAITS_S", 0.2)


@asynccontextmanager
async def a_process(folder: Path, world: DiscordWorld, name: str, **discord: Any) -> AsyncIterator[App]:
    """One of the installation, that has the bot and is not connected."""
    chat = {"token": world.token, "api_url": world.api_url, **discord}
    settings = load_settings(
        {
            **GENEROUS, "allowed_workspaces": "", "data_dir": folder / name, "discord": chat, "secret_key": "k" * 40,
            "database_url": postgres.database_of(folder), "media_url": (folder / "media").as_uri(),
        },
        environ={}, cwd=folder,
    )  # fmt: skip
    async with open_app(settings, Parts(providers={"judge": FakeProvider()}, workshop=FakeWorkshop())) as app:
        yield app
        await app.board.settle()


def connected(app: App) -> Any:
    """The role of this process."""
    courier: Any = app.desk.couriers["discord"]
    assert isinstance(courier, DiscordCourier)
    return discord_role(app.service, app.settings, courier, app.readiness)


def is_connected(app: App) -> bool:
    """Whether people are heard."""
    return app.desk.connections.stand()["discord"]


def a_guild(world: DiscordWorld, name: str, shard: int) -> Guild:
    """A server that the second of two shards hears of, or the first."""
    return world.guild(name, own_id=str(((1234567 << 1 | shard) << 22) + 7))


async def test_each_process_answers_for_its_own_shards(world: DiscordWorld, tmp_path: Path) -> None:
    """Commands are told once, direct messages belong to the first shard, and nobody is answered twice."""
    guilds = [await asyncio.to_thread(a_guild, world, name, shard) for shard, name in enumerate(("Even", "Odd"))]
    alice = await asyncio.to_thread(world.person, "Alice", *guilds)
    async with (
        a_process(tmp_path, world, "first", shards="0/2") as first,
        a_process(tmp_path, world, "second", shards="1/2") as second,
        connected(first),
        connected(second),
    ):
        for guild in guilds:
            await first.stores.workspaces.put("discord", guild.id, Permission.ALLOWED)
        places = [*(guild.channel() for guild in guilds), await asyncio.to_thread(world.dm, alice)]

        answers = [
            await asyncio.to_thread(world.slash, alice, place, "animate", image=PICTURE, prompt="the leaves move")
            for place in places
        ]
        mention = world.mention("the cat blinks")
        await asyncio.to_thread(world.say, alice, guilds[1].channel(), mention, files=[PICTURE])

        async def all_asked() -> bool:
            return len((await first.stores.history.page(limit=10)).jobs) == 4

        await until(all_asked)
        told = await asyncio.to_thread(world.counts)
        shards = sorted(each["shard"] for each in await asyncio.to_thread(world.journal, "identified"))

    assert [answer.kind for answer in answers] == ["message"] * 3
    assert shards == [[0, 2], [1, 2]]
    assert [count for name, count in told.items() if name.startswith("PUT") and name.endswith("/commands")] == [1]


async def test_the_same_shards_a_second_time_are_refused(world: DiscordWorld, tmp_path: Path) -> None:
    """In one sentence that names the setting; the first goes on, and whoever comes after it may begin at once."""
    async with (
        a_process(tmp_path, world, "first", shards="0/2") as first,
        a_process(tmp_path, world, "second", shards="0/2") as second,
    ):
        async with connected(first):
            with pytest.raises(AlreadyRunning, match="REELBOT_DISCORD__SHARDS"):
                async with connected(second):
                    pass
            await until(lambda: is_connected(first))
        async with connected(second):
            await until(lambda: is_connected(second))


async def test_who_lost_its_shards_leaves_and_comes_back(world: DiscordWorld, tmp_path: Path) -> None:
    """A process that was stopped for long finds another in its place; once that is gone, it connects again."""
    async with a_process(tmp_path, world, "first") as app, connected(app):
        courier: Any = app.desk.couriers["discord"]
        group = f"discord:{courier.rest.id_in_token() or 'bot'}:shards"
        await until(lambda: is_connected(app))

        # What another does that finds the lease run out.
        await app.stores.leases.take(group, "0-0/1", "another", for_s=seat.LEASE_S - 1, clashes=lambda *_: False)
        await until(lambda: not is_connected(app))
        await app.stores.leases.give_back(group, "0-0/1", "another")
        await until(lambda: is_connected(app))

    assert len(world.journal("identified")) == 2


async def test_of_servers_that_two_processes_see_first_at_once_one_is_allowed(
    world: DiscordWorld, tmp_path: Path
) -> None:
    """The first server of an installation may spend; there is one first."""
    async with a_process(tmp_path, world, "first") as first, a_process(tmp_path, world, "second") as second:
        seen = [
            app.stores.workspaces.see(Requester(platform="discord", workspace=f"{number}", user=""), "Studio")
            for number, app in enumerate((first, second) * 3)
        ]
        again = [
            app.stores.workspaces.see(Requester(platform="discord", workspace="9", user="")) for app in (first, second)
        ]

        permissions = await asyncio.gather(*seen)
        same = await asyncio.gather(*again)

    assert permissions.count(Permission.ALLOWED) == 1
    assert same[0] == same[1]


class Leases:
    """A store of leases in memory, that can be silent."""

    def __init__(self) -> None:
        self.other: str | None = None
        self.is_silent = False
        self.taken = 0

    async def take(self, *_: Any, **__: Any) -> str | None:
        if self.is_silent:
            raise DatabaseUnavailable("The database does not answer at present.")
        self.taken += self.other is None
        return self.other

    async def give_back(self, *_: Any) -> None:
        raise DatabaseUnavailable("The database does not answer at present.")


async def test_while_the_database_is_silent_the_connection_stays() -> None:
    """Nobody else could take the shards either; and leaving does not fail for it."""
    store, clock = Leases(), FakeClock()
    leases: LeaseStore = store
    ours, left = Seat(leases, clock, "1", Shards(0, 3, 16)), []

    async def leave() -> None:
        left.append(clock.monotonic())

    await ours.sit_down()
    keeping = asyncio.create_task(ours.keep(leave))
    store.is_silent = True
    await clock.advance(10)
    was_ours = ours.ours.is_set()
    store.is_silent, store.other = False, "0-3/16"
    await clock.advance(1)
    keeping.cancel()
    await ours.get_up()

    assert was_ours
    assert not ours.ours.is_set()
    assert len(left) == 1


@pytest.mark.parametrize(
    ("extent", "another", "clashes"),
    [
        ("0-3/16", "4-7/16", False),
        ("0-3/16", "3-7/16", True),
        ("4-4/16", "0-15/16", True),
        ("0-3/16", "4-7/8", True),
        ("all", "4-7/16", True),
        ("all", "all", True),
    ],
)
def test_ranges_clash_where_a_server_would_be_heard_twice(extent: str, another: str, clashes: bool) -> None:
    """Whichever is asked first; ranges of another number of shards meet somewhere."""
    assert clash(extent, another) is clashes
    assert clash(another, extent) is clashes
