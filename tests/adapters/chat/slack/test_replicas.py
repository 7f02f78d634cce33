"""Slack over HTTP, answered by several processes behind a load balancer: whoever an event reaches, it is one job."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from adapters.chat.slack.api import TokenDead
from adapters.chat.slack.bots import NotInstalled
from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.inputs import shared_file
from adapters.chat.slack.role import slack_role
from bot.app import App, Parts, open_app
from bot.jobs.states import State
from bot.settings import load_settings
from bot.tracker.schedule import Times
from bot.workspaces import Installation
from tests import postgres
from tests.adapters.chat.slack.room import PICTURE
from tests.conformance.engines import until
from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS

SECRET = "a-signing-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One process that answers Slack."""

    app: App
    web: httpx.AsyncClient

    @property
    def courier(self) -> SlackCourier:
        """Its own."""
        found: Any = self.app.desk.couriers["slack"]
        assert isinstance(found, SlackCourier)
        return found

    async def hear(self, envelope: dict[str, Any], **headers: str) -> int:
        """Slack brings an event; the status of the answer."""
        body, now = json.dumps(envelope).encode(), str(int(time.time()))
        signed = hmac.new(SECRET.encode(), b"v0:" + now.encode() + b":" + body, hashlib.sha256).hexdigest()
        marks = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": f"v0={signed}"}
        marks["Content-Type"] = "application/json"
        return (await self.web.post("/slack/events", content=body, headers=marks | headers)).status_code


@pytest.fixture(scope="module", name="world")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackWorld]:
    process = slack_emulator(tmp_path_factory.mktemp("slack"))
    yield SlackWorld(process.url)
    process.stop()


@asynccontextmanager
async def a_process(folder: Path, name: str, world: SlackWorld, provider: FakeProvider) -> AsyncIterator[App]:
    """One of the installation."""
    slack = {"bot_token": world.token, "signing_secret": SECRET, "api_url": world.api_url}
    settings = load_settings(
        {
            **GENEROUS, "data_dir": folder / name, "slack": slack, "secret_key": "k" * 40,
            "database_url": postgres.database_of(folder), "media_url": (folder / "media").as_uri(),
        },
        environ={}, cwd=folder,
    )  # fmt: skip
    parts = Parts(
        providers={provider.name: provider},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
        times=Times(poll_fastest=timedelta(seconds=0.05), retry_first=timedelta(seconds=0.05)),
    )
    async with open_app(settings, parts) as app:
        yield app
        await app.board.settle()


@pytest.fixture
async def replicas(tmp_path: Path, world: SlackWorld) -> AsyncIterator[list[Replica]]:
    """Two that answer, and a worker that makes the clips; nobody knows of the others but through the database."""
    world.mark()
    provider = FakeProvider()
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(a_process(tmp_path, "worker", world, provider))
        await stack.enter_async_context(worker.run_engine("run"))
        found = []
        for name in ("one", "two"):
            app = await stack.enter_async_context(a_process(tmp_path, name, world, provider))
            courier: Any = app.desk.couriers["slack"]
            router = await stack.enter_async_context(slack_role(app.service, app.settings, courier, app.readiness))
            assert router is not None
            site = FastAPI()
            site.include_router(router)
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app=site), base_url="http://reelbot")
            found.append(Replica(app=app, web=await stack.enter_async_context(client)))
        yield found
    world.no_faults()
    assert await asyncio.to_thread(world.violations) == []


def a_mention(world: SlackWorld, message: dict[str, Any], channel: str) -> dict[str, Any]:
    """What Slack tells of it."""
    event = {**message, "type": "app_mention", "channel": channel, "event_ts": message["ts"]}
    authorization = {"enterprise_id": None, "team_id": world.team, "user_id": "U1", "is_bot": True}
    return {
        "type": "event_callback", "token": "t", "team_id": world.team, "api_app_id": "A1", "event_id": "Ev0001",
        "event_time": int(time.time()), "event": event, "authorizations": [authorization],
    }  # fmt: skip


async def test_an_event_that_reaches_two_at_once_is_one_job_with_one_card(
    replicas: list[Replica], world: SlackWorld
) -> None:
    """Slack brings it again when an answer is late: the first may still be at work. And one clip comes of it."""
    alice = await asyncio.to_thread(world.person, "Alice")
    channel = await asyncio.to_thread(world.new_channel, "studio", alice)
    said = await asyncio.to_thread(world.say, alice, channel, world.mention("the leaves move"), files=[PICTURE])
    envelope = a_mention(world, said, channel)

    again = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}
    answers = await asyncio.gather(replicas[0].hear(envelope), replicas[1].hear(envelope, **again))

    async def delivered() -> bool:
        jobs = (await replicas[0].app.stores.history.page(limit=10)).jobs
        return bool(jobs) and all(job.state is State.DELIVERED for job in jobs)

    def cards() -> list[dict[str, Any]]:
        return [each for each in world.from_bot(channel, said["ts"]) if each.get("blocks")]

    await until(delivered)
    (job,) = (await replicas[0].app.stores.history.page(limit=10)).jobs
    await until(lambda: "ready" in str(cards()))
    assert list(answers) == [200, 200]
    assert len(cards()) == 1
    assert len(world.shared(f"{job.id}-1.mp4")) == 1


def an_installation(world: SlackWorld, team: dict[str, Any], token: str) -> Installation:
    """As OAuth leaves one."""
    return Installation(
        platform="slack", workspace=team["id"], enterprise=None, is_org=False, app="A1", bot_user=team["bot"], bot="B1",
        scopes=("chat:write",), token=token, name="Elsewhere", installed_by=None, installed_at=datetime.now(UTC),
    )  # fmt: skip


async def test_a_token_that_one_got_anew_is_found_by_the_others(replicas: list[Replica], world: SlackWorld) -> None:
    """On the first refusal of the old one, within the same call."""
    here, there = replicas
    team = await asyncio.to_thread(world.workspace, "Elsewhere", installed=True)
    await here.app.stores.installations.save(an_installation(world, team, team["token"]))
    old = await there.courier.bots.of(team["id"])
    await asyncio.to_thread(world.uninstall, team["id"])
    granted = await asyncio.to_thread(world.grant, team["id"])
    await here.app.stores.installations.save(an_installation(world, team, granted["token"]))

    said = await there.courier.api.call(old, "auth.test")

    assert said["team_id"] == team["id"]
    assert granted["token"] != old.token
    assert (await there.courier.bots.of(team["id"])).token == granted["token"]


async def test_a_picture_is_read_with_the_token_that_another_got(replicas: list[Replica], world: SlackWorld) -> None:
    """Files are refused without a word of Slack's: the present token is looked up before the person is told."""
    here, there = replicas
    team = await asyncio.to_thread(world.workspace, "Files", installed=True)
    await here.app.stores.installations.save(an_installation(world, team, team["token"]))
    await there.courier.bots.of(team["id"])
    await asyncio.to_thread(world.uninstall, team["id"])
    granted = await asyncio.to_thread(world.grant, team["id"])
    await here.app.stores.installations.save(an_installation(world, team, granted["token"]))
    bob = await asyncio.to_thread(world.person, "Bob", team["id"])
    channel = await asyncio.to_thread(world.new_channel, "pictures", bob, team=team["id"])
    said = await asyncio.to_thread(world.say, bob, channel, "look", files=[PICTURE])

    asset = await there.courier.collect(shared_file(said["files"][0], team["id"]).as_input())

    assert asset.size_bytes == len(PICTURE[1])


async def test_an_app_that_was_removed_is_removed_for_the_others(replicas: list[Replica], world: SlackWorld) -> None:
    """Where there is no newer token the refusal stands, and the next look finds nothing."""
    here, there = replicas
    team = await asyncio.to_thread(world.workspace, "Gone", installed=True)
    await here.app.stores.installations.save(an_installation(world, team, team["token"]))
    old = await there.courier.bots.of(team["id"])
    await asyncio.to_thread(world.uninstall, team["id"])
    await here.app.stores.installations.forget("slack", team["id"], None)

    with pytest.raises(TokenDead):
        await there.courier.api.call(old, "auth.test")

    with pytest.raises(NotInstalled):
        await there.courier.bots.of(team["id"])


async def test_an_app_that_was_never_there_and_is_added_is_found_soon(
    replicas: list[Replica], world: SlackWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That there was none is remembered for moments only."""
    from adapters.chat.slack import bots

    monkeypatch.setattr(bots, "ABSENT_S", 0.0)
    here, there = replicas
    team = await asyncio.to_thread(world.workspace, "New")
    with pytest.raises(NotInstalled):
        await there.courier.bots.of(team["id"])
    granted = await asyncio.to_thread(world.grant, team["id"])
    known = an_installation(world, {**team, "bot": granted["bot"]}, granted["token"])
    await here.app.stores.installations.save(replace(known, name="New"))

    assert (await there.courier.bots.of(team["id"])).token == granted["token"]
