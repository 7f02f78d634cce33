"""Forty cards in one workspace: progress for a minute and a half, then forty ends within seconds, at Slack's own rates."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.inputs import shared_file
from benchmarks.beside import MANY, settings_of
from benchmarks.table import Row
from bot.app import Parts, open_app
from bot.jobs.model import InputRef, JobRequest, Requester
from bot.jobs.states import FINAL
from bot.ports import Capacity, CheckResult, Rendering, Succeeded
from bot.tracker.schedule import Times
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop

JOBS, CHANNELS = 40, 20
RENDERS_S, SPREAD_S = 90.0, 8.0
WINDOW_S = 60.0
A_MINUTE = 50
ON_TIME_S = 5.0


class Slow(FakeProvider):
    """Says how far each render is; all of them end within seconds of each other."""

    def __init__(self) -> None:
        super().__init__(capacity=Capacity(max_concurrent=JOBS, creates_per_minute=MANY))
        self._ends: dict[str, float] = {}
        self._rng = random.Random(40)

    async def check(self, provider_job_id: str) -> CheckResult:
        now = time.monotonic()
        end = self._ends.setdefault(provider_job_id, now + RENDERS_S + self._rng.uniform(0, SPREAD_S))
        if now >= end:
            return Succeeded(url=f"fake://{provider_job_id}")
        return Rendering(progress=max(0.0, 1 - (end - now) / (RENDERS_S + SPREAD_S)))


async def watch(folder: Path, world: SlackWorld) -> dict[str, float]:
    """When each job had ended, by the wall clock; returns once every card says so."""
    slack = {"bot_token": world.token, "signing_secret": world.signing_secret, "api_url": world.api_url}
    settings = settings_of(folder / "data", slack=slack)
    provider = Slow()
    parts = Parts(
        providers={provider.name: provider},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
        times=Times(poll_fastest=timedelta(seconds=1), poll_slowest=timedelta(seconds=1)),
    )
    ended: dict[str, float] = {}
    async with open_app(settings, parts) as app, app.run_engine("run"):
        for request in await asyncio.to_thread(requests, world):
            await app.service.front_desk.accept(request)
        while len(ended) < JOBS:
            await asyncio.sleep(0.05)
            for job in await app.stores.jobs.in_state(*FINAL):
                ended.setdefault(job.id, job.state_since.timestamp())
        await app.board.settle(30)
    return ended


def requests(world: SlackWorld) -> list[JobRequest]:
    """Forty of one person's, in twenty channels."""
    alice = world.person("Alice")
    rooms = [world.new_channel(f"room-{number}", alice) for number in range(CHANNELS)]
    found = []
    for number in range(JOBS):
        room = rooms[number % CHANNELS]
        said = world.say(alice, room, "a storm", files=[("cat.png", PICTURE_MAGIC + b"of a benchmark")])
        hung = Anchor(team=world.team, channel=room, root=said["ts"])
        asker = Requester(
            platform="slack", workspace=world.team, user=alice, channel=room, thread=said["ts"], anchor=hung.to_text()
        )
        picture: InputRef = shared_file(said["files"][0], world.team).as_input()
        found.append(
            JobRequest(
                requester=asker, request_key=None, prompt="a storm", provider="judge", model="judge/clip", image=picture
            )
        )
    return found


def busiest(times: list[float]) -> int:
    """Most of them in any minute."""
    return max((sum(1 for each in times if at <= each < at + WINDOW_S) for at in times), default=0)


def forty_cards() -> list[Row]:
    """The row about updates."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = slack_emulator(folder, events=[])
        world = SlackWorld(process.url)
        try:
            ended = asyncio.run(watch(folder, world))
            log: list[dict[str, Any]] = world.journal("message-updated", "throttled")
        finally:
            process.stop()
    updates = [each for each in log if each["event"] == "message-updated"]
    refused = [each for each in log if each["event"] == "throttled" and each.get("method") == "chat.update"]
    last: dict[str, float] = {}
    for each in updates:
        job = next((job for job in ended if job in str(each)), None)
        if job is not None and "Your clip is ready" in str(each):
            last.setdefault(job, each["at"])
    late = max((last[job] - ended[job] for job in last), default=0.0)
    most = busiest([each["at"] for each in updates])
    return [
        Row(
            what=f"{JOBS} renders in one Slack workspace, ending within {SPREAD_S:.0f} s after {RENDERS_S:.0f} s of progress: updates, and when each end was shown",
            measured=(
                f"at most {most} updates in any minute ({len(updates)} in all), {len(refused)} refused by Slack; "
                f"{len(last)} ends shown, the last {late:.1f} s after its job had ended"
            ),
            reach=f"≤ {A_MINUTE}/min, every end on time (≤ {ON_TIME_S:.0f} s)",
            reached=most <= A_MINUTE and not refused and len(last) == JOBS and late <= ON_TIME_S,
        )
    ]
