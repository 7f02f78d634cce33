"""10,000 old cards on Discord: what posting them leaves in memory, and what pressing their buttons after a restart does."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.chat.discord.anchor import Anchor
from benchmarks.discord_stage import CHANNELS, TOKEN, Stage, a_patient, a_stage
from benchmarks.outside import Chat, InstantProvider
from benchmarks.stored import multiply
from benchmarks.table import Row, play
from bot.app import Parts, open_app
from bot.ground.one_machine import DATABASE_FILE
from bot.jobs.model import AssetKind, InputRef, JobRequest, Requester
from bot.jobs.states import State
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.fakes.provider import FakeFetcher
from tests.fakes.workshop import FakeWorkshop

LIVED = 100
"""Jobs that were really carried out; the others are copies of theirs."""
CARDS = 10_000
HALF = CARDS // 2
AT_ONCE = 4
PATIENCE_S = 60.0
BUTTONS = ("Edit", "Delete", "Extend", "Use last frame")
EXPECTED = {"Edit": "modal", "Delete": "message", "Extend": "modal", "Use last frame": "modal"}


async def live(data_dir: Path, stage: Stage) -> None:
    """Finished jobs of the people of that Discord."""
    inbox = data_dir.parent / "inbox"
    inbox.mkdir()
    provider, chat = InstantProvider(), Chat(inbox)
    fetchers = {"fake": FakeFetcher()}
    parts = Parts(
        providers={provider.name: provider}, couriers={"discord": chat}, workshop=FakeWorkshop(), fetchers=fetchers
    )
    from benchmarks.beside import settings_of

    async with open_app(settings_of(data_dir), parts) as app, app.run_engine("run"):
        chat.media = app.service.media
        file = inbox / "picture"
        file.write_bytes(PICTURE_MAGIC + b"of a benchmark")
        original = await app.service.media.put(file, AssetKind.ORIGINAL, "image/png")
        image = await app.service.media.put(file, AssetKind.IMAGE, "image/jpeg")
        for number in range(LIVED):
            channel, person = stage.channels_there[number % CHANNELS], stage.people_there[number % CHANNELS]
            assert channel.guild_id is not None
            hung = Anchor(channel=channel.id, guild=channel.guild_id)
            request = JobRequest(
                requester=Requester(
                    platform="discord",
                    workspace=channel.guild_id,
                    user=person.id,
                    channel=channel.id,
                    anchor=hung.to_text(),
                ),
                request_key=f"bench:{number:020}",
                prompt="the leaves start to move and the camera glides over the lake",
                provider="judge",
                model="judge/clip",
                image=InputRef(source="asset", locator=image.id),
            )
            await app.service.front_desk.accept(request, (("original", original), ("image", image)))
        deadline = time.monotonic() + PATIENCE_S
        while len(await app.stores.jobs.in_state(State.DELIVERED)) < LIVED:
            if time.monotonic() > deadline:
                raise TimeoutError("not all were delivered")
            await asyncio.sleep(0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one process held before, after the first half of the cards, and after all of them.

    The first half fills what is bounded: the addresses that the HTTP client has read (4,096), what the courier drew.
    """

    before: dict[str, Any]
    halfway: dict[str, Any]
    after: dict[str, Any]

    @property
    def grown_bytes(self) -> int:
        """By the second half."""
        return int(self.after["bytes"] - self.halfway["bytes"])

    def __str__(self) -> str:
        first = self.halfway["bytes"] - self.before["bytes"]
        objects = self.after["objects"] - self.halfway["objects"]
        return (
            f"{self.grown_bytes / 1e6:+.1f} MB and {objects:+,} objects from the second {HALF:,} "
            f"({first / 1e6:+.1f} MB from the first, which fill bounded caches)"
        )


async def cards(folder: Path) -> tuple[Kept, Kept, float]:
    """Of the process that posted, and of the one that answered presses; and milliseconds of its CPU for a press."""
    data_dir = folder / "data"
    async with a_stage(folder / "discord", data_dir) as stage:
        # Copies of a job share the part of its id that nonces are made of.
        stage.knobs["nonce_window_s"] = -1.0
        await live(data_dir, stage)
        await asyncio.to_thread(multiply, data_dir / DATABASE_FILE, CARDS // LIVED)
        about = {"data_dir": data_dir, "url": stage.url, "token": TOKEN}
        async with a_patient("poster", **about) as poster:
            held = [await poster.ask("read")]
            for _ in range(2):
                await poster.ask(f"post {HALF}")
                held.append(await poster.ask("memory"))
            posted = Kept(before=held[0], halfway=held[1], after=held[2])
        places = [(channel.id, message) for channel in stage.channels_there for message in channel.messages]
        if len(places) != CARDS:
            raise RuntimeError(f"{len(places)} cards were posted")
        async with a_patient("reelbot", **about) as reelbot:
            await asyncio.wait_for(stage.quiet.ready.wait(), PATIENCE_S)
            held, cpu = [await reelbot.ask("read")], reelbot.cpu_s()
            for half in (places[:HALF], places[HALF:]):
                await press(stage, half)
                held.append(await reelbot.ask("memory"))
            cpu_ms = (reelbot.cpu_s() - cpu) * 1000 / CARDS
            pressed = Kept(before=held[0], halfway=held[1], after=held[2])
        stage.require_good()
    return posted, pressed, cpu_ms


async def press(stage: Stage, places: list[tuple[str, str]]) -> None:
    """One button under each card, by the person whose card it is; every answer must be about that card's job."""
    left = iter(enumerate(places))
    number_of = {channel.id: number for number, channel in enumerate(stage.channels_there)}

    async def presser() -> None:
        for number, (channel, message) in left:
            label = BUTTONS[number % len(BUTTONS)]
            answered = await stage.press(channel, message, label, number_of[channel])
            if answered.kind != EXPECTED[label] or not answered.is_stored:
                raise RuntimeError(f"{label}: {answered}")

    await asyncio.gather(*(presser() for _ in range(AT_ONCE)))


def pressing() -> list[Row]:
    """The rows about old cards."""
    with tempfile.TemporaryDirectory() as name:
        posted, pressed, cpu_ms = asyncio.run(cards(Path(name)))
    left = pressed.after["discord"], pressed.after["views"]
    return [
        Row(
            what=f"memory of {CARDS:,} old cards, a button pressed under each after a restart",
            measured=(
                f"{pressed}; discord.py keeps {left[0]} items, messages and interactions, {left[1]} views in its store; "
                f"{cpu_ms:.1f} ms CPU a press"
            ),
            reach="none (≤ 1 MB)",
            reached=pressed.grown_bytes <= 1_000_000 and left == (pressed.before["discord"], 0),
        ),
        Row(
            what=f"memory of posting {CARDS:,} cards",
            measured=str(posted),
            reach="none (≤ 1 MB)",
            reached=posted.grown_bytes <= 1_000_000,
        ),
    ]


if __name__ == "__main__":
    play(pressing)
