"""Discord's courier before an emulated Discord on a real socket, with a server of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord import delivery
from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.inputs import Attachment
from adapters.chat.discord.rest import Rest
from adapters.http.client import HttpClient
from bot.clock import SystemClock
from bot.ids import new_id
from bot.jobs.model import AssetKind, InputRef, Requester
from bot.ports import JobCard, Parcel
from storage.media_store import ObjectMediaStore
from tests.conformance.courier_suite import CourierBench
from tests.emulators.discord_world import DiscordWorld
from tests.emulators.processes import discord_emulator
from tests.factories import a_clip, a_parcel
from tests.fakes.workshop import FakeWorkshop

PICTURE = b"\x89PNG\r\n\x1a\n a picture"


class DiscordBench(CourierBench):
    """A server of its own, with Alice in it, for every test."""

    def __init__(self, world: DiscordWorld, http: HttpClient, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.world = world
        self._folder = folder
        self._patch = patch
        self.store = ObjectMediaStore((folder / "media").as_uri())
        rest = Rest(http, SystemClock(), api_url=f"{world.url}/api/v10", token=world.token)
        self.courier = DiscordCourier(rest, http, self.store, FakeWorkshop(), SystemClock(), folder)
        self.guild = world.guild("Studio")
        self.alice = world.person("Alice", self.guild)
        self.channel = self.guild.channel("general")
        self.asker = self.requester()

    def requester(self, channel: str | None = None, **anchor: Any) -> Requester:
        """Alice, in a channel."""
        hung = Anchor(channel=channel or self.channel, guild=self.guild.id, **anchor)
        return Requester(
            platform="discord", workspace=self.guild.id, user=self.alice, channel=hung.channel, anchor=hung.to_text()
        )

    async def parcel(self, trouble: str = "") -> Parcel:
        source = self._folder / "clip.mp4"
        source.write_bytes(b"a clip")
        asset = await self.store.put(source, AssetKind.CLIP, "video/mp4")
        channel = self.world.channel(self.guild, f"room-{new_id()[-6:]}")
        self._make_trouble(trouble, channel)
        return a_parcel(
            requester=self.requester(channel),
            clip=a_clip(asset_id=asset.id, size_bytes=asset.size_bytes),
            path=await self.store.local_path(asset.id),
        )

    def _make_trouble(self, trouble: str, channel: str) -> None:
        posts = f"POST /channels/{channel}/messages"
        match trouble:
            case "lost-answer":
                self.world.fault(posts, "reset", when="after")
            case "lost-answer-and-cannot-tell":
                # A bot without the history is shown an empty one, and the nonce is too old to help.
                self._patch.setattr(delivery, "NONCE_HOLDS_S", 0.0)
                self.world.knobs(nonce_window_s=0)
                self.world.permit(channel, "bot", deny=["READ_MESSAGE_HISTORY"])
                self.world.fault(posts, "reset", when="after")
            case "refuses":
                self.world.permit(channel, "bot", deny=["SEND_MESSAGES"])
                self.world.change_person(self.alice, dms_open=False)
            case "delays":
                self.world.fault(posts, "429:0.2")
            case "unreachable":
                self.world.fault(posts, "reset", when="before")

    def posted(self, parcel: Parcel) -> int:
        return len(self.world.posted(parcel.filename))

    def attachment(self, *, gone: bool = False) -> InputRef:
        self.world.knobs(cdn_lives_s=-10 if gone else None)
        message = self.world.say(self.alice, self.channel, "look", files=[("cat.png", PICTURE)])
        found = message["attachments"][0]
        if gone:
            self.world.delete_message(self.channel, message["id"])
        named = Attachment(
            url=found["url"], filename="cat.png", channel=self.channel, message=message["id"], id=found["id"]
        )
        return named.as_input()

    def cards(self, card: JobCard) -> list[str]:
        return [str(message["components"]) for message in self.world.from_bot(self.channel)]


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiscordWorld]:
    process = discord_emulator(tmp_path_factory.mktemp("discord"))
    yield DiscordWorld(process.url)
    process.stop()


@pytest.fixture(name="discord")
async def _bench(world: DiscordWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordBench]:
    world.mark()
    http = HttpClient()
    yield DiscordBench(world, http, tmp_path, monkeypatch)
    await http.aclose()
    world.no_faults()
    world.knobs(nonce_window_s=None)
    assert world.violations() == []
