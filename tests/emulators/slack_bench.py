"""Slack's courier before an emulated Slack on a real socket, with a channel of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.slack import sharing
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import SlackApi
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.inputs import shared_file
from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from bot.clock import SystemClock
from bot.ids import new_id
from bot.jobs.model import AssetKind, InputRef, Requester
from bot.keys import KeyRing
from bot.ports import JobCard, Parcel
from bot.stores import InstallationStore
from storage.media_store import ObjectMediaStore
from tests.conformance.courier_suite import CourierBench
from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld
from tests.factories import a_clip, a_parcel
from tests.fakes.workshop import FakeWorkshop

PICTURE = b"\x89PNG\r\n\x1a\n a picture"
IMPATIENT_S = 0.15
"""How long an answer is waited for where the emulated Slack keeps us waiting."""
SOON_S = 0.1
"""How long a share is waited for where none comes; the real Slack has a minute."""


class SlackBench(CourierBench):
    """A channel of its own, with Alice in it, for every test."""

    courier: SlackCourier

    def __init__(self, world: SlackWorld, http: HttpClient, folder: Path) -> None:
        self.world = world
        self._folder = folder
        self.store = ObjectMediaStore((folder / "media").as_uri())
        self.clock = SystemClock()
        self.http = http
        self.open()
        self.alice = world.person("Alice")
        self.channel = self.room()
        self.asked = world.say(self.alice, self.channel, "look", files=[("cat.png", PICTURE)])
        self.asker = self.requester()

    def open(
        self,
        *,
        clock: Any = None,
        token: str | None = "",
        installations: InstallationStore | None = None,
        workshop: Any = None,
        has_address: bool = False,
        patience_s: float = 5.0,
        visible_within_s: float = 2.0,
    ) -> SlackCourier:
        """Start the courier, as a process that has just begun does; `token` is empty for the first workspace's.

        Whoever has to wait in vain says so: `IMPATIENT_S`, `SOON_S`. Everybody else must not depend on how fast we are.
        """
        clock = clock or self.clock
        self.api = SlackApi(self.http, clock, api_url=self.world.api_url, patience_s=patience_s)
        token = self.world.token if token == "" else token
        self.bots = Bots(self.api, clock, token=token, installations=installations)
        links = SignedLinks(KeyRing(["k" * 32]), self.clock, "https://reelbot.example") if has_address else None
        self.courier = SlackCourier(
            self.api,
            self.bots,
            self.http,
            self.store,
            workshop or FakeWorkshop(),
            clock,
            self._folder,
            links,
            visible_within_s=visible_within_s,
        )
        return self.courier

    def room(self, **more: Any) -> str:
        """A channel with Alice and us in it."""
        return self.world.new_channel(f"room-{new_id()[-8:]}", self.alice, **more)

    def requester(self, channel: str | None = None, **anchor: Any) -> Requester:
        """Alice, in a channel."""
        hung = Anchor(team=self.world.team, channel=channel or self.channel, **anchor)
        return Requester(
            platform="slack",
            workspace=self.world.team,
            user=self.alice,
            channel=hung.channel,
            thread=hung.root,
            anchor=hung.to_text(),
        )

    async def parcel(self, trouble: str = "", *, content: bytes = b"a clip", **clip: Any) -> Parcel:
        source = self._folder / "clip.mp4"
        source.write_bytes(content)
        asset = await self.store.put(source, AssetKind.CLIP, "video/mp4")
        channel = self.room()
        said = self.world.say(self.alice, channel, "animate this")
        self._make_trouble(trouble, channel)
        return a_parcel(
            requester=self.requester(channel, root=said["ts"], asked=said["ts"]),
            clip=a_clip(asset_id=asset.id, size_bytes=asset.size_bytes, **clip),
            path=await self.store.local_path(asset.id),
        )

    def _make_trouble(self, trouble: str, channel: str) -> None:
        completing = "files.completeUploadExternal"
        match trouble:
            case "lost-answer":
                self.world.fault(completing, "reset", when="after")
            case "lost-answer-and-cannot-tell":
                # Nobody waits for the share here, so it is there at once.
                self.world.knobs(share_delay_s=0)
                self.world.fault(completing, "reset", when="after")
                self.world.fault("files.info", "error:missing_scope", times=50)
            case "refuses":
                self.world.remove_bot(channel)
                self.world.fault("conversations.open", "error:user_disabled", times=50)
            case "delays":
                self.world.fault(completing, "429:0")
            case "unreachable":
                self.world.fault(completing, "reset", when="before")

    def posted(self, parcel: Parcel) -> int:
        return len(self.world.shared(parcel.filename))

    def attachment(self, *, gone: bool = False) -> InputRef:
        message = self.world.say(self.alice, self.channel, "look", files=[("cat.png", PICTURE)])
        found = message["files"][0]
        if gone:
            self.world.delete_file(found["id"])
        return shared_file(found, self.world.team).as_input()

    def cards(self, card: JobCard) -> list[str]:
        return [str(message["blocks"]) for message in self.world.from_bot(self.channel)]


@pytest.fixture(scope="module", name="slack_world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackWorld]:
    process = slack_emulator(tmp_path_factory.mktemp("slack"), limits=False)
    yield SlackWorld(process.url)
    process.stop()


@pytest.fixture(name="slack")
async def _bench(slack_world: SlackWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlackBench]:
    monkeypatch.setattr(sharing, "MISSING_WITHIN_S", SOON_S)
    slack_world.mark()
    http = HttpClient()
    yield SlackBench(slack_world, http, tmp_path)
    await http.aclose()
    slack_world.no_faults()
    slack_world.knobs(**dict.fromkeys(slack_world.knobs()))
    assert slack_world.violations() == []
