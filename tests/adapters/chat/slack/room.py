"""A Reelbot on an emulated Slack, in this process: real sockets, a real engine, a provider in memory, the usual people.

Alice asks, Bob is her team mate, Lea is an admin of the workspace. People are a matter of threads: `act` waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.role import slack_role
from bot.app import App, Parts, open_app
from bot.jobs.model import Job
from bot.settings import load_settings
from bot.tracker.schedule import Times
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.slack_world import Answer, SlackWorld
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS
from tests.patience import PATIENCE_S

P = ParamSpec("P")
T = TypeVar("T")
PICTURE = ("lake.png", PICTURE_MAGIC + b"a lake")
"""What people attach."""


@dataclass
class Room:
    """Slack, the Reelbot in it, and one channel of its own."""

    world: SlackWorld
    app: App
    provider: FakeProvider
    channel: str
    alice: str
    bob: str
    lea: str
    parts: Parts
    settings: Any
    running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def act(self, do: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What a person does, without holding up the Reelbot."""
        return await asyncio.to_thread(do, *args, **kwargs)

    async def until(self, look: Callable[[], T], about: str = "", timeout_s: float = PATIENCE_S) -> T:
        """What `look` finds, once it finds something."""
        return await self.act(self.world.until, look, timeout_s, about=about)

    async def say(self, text: str = "the leaves move", *, by: str = "", **more: Any) -> dict[str, Any]:
        """A mention with a picture."""
        more.setdefault("files", [PICTURE])
        return await self.act(self.world.say, by or self.alice, self.channel, self.world.mention(text), **more)

    async def jobs(self) -> list[Job]:
        """Every job there is, newest first."""
        return (await self.app.stores.history.page(limit=100)).jobs

    async def job(self) -> Job:
        """The only one."""
        (job,) = await self.jobs()
        return job

    async def card(self, thread: str | None = None, holding: str = "", *, channel: str = "") -> dict[str, Any]:
        """The one card of a thread, once it says something."""
        where = channel or self.channel

        def look() -> dict[str, Any] | None:
            cards = [each for each in self.world.from_bot(where, thread) if each.get("blocks")]
            return next((each for each in cards if holding in str(each["blocks"])), None)

        found = await self.until(look, f"a card that says {holding!r}")
        assert found is not None
        return found

    async def clip(self, job: Job) -> dict[str, Any]:
        """The only share of a job's clip."""
        name = f"{job.id}-1.mp4"
        (share,) = await self.until(lambda: self.world.shared(name), "the clip")
        return share

    async def done(self, thread: str | None = None, *, channel: str = "") -> dict[str, Any]:
        """The card of a clip that is ready."""
        return await self.card(thread, "Your clip is ready", channel=channel)

    async def press(self, who: str, where: dict[str, Any], label: str) -> Answer:
        return await self.act(self.world.press, who, where, label)

    async def whispers(self, who: str, count: int = 1) -> list[str]:
        """What only this person was told, once there is so much of it."""
        await self.until(lambda: len(self.world.ephemerals(who)) >= count, "a whisper")
        return [str(each["text"]) for each in await self.act(self.world.ephemerals, who)]

    @property
    def courier(self) -> SlackCourier:
        """Ours."""
        found: Any = self.app.desk.couriers["slack"]
        assert isinstance(found, SlackCourier)
        return found

    async def start(self, *, engine: bool = True) -> None:
        """Begin to answer."""
        await self.app.ground.take_over(self.app)
        if engine:
            await self.running.enter_async_context(self.app.run_engine("run"))
        role = slack_role(self.app.service, self.app.settings, self.courier, self.app.readiness)
        await self.running.enter_async_context(role)


@asynccontextmanager
async def a_room(folder: Path, world: SlackWorld, *, engine: bool = True, **settings: Any) -> AsyncIterator[Room]:
    """A workspace where everybody may spend, with one channel."""
    world.mark()
    provider = FakeProvider()
    parts = Parts(
        providers={provider.name: provider},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
        times=Times(poll_fastest=timedelta(seconds=0.05), retry_first=timedelta(seconds=0.05)),
    )
    slack = {"bot_token": world.token, "app_token": world.app_token, "api_url": world.api_url}
    chosen = load_settings(
        {**GENEROUS, "data_dir": folder / "data", "slack": slack, **settings}, environ={}, cwd=folder
    )
    alice, bob = world.person("Alice"), world.person("Bob")
    lea = world.person("Lea", is_admin=True)
    async with open_app(chosen, parts) as app:
        room = Room(
            world=world,
            app=app,
            provider=provider,
            channel=world.new_channel(f"room-{folder.name[-12:].lower()}", alice, bob, lea),
            alice=alice,
            bob=bob,
            lea=lea,
            parts=parts,
            settings=chosen,
        )
        async with room.running:
            await room.start(engine=engine)
            yield room
        await app.board.settle()
    world.no_faults()
    violations = world.violations()
    assert violations == [], violations


def texts(message: Any) -> str:
    """Every text a person reads in a message, a form or a page."""
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(part.get("text"), str):
                found.append(part["text"])
            for each in part.values():
                walk(each)
        elif isinstance(part, list):
            for each in part:
                walk(each)

    walk(message)
    return "\n".join(found)


def labels(message: dict[str, Any]) -> list[str]:
    """The labels of a message's buttons."""
    rows = [block for block in message.get("blocks", ()) if block.get("type") == "actions"]
    return [each["text"]["text"] for row in rows for each in row["elements"]]
