"""A Reelbot on a Discord in memory (simcord): people write and press, our answers land in the same world.

simcord takes the place of discord.py's own HTTP; `SimHttp` takes that of ours, so that every message, whoever sends it,
passes its checks. A test drives the tracker itself, as in `tests.house`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import discord
import simcord
from simcord.backend.errors import BackendError
from simcord.http import router

from adapters.chat.discord.anchor import anchor_of
from adapters.chat.discord.client import ReelbotClient
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.front import Front
from adapters.chat.discord.inputs import attachment_of
from adapters.chat.discord.people import People
from adapters.chat.discord.rest import Rest
from adapters.http.answer import HttpAnswer
from adapters.http.client import HttpClient
from bot.app import Parts, open_app
from bot.clock import SystemClock
from bot.errors import BadInput
from bot.jobs.model import Asset, AssetKind, InputRef, Job
from bot.settings import load_settings
from storage.media_store import ObjectMediaStore
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.fakes.clock import FakeClock
from tests.fakes.provider import FakeFetcher, FakeProvider
from tests.fakes.workshop import FakeWorkshop
from tests.house import GENEROUS, House
from tests.patience import PATIENCE_S

API = "https://discord.invalid/api/v10"
PICTURE = ("lake.png", PICTURE_MAGIC + b"a lake")
"""What people attach."""


class SimHttp:
    """`adapters.chat.discord.rest.Http` on simcord's routes. Every body is remembered; none may ping anybody."""

    def __init__(self) -> None:
        self.env: simcord.Env | None = None
        self.bodies: list[tuple[str, str, dict[str, Any]]] = []

    async def ask(
        self,
        method: str,
        url: str,
        *,
        home: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        files: Mapping[str, Any] | None = None,
        deadline_s: float = 0.0,
    ) -> HttpAnswer:
        """Answered by the world as Discord would."""
        assert self.env is not None
        path = url.removeprefix(API)
        body, uploads = json, []
        if files is not None:
            body = _loads(files["payload_json"][1])
            uploads = [_upload(name, file) for key, (name, file, _) in files.items() if key != "payload_json"]
        if isinstance(body, dict):
            self.bodies.append((method, path, body))
        try:
            said = router.dispatch(self.env.backend, method, path, json=body, params=dict(params or {}), files=uploads)
        except (router.RouteNotImplemented, router.UnsupportedField):
            raise
        except BackendError as error:
            return _answer(error.status, error.to_json())
        return _answer(200, said)

    def said(self) -> list[dict[str, Any]]:
        """What was posted, edited or answered, oldest first: the payloads of messages."""
        return [message for _, path, body in self.bodies if (message := _message_in(path, body)) is not None]


class SimCourier(DiscordCourier):
    """The real one, but for copying pictures: they lie in simcord's memory."""

    def __init__(self, http: SimHttp, folder: Path, clock: FakeClock) -> None:
        media = ObjectMediaStore((folder / "data" / "media").as_uri())
        rest = Rest(http, SystemClock(), api_url=API, token="bot-token")
        super().__init__(rest, HttpClient(), media, FakeWorkshop(), clock, folder)
        self._sim, self._folder, self._kept = http, folder, media

    async def collect(self, source: InputRef) -> Asset:
        """From simcord's memory."""
        assert self._sim.env is not None
        found = self._sim.env.backend.cdn.get(attachment_of(source).url)
        if found is None:
            raise BadInput("The picture was deleted.")
        file = self._folder / "collected"
        file.write_bytes(found)
        return await self._kept.put(file, AssetKind.ORIGINAL, "image/png")


@dataclass
class World:
    """Discord, the Reelbot in it, and the usual people: Alice owns, Bob is her team mate, Lea leads the team."""

    env: simcord.Env
    house: House
    http: SimHttp
    front: Front
    redrawn: list[Job]
    """Jobs whose card was asked for; `draw` draws them."""
    guild: simcord.GuildHandle
    room: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor
    lea: simcord.MemberActor
    expected: tuple[type[BaseException], ...] = ()
    """What discord.py may raise in this test; anything else fails it."""

    async def jobs(self) -> list[Job]:
        """Every job there is, newest first."""
        return (await self.house.app.stores.history.page(limit=100)).jobs

    async def job(self) -> Job:
        """The only one."""
        (job,) = await self.jobs()
        return job

    async def finish(self, job: Job | None = None) -> Job:
        """Run a job to its end, cards and clip included."""
        done = await self.house.run(job or await self.job())
        await self.draw()
        return done

    async def draw(self) -> None:
        """Draw what is to be drawn. Outside of the bot's own work: simcord waits until that has come to rest."""
        for job in self.redrawn:
            self.house.app.board.changed(job)
        self.redrawn.clear()
        await self.house.app.board.settle()

    async def restart(self) -> None:
        """The gateway's process starts anew: nothing in memory is left."""
        front = a_front(self.house, self.front.rest, self.redrawn)
        self.front = front
        await self.env.restart_bot(ReelbotClient(front, shard_count=1))

    async def animate(self, actor: Any = None, prompt: str = "the leaves move", **options: Any) -> Any:
        """`/animate` in the room, by Alice."""
        return await (actor or self.alice).slash(self.room, "animate", image=PICTURE, prompt=prompt, **options)

    def show_to_everyone(self, command: str) -> None:
        """The server's owner lets everybody use a command, whatever we said."""
        for each in self.env.backend.commands[None].values():
            if each["name"] == command:
                each["default_member_permissions"] = None

    async def whisper(self, user: simcord.UserHandle, text: str) -> None:
        """A direct message to us, with a picture."""
        files = self.env.backend.store_attachments(user.dm_channel.id, [PICTURE])
        await user.send_dm(text, attachments=files)


@asynccontextmanager
async def a_world(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """A server where everybody may spend, with one channel."""
    provider, clock, http = FakeProvider(), FakeClock(), SimHttp()
    courier = SimCourier(http, folder, clock)
    parts = Parts(
        clock=clock,
        providers={provider.name: provider},
        couriers={"discord": courier},
        workshop=FakeWorkshop(),
        fetchers={"fake": FakeFetcher()},
    )
    chosen = load_settings({**GENEROUS, "data_dir": folder / "data", **settings}, environ={}, cwd=folder)
    async with open_app(chosen, parts) as app:
        await app.ground.take_over(app)
        house = House(app, provider, courier, clock)  # type: ignore[arg-type]  # a courier of Discord's
        redrawn: list[Job] = []
        front = a_front(house, courier.rest, redrawn)
        env = simcord.Env(ReelbotClient(front, shard_count=1), settle_timeout=PATIENCE_S)
        http.env = env
        await env.start()
        try:
            guild = env.create_guild("Team")
            lead = guild.create_role("lead", permissions=discord.Permissions(manage_guild=True))
            await env.settle()
            world = World(
                env=env,
                house=house,
                http=http,
                front=front,
                redrawn=redrawn,
                guild=guild,
                room=guild.create_text_channel("room"),
                alice=guild.add_member(env.create_user("alice")),
                bob=guild.add_member(env.create_user("bob")),
                lea=guild.add_member(env.create_user("lea"), roles=[lead]),
            )
            yield world
            assert [error for error in env.errors if not isinstance(error, world.expected)] == []
            assert all(each.get("allowed_mentions") == {"parse": []} for each in http.said())
        finally:
            await app.board.settle()
            await env.shutdown()


def a_front(house: House, rest: Rest, redrawn: list[Job]) -> Front:
    """The parts, as `discord_role` puts them together."""
    app = house.app
    courier: Any = app.desk.couriers["discord"]
    people = People(app.stores.workspaces, rest, app.desk.clock, app.settings.operators)
    return Front(
        service=replace(app.service, redraw=redrawn.append),
        settings=app.settings,
        rest=rest,
        answers=courier.answers,
        people=people,
        readiness=app.readiness,
    )


def shown(result: Any) -> Any:
    """The message that answered an interaction."""
    assert result.response is not None
    return result.response


def words(payload: Any) -> str:
    """Every text a person reads in a message: its content, and its components' texts and labels, line by line."""
    if payload is None:
        return ""
    if not isinstance(payload, dict):
        payload = {"content": payload.content, "components": payload.components}
    found = [payload.get("content") or ""]
    found += _texts(payload.get("components") or [])
    return "\n".join(each for each in found if each)


def labels(payload: Any) -> list[str]:
    """The labels of a message's buttons."""
    components = payload["components"] if isinstance(payload, dict) else payload.components
    return [each["label"] for each in _all(components) if each.get("type") == 2]


def anchor(job: Job) -> Any:
    """What a job's answer hangs on."""
    return anchor_of(job.requester)


def _texts(components: list[Any]) -> list[str]:
    return [each["content"] for each in _all(components) if "content" in each]


def _all(components: list[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in components:
        part = each if isinstance(each, dict) else each.to_dict()
        found += [part, *_all(part.get("components") or [])]
        if part.get("accessory"):
            found += _all([part["accessory"]])
    return found


def _message_in(path: str, body: dict[str, Any]) -> dict[str, Any] | None:
    if path.endswith("/callback"):
        data: dict[str, Any] | None = body.get("data")
        return data if body["type"] in (4, 7) else None
    return body if "/messages" in path or path.startswith("/webhooks/") else None


def _upload(name: str, file: Any) -> Any:
    return SimpleNamespace(filename=name, fp=file, description=None)


def _loads(data: bytes) -> Any:
    return json.loads(data)


def _answer(status: int, said: Any) -> HttpAnswer:
    # As good as no limit: those are tested where they are kept.
    headers = {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "999", "x-ratelimit-reset-after": "1", "via": "1"}
    body = b"" if said is None else json.dumps(said, default=str).encode()
    return HttpAnswer(status, headers, body)
