"""Slack: how soon a mention is acknowledged under load, and what that costs; uploads in memory; forty cards in one workspace.

python -m benchmarks.slack
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.discord import (
    A_SECOND,
    CLIP_BYTES,
    COMMANDS,
    IN_A_ROUND,
    PACE_MB,
    POLLED,
    ROUNDS,
    TRANSFERS,
    WARM_UP,
    p99,
    until_rendering,
)
from benchmarks.discord_line import a_file, a_line
from benchmarks.discord_stage import Patient, a_patient, stopwatch
from benchmarks.slack_cards import forty_cards
from benchmarks.slack_upload import uploading
from benchmarks.table import Row, median, play
from bot.ground.one_machine import DATABASE_FILE
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.processes import VendorProcess, slack_emulator, vendor_emulator
from tests.emulators.slack_world import SlackWorld

PATIENTS = "benchmarks.slack_patients"
PEOPLE, CHANNELS = 10, 10
PICTURE = ("cat.png", PICTURE_MAGIC + b"of a benchmark")


@dataclass(slots=True)
class Seen:
    """What the busy Reelbot did."""

    took_s: list[float] = field(default_factory=list)
    stored: int = 0
    refused: int = 0
    polls_a_second: float = 0.0
    cpu_share: float = 0.0


class Mouth:
    """Says to a Reelbot what Slack would, and notes when the answer came and whether the row was there."""

    def __init__(self, world: SlackWorld, url: str, database: Path | None = None) -> None:
        self._world = world
        self._url = f"{url}/slack/events"
        self._database = database
        self._client = aiohttp.ClientSession()
        self._stored: sqlite3.Connection | None = None
        self._numbers = 0

    async def say(self, message: dict[str, Any], seen: Seen) -> None:
        """One event, signed."""
        body = self._event(message)
        at = str(int(time.time()))
        signature = hmac.new(self._world.signing_secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": f"v0={signature.hexdigest()}",
        }
        begun = time.monotonic()
        async with self._client.post(self._url, data=body, headers=headers) as answer:
            await answer.read()
            seen.took_s.append(time.monotonic() - begun)
            seen.stored += self._has(f"slack:m:{self._world.team}:{message['channel']}:{message['ts']}")
            seen.refused += answer.status != 200

    async def close(self) -> None:
        await self._client.close()
        if self._stored is not None:
            self._stored.close()

    def _event(self, message: dict[str, Any]) -> str:
        self._numbers += 1
        event = {
            "type": "app_mention", "user": message["user"], "text": message["text"], "ts": message["ts"],
            "channel": message["channel"], "files": message["files"], "team": self._world.team,
        }  # fmt: skip
        given = {"team_id": self._world.team, "enterprise_id": None, "user_id": self._world.bot, "is_bot": True}
        return json.dumps(
            {
                "type": "event_callback",
                "team_id": self._world.team,
                "api_app_id": self._world.app,
                "event": event,
                "event_id": f"Ev{self._numbers:08}",
                "event_time": int(time.time()),
                "authorizations": [given],
            }
        )

    def _has(self, key: str) -> bool:
        if self._database is None:
            return False
        if self._stored is None:
            self._stored = sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)
        return self._stored.execute("SELECT 1 FROM jobs WHERE request_key = ?", (key,)).fetchone() is not None


def messages(world: SlackWorld, count: int) -> list[dict[str, Any]]:
    """So many mentions with a picture; nobody is told of them yet."""
    people = [world.person(f"Person {number}") for number in range(PEOPLE)]
    rooms = [world.new_channel(f"room-{time.monotonic_ns()}-{number}", *people) for number in range(CHANNELS)]
    said = []
    for number in range(count):
        room = rooms[number % CHANNELS]
        message = world.say(people[number % PEOPLE], room, world.mention("a storm"), files=[PICTURE])
        said.append({**message, "channel": room})
    return said


async def busy(folder: Path, service: VendorProcess, line: str, world: SlackWorld) -> Seen:
    """Mentions at random moments, beside transfers that never end and renders that are polled each second."""
    data_dir, rng, seen = folder / "data", random.Random(7), Seen()
    said = await asyncio.to_thread(messages, world, WARM_UP + COMMANDS)
    about = {
        "data_dir": data_dir, "url": world.api_url, "token": world.token, "secret": world.signing_secret,
        "service": service.url, "line": line, "transfers": TRANSFERS,
    }  # fmt: skip
    async with a_patient("reelbot", of=PATIENTS, **about) as reelbot:
        mouth = Mouth(world, reelbot.told["url"], data_dir / DATABASE_FILE)
        await reelbot.ask(f"order {POLLED}")
        await until_rendering(reelbot, POLLED)
        for message in said[:WARM_UP]:
            await mouth.say(message, Seen())
        polls, cpu, begun = await asyncio.to_thread(service.counts), reelbot.cpu_s(), time.monotonic()
        asked = []
        for message in said[WARM_UP:]:
            await asyncio.sleep(rng.expovariate(A_SECOND))
            asked.append(asyncio.create_task(mouth.say(message, seen)))
        await asyncio.gather(*asked)
        lasted = time.monotonic() - begun
        seen.polls_a_second = ((await asyncio.to_thread(service.counts)).get("poll", 0) - polls.get("poll", 0)) / lasted
        seen.cpu_share = (reelbot.cpu_s() - cpu) / lasted
        await mouth.close()
        if broken := await reelbot.ask("moving"):
            raise RuntimeError(f"{len(broken)} of {TRANSFERS} transfers ended: {broken[0]}")
    return seen


async def alone(folder: Path, world: SlackWorld) -> tuple[dict[str, list[float]], Seen]:
    """Milliseconds of CPU of one mention after the other, of Reelbot's front end and of a bare Bolt in turns."""
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    said, seen = await asyncio.to_thread(messages, world, (1 + ROUNDS) * IN_A_ROUND), Seen()
    about = {"url": world.api_url, "token": world.token, "secret": world.signing_secret, "data_dir": folder / "data"}
    async with (
        a_patient("reelbot", of=PATIENTS, **about) as reelbot,
        a_patient("bare", of=PATIENTS, **about) as other,
    ):
        both: tuple[tuple[str, Patient, Mouth], ...] = (
            ("ours", reelbot, Mouth(world, reelbot.told["url"])),
            ("bare", other, Mouth(world, other.told["url"])),
        )
        for number in range(1 + ROUNDS):
            for name, patient, mouth in both:
                with stopwatch(patient, taken[name], IN_A_ROUND):
                    for message in said[number * IN_A_ROUND : (number + 1) * IN_A_ROUND]:
                        await mouth.say(message, seen if name == "ours" and number else Seen())
        for _, _, mouth in both:
            await mouth.close()
    # The first round warms up.
    return {name: values[1:] for name, values in taken.items()}, seen


def acknowledging() -> list[Row]:
    """The rows about mentions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in ("busy", "alone", "slack"):
            (folder / each).mkdir()
        clip = a_file(folder / "clip.mp4", CLIP_BYTES)
        process = slack_emulator(folder / "slack", limits=False, events=[])
        world = SlackWorld(process.url)
        try:
            with vendor_emulator(folder, "wavespeed", clips="magic") as service, a_line(clip, PACE_MB) as line:
                seen = asyncio.run(busy(folder / "busy", service, line, world))
            taken, idle = asyncio.run(alone(folder / "alone", world))
        finally:
            process.stop()
    took = [each * 1000 for each in seen.took_s]
    ours, bare = median(taken["ours"]), median(taken["bare"])
    return [
        Row(
            what=f"acknowledging a mention on Slack over HTTP, from socket to answer, its row committed, beside "
            f"{TRANSFERS} transfers and {seen.polls_a_second:.0f} polls/s",
            measured=(
                f"p99 {p99(took):.0f} ms, median {median(took):.0f} ms, longest {max(took):.0f} ms of {len(took)} at "
                f"{A_SECOND:.0f}/s; {seen.stored} rows there with the answer, {seen.refused} refused; "
                f"{seen.cpu_share:.0%} of a core"
            ),
            reach="p99 < 100 ms",
            reached=p99(took) < 100 and seen.stored == len(took) and not seen.refused,
        ),
        Row(
            what="CPU of one mention in the role `slack` alone (row, card, reaction, the picture copied), beside a bare Bolt handler that answers a constant",
            measured=f"{ours / bare:.1f}x ({ours:.2f} ms against {bare:.2f} ms; alone it takes {median([t * 1000 for t in idle.took_s]):.1f} ms)",
        ),
    ]


def measure() -> list[Row]:
    return [*acknowledging(), *uploading(), *forty_cards()]


if __name__ == "__main__":
    play(measure)
