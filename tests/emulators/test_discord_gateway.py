"""The emulated gateway and interactions, spoken to byte by byte: what a library would do for us is left out here."""

from __future__ import annotations

import asyncio
import json
import zlib
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.emulators.discord_world import DiscordWorld
from tests.emulators.processes import discord_emulator
from tests.patience import PATIENCE_S

QUIET = {"allowed_mentions": {"parse": []}}
INTENTS = 1 | 1 << 9 | 1 << 12
EPHEMERAL = 1 << 6
COMMANDS = [
    {"name": "go", "description": "Go", "type": 1, "contexts": [0, 1], "integration_types": [0, 1]},
    {"name": "paint", "description": "x", "options": [{"type": 11, "name": "image", "description": "x"}]},
]


class Gateway:
    """One connection, and the API beside it."""

    def __init__(self, world, socket, http):
        self.world = world
        self.socket = socket
        self.http = http
        self.sequence = 0

    async def send(self, op, data):
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def next(self, *events):
        """The next event of one of these kinds; all that comes before is skipped."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                frame = await self.socket.receive()
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(self.socket.close_code)
                payload = json.loads(frame.data)
                self.sequence = payload["s"] or self.sequence
                if payload["t"] in events or f"op {payload['op']}" in events:
                    return payload["d"]

    async def identify(self, **facts):
        await self.send(2, {"token": self.world.token, "intents": INTENTS, "properties": {}, **facts})
        return await self.next("READY")

    async def call(self, method, path, **body):
        async with self.http.request(method, f"{self.world.api_url}{path}", **body) as response:
            return response.status, (await response.json() if response.content_length else None)

    async def answer(self, interaction, kind, data=None, *, with_response=False):
        place = f"/interactions/{interaction['id']}/{interaction['token']}/callback"
        body = {"type": kind} | ({} if data is None else {"data": data})
        return await self.call("POST", place + ("?with_response=true" if with_response else ""), json=body)

    async def token(self, method, interaction, path="", data=None):
        place = f"/webhooks/{self.world.application}/{interaction['token']}{path}"
        return await self.call(method, place, **({} if data is None else {"json": {**QUIET, **data}}))

    async def sync(self):
        status, commands = await self.call(
            "PUT",
            f"/applications/{self.world.application}/commands",
            json=COMMANDS,
            headers={"Authorization": f"Bot {self.world.token}"},
        )
        assert status == 200, commands

    async def interaction(self, person, channel, command="go", **options):
        """What the bot is sent when a person calls a command; and the answer, once there is one."""
        answer = asyncio.create_task(asyncio.to_thread(self.world.slash, person, channel, command, **options))
        return await self.next("INTERACTION_CREATE"), answer


@pytest.fixture(scope="module")
def _process(tmp_path_factory):
    process = discord_emulator(tmp_path_factory.mktemp("discord"), limits=False)
    yield process
    process.stop()


@pytest.fixture
def world(_process):
    world = DiscordWorld(_process.url)
    world.mark()
    yield world
    world.drop_gateway(forget=True)
    world.knobs(ack_s=None, token_lives_s=None)


@asynccontextmanager
async def connected(world, query=""):
    async with aiohttp.ClientSession() as http, http.ws_connect(world.gateway_url + query) as socket:
        yield Gateway(world, socket, http)


@pytest.fixture
async def gateway(world):
    async with connected(world) as gateway:
        await gateway.next("op 10")
        await gateway.identify()
        await gateway.sync()
        yield gateway


@pytest.fixture
def guild(world):
    return world.guild("Studio")


@pytest.fixture
def alice(world, guild):
    return world.person("Alice", guild)


@pytest.mark.parametrize(
    ("facts", "close_code"),
    [({"token": "wrong"}, 4004), ({"intents": INTENTS | 1 << 15}, 4014), ({"shard": [2, 2]}, 4010)],
)
async def test_a_session_that_may_not_be_is_closed_with_its_code(world, facts, close_code):
    """A wrong token, a privileged intent and a shard that cannot be; the intent is a violation too."""
    async with connected(world) as gateway:
        with pytest.raises(ConnectionError, match=str(close_code)):
            await gateway.identify(**facts)

    assert len(world.violations()) == (close_code == 4014)


async def test_heartbeats_are_acknowledged_and_events_are_compressed_when_asked(world):
    """zlib-stream: one context for the whole connection, each payload flushed."""
    async with connected(world, "?v=10&encoding=json&compress=zlib-stream") as gateway:
        unpacker = zlib.decompressobj()

        hello = json.loads(unpacker.decompress(await gateway.socket.receive_bytes()))
        await gateway.send(1, None)
        acknowledged = json.loads(unpacker.decompress(await gateway.socket.receive_bytes()))

    assert (hello["op"], hello["d"]["heartbeat_interval"], acknowledged["op"]) == (10, 41_250, 11)


async def test_a_guild_belongs_to_one_shard_and_direct_messages_to_the_first(world):
    """(guild id >> 22) % shards; direct messages on shard 0."""
    odd = world.guild("Odd", own_id=str((1 << 30 | 1) << 22))
    alice = world.person("Alice", odd)
    async with connected(world) as first, connected(world) as second:
        guilds = [
            [one["id"] for one in (await gateway.identify(shard=[number, 2]))["guilds"]]
            for number, gateway in enumerate((first, second))
        ]

        world.say(alice, odd.channel(), world.mention("in the guild"))
        world.say(alice, world.dm(alice), "psst")

        assert [odd.id in one for one in guilds] == [False, True]
        assert (await first.next("MESSAGE_CREATE"))["content"] == "psst"
        assert (await second.next("MESSAGE_CREATE"))["channel_id"] == odd.channel()


async def test_a_resume_brings_what_was_missed_in_order(world, gateway, guild, alice):
    """The events after the last one seen, then RESUMED."""
    (session,) = [one["id"] for one in world.sessions() if one["connected"]]
    ready_again = {"token": world.token, "session_id": session}
    world.say(alice, guild.channel(), world.mention("zero"))
    await gateway.next("MESSAGE_CREATE")
    world.drop_gateway()
    for text in ("one", "two"):
        world.say(alice, guild.channel(), world.mention(text))

    async with connected(world) as again:
        await again.send(6, ready_again | {"seq": gateway.sequence})
        heard = [(await again.next("MESSAGE_CREATE"))["content"] for _ in range(2)]
        await again.next("RESUMED")

    assert heard == [world.mention("one"), world.mention("two")]


async def test_an_interaction_says_all_that_discord_says(world, gateway, guild, alice):
    """Who, where, in which language, by whose installation, with what permissions, and an ephemeral picture."""
    got, waiting = await gateway.interaction(alice, guild.channel(), "paint", image=("cat.png", b"picture"))
    status, _ = await gateway.answer(got, 4, {"content": "hi", **QUIET})
    answered = await waiting

    assert (status, answered.kind) == (204, "message")
    assert got["member"]["user"]["id"] == alice
    assert (got["locale"], got["guild_locale"], got["context"]) == ("en-US", "en-US", 0)
    assert got["authorizing_integration_owners"] == {"0": guild.id}
    assert int(got["app_permissions"]) & 1 << 15
    assert got["attachment_size_limit"] == 10 << 20
    (picture,) = got["data"]["resolved"]["attachments"].values()
    assert picture["ephemeral"] is True
    assert got["data"]["options"] == [{"name": "image", "type": 11, "value": picture["id"]}]


async def test_an_interaction_is_answered_once_and_in_time(world, gateway, guild, alice):
    """The second answer is 40060; one after three seconds, or with a wrong token, is 10062."""
    got, waiting = await gateway.interaction(alice, guild.channel())

    wrong = await gateway.answer(got | {"token": "wrong"}, 5)
    first, second = await gateway.answer(got, 5), await gateway.answer(got, 5)
    await waiting
    world.knobs(ack_s=0)
    late, waiting = await gateway.interaction(alice, guild.channel())
    assert (await waiting).kind == "timeout"
    too_late = await gateway.answer(late, 5)

    assert (wrong[0], wrong[1]["code"]) == (404, 10062)
    assert (first[0], second[0], second[1]["code"]) == (204, 400, 40060)
    assert (too_late[0], too_late[1]["code"]) == (404, 10062)


async def test_a_token_works_until_it_is_too_old(world, gateway, guild, alice):
    """Before the first answer 10015, afterwards fifteen minutes, then 401 with 50027 for everything."""
    got, waiting = await gateway.interaction(alice, guild.channel())
    early = await gateway.token("POST", got, "", {"content": "too early"})
    await gateway.answer(got, 4, {"content": "hi", **QUIET})
    await waiting

    good = await gateway.token("PATCH", got, "/messages/@original", {"content": "changed"})
    world.knobs(token_lives_s=0)
    ended = [
        await gateway.token("PATCH", got, "/messages/@original", {"content": "again"}),
        await gateway.token("POST", got, "", {"content": "again"}),
        await gateway.token("GET", got, "/messages/@original"),
        await gateway.token("DELETE", got, "/messages/@original"),
    ]

    assert early[1]["code"] == 10015
    assert (good[0], good[1]["content"]) == (200, "changed")
    assert [(status, body["code"]) for status, body in ended] == [(401, 50027)] * 4


async def test_ephemeral_is_decided_by_the_first_answer(world, gateway, guild, alice):
    """A deferral takes the ephemeral flag only; the edit cannot change it; nobody else and no bot token sees it."""
    bob = world.person("Bob", guild)
    got, waiting = await gateway.interaction(alice, guild.channel())
    refused = await gateway.answer(got, 5, {"flags": EPHEMERAL | 1 << 15})
    await gateway.answer(got, 5, {"flags": EPHEMERAL})
    await waiting

    button = {"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}
    edited = await gateway.token(
        "PATCH", got, "/messages/@original", {"content": "x", "flags": 0, "components": [button]}
    )
    message = edited[1]["id"]
    by_bot = await gateway.call(
        "GET", f"/channels/{guild.channel()}/messages/{message}", headers={"Authorization": f"Bot {world.token}"}
    )

    assert (refused[0], refused[1]["code"]) == (400, 50035)
    assert edited[1]["flags"] == EPHEMERAL
    assert (by_bot[0], by_bot[1]["code"]) == (404, 10008)
    assert world.message(guild.channel(), message)["seen_by"] == alice
    with pytest.raises(Exception, match="does not see this message"):
        world.click(bob, guild.channel(), message, "Go")


async def test_a_follow_up_right_after_a_deferral_is_the_answer(world, gateway, guild, alice):
    """Discord's old habit: it edits the original; the next one is a message of its own, which can be deleted."""
    got, waiting = await gateway.interaction(alice, guild.channel())
    await gateway.answer(got, 5)
    await waiting

    original = (await gateway.token("GET", got, "/messages/@original"))[1]
    first = (await gateway.token("POST", got, "", {"content": "one"}))[1]
    second = (await gateway.token("POST", got, "", {"content": "two"}))[1]
    deleted = await gateway.token("DELETE", got, f"/messages/{second['id']}")

    assert original["flags"] & 1 << 7
    assert (first["id"], first["content"], first["flags"]) == (original["id"], "one", 0)
    assert (second["id"] != first["id"], deleted) == (True, (204, None))
    assert [one["content"] for one in world.from_bot(guild.channel())] == ["one"]


async def test_the_callback_can_tell_what_it_made(world, gateway, guild, alice):
    """`with_response=true` answers with the interaction and the message."""
    got, waiting = await gateway.interaction(alice, guild.channel())
    status, told = await gateway.answer(got, 4, {"content": "hi", **QUIET}, with_response=True)
    await waiting

    assert (status, told["interaction"]["response_message_loading"]) == (200, False)
    assert told["resource"]["message"]["id"] == told["interaction"]["response_message_id"]
    assert world.violations() == []


async def test_an_answer_that_does_not_fit_is_refused(world, gateway, guild, alice):
    """There is nothing to update in a command, nothing to choose, and an answer that could ping is a violation."""
    got, waiting = await gateway.interaction(alice, guild.channel())

    for kind, data in ((7, {"content": "x"}), (6, None), (8, {"choices": []}), (1, None)):
        status, body = await gateway.answer(got, kind, data)
        assert (status, body["code"]) == (400, 50035), kind
    assert world.violations() == []
    await gateway.answer(got, 4, {"content": "x"})
    await waiting
    assert "allowed_mentions" in world.violations()[0]


async def test_a_thread_that_closed_in_between_takes_no_answer(world, gateway, guild, alice):
    """Deferred in a thread that is then locked: 50083, and Discord will not change that."""
    thread = world.thread(alice, guild.channel(), world.say(alice, guild.channel(), "x")["id"])
    got, waiting = await gateway.interaction(alice, thread)
    await gateway.answer(got, 5)
    await waiting
    world.change_thread(thread, archived=True, locked=True)

    status, body = await gateway.token("PATCH", got, "/messages/@original", {"content": "x"})

    assert (status, body["code"]) == (400, 50083)


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        ([{"name": "Upper", "description": "x"}], "INVALID_NAME"),
        ([{"name": "a", "description": "x"}, {"name": "a", "description": "y"}], "DUPLICATE_NAME"),
        ([{"name": "a"}], "1 to 100 characters"),
        ([{"name": "Menu", "type": 3, "description": "x"}], "none for menus"),
        ([{"name": "a", "description": "x", "name_localizations": {"xx": "b"}}], "unknown locale"),
        (
            [
                {
                    "name": "a",
                    "description": "x",
                    "options": [
                        {"type": 3, "name": "b", "description": "x"},
                        {"type": 3, "name": "c", "description": "x", "required": True},
                    ],
                }
            ],
            "REQUIRED_INVALID",
        ),
    ],
)
async def test_commands_that_discord_would_not_take(world, gateway, commands, why):
    """Beyond the schema: names, duplicates, descriptions, locales, the order of required options."""
    status, body = await gateway.call(
        "PUT",
        f"/applications/{world.application}/commands",
        json=commands,
        headers={"Authorization": f"Bot {world.token}"},
    )

    assert (status, body["code"]) == (400, 50035)
    assert why in json.dumps(body)
