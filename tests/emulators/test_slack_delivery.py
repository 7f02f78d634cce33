"""How the emulated Slack delivers: once where it is acknowledged, again where it is not, on both transports."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web

from tests.emulators.slack_methods import BOT_SCOPES
from tests.patience import PATIENCE_S


async def there(function, *args, **facts):
    """A person acts while the test's loop goes on."""
    return await asyncio.to_thread(function, *args, **facts)


@pytest.fixture
def alice(slack):
    return slack.person("Alice")


class Target:
    """An address that answers as it is told: a status, or never."""

    def __init__(self, world):
        self._world = world
        self.asked = []
        self.answers = []
        self.over = asyncio.Event()

    async def answer(self, request):
        body = await request.read()
        signed = b"v0:" + request.headers["X-Slack-Request-Timestamp"].encode() + b":" + body
        right = hmac.new(self._world.signing_secret.encode(), signed, hashlib.sha256).hexdigest()
        assert request.headers["X-Slack-Signature"] == f"v0={right}"
        self.asked.append((request.headers, body))
        match self.answers.pop(0) if self.answers else 200:
            case "never":
                await self.over.wait()
            case "final":
                return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})
            case "echo":
                return web.Response(text=json.loads(body)["challenge"])
            case int(status):
                return web.Response(status=status)
        return web.Response()

    def events(self):
        return [json.loads(body) for _, body in self.asked]


@pytest.fixture
async def target(slack):
    target = Target(slack)
    app = web.Application()
    app.router.add_post("/slack/events", target.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await there(slack.deliver_to, f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    yield target
    await there(slack.deliver_to, None)
    target.over.set()
    await runner.cleanup()


async def test_an_event_that_fails_comes_again(slack, target, alice):
    """The same event, with the number of the retry and the reason of the failure before."""
    slack.knobs(ack_s=0.4)
    target.answers = [500, "never", 200]

    await there(slack.say, alice, slack.channel(), slack.mention("hello"))
    await there(slack.until, lambda: slack.journal("event-acked"))

    headers = [(one.get("X-Slack-Retry-Num"), one.get("X-Slack-Retry-Reason")) for one, _ in target.asked]
    assert headers == [(None, None), ("1", "http_error"), ("2", "http_timeout")]
    assert len({one["event_id"] for one in target.events()}) == 1
    assert slack.violations() == []


async def test_after_three_retries_an_event_is_lost(slack, target, alice):
    """Four deliveries; an answer that wants no retry ends it at once."""
    target.answers = [500, 500, 500, 500]
    await there(slack.say, alice, slack.channel(), slack.mention("hello"))
    await there(slack.until, lambda: slack.journal("event-lost"))
    assert len(target.asked) == 4

    target.answers = ["final"]
    await there(slack.say, alice, slack.channel(), slack.mention("hello"))
    await there(slack.until, lambda: len(slack.journal("event-lost")) == 2)

    assert len(target.asked) == 5


async def test_commands_are_never_sent_again(slack, target, alice):
    """A form post that is not answered in time is a failure the person sees, and no more."""
    slack.knobs(ack_s=0.4)
    target.answers = ["never", 500]

    late = await there(slack.slash, alice, slack.channel(), "/animate", "the cat & the dog")
    wrong = await there(slack.slash, alice, slack.channel(), "/animate")

    assert (late.kind, wrong.kind, wrong.status) == ("timeout", "refused", 500)
    fields = {name: values[0] for name, values in parse_qs(target.asked[0][1].decode()).items()}
    assert (fields["command"], fields["text"], fields["user_id"]) == ("/animate", "the cat & the dog", alice)
    assert len(target.asked) == 2
    assert slack.violations() == []


async def test_an_address_is_verified_by_its_challenge(slack, target):
    """As when it is entered in the app's settings."""
    target.answers = ["echo", 200]

    assert await there(slack.verify_url)
    assert not await there(slack.verify_url)


@asynccontextmanager
async def connection(world, session):
    """A connection of Socket Mode, after its hello."""
    headers = {"Authorization": f"Bearer {world.app_token}"}
    async with session.post(f"{world.api_url}/apps.connections.open", headers=headers) as answer:
        url = (await answer.json())["url"]
    async with session.ws_connect(url) as socket:
        assert (await socket.receive_json(timeout=PATIENCE_S))["type"] == "hello"
        yield socket


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(trust_env=False) as session:
        yield session


async def test_an_envelope_that_is_not_acknowledged_comes_again(slack, session, alice):
    """The same event in another envelope, up to three times."""
    slack.knobs(ack_s=0.1)
    async with connection(slack, session) as socket:
        await there(slack.say, alice, slack.channel(), slack.mention("hello"))
        first = await socket.receive_json(timeout=PATIENCE_S)
        again = await socket.receive_json(timeout=PATIENCE_S)
        await socket.send_json({"envelope_id": again["envelope_id"]})
        await there(slack.until, lambda: slack.journal("event-acked"))

    assert (first["retry_attempt"], again["retry_attempt"], again["retry_reason"]) == (0, 1, "http_timeout")
    assert first["envelope_id"] != again["envelope_id"]
    assert first["payload"]["event_id"] == again["payload"]["event_id"]
    assert (first["type"], first["accepts_response_payload"]) == ("events_api", False)
    assert slack.violations() == []


async def test_a_cut_connection_brings_its_events_to_the_next(slack, session, alice):
    """What was on its way when the connection went comes again on the new one."""
    async with connection(slack, session) as socket:
        await there(slack.say, alice, slack.channel(), slack.mention("hello"))
        first = await socket.receive_json(timeout=PATIENCE_S)
        assert await there(slack.cut) == 1
    async with connection(slack, session) as socket:
        again = await socket.receive_json(timeout=PATIENCE_S)
        await socket.send_json({"envelope_id": again["envelope_id"]})
        await there(slack.until, lambda: slack.journal("event-acked"))

    assert first["payload"]["event_id"] == again["payload"]["event_id"]


async def test_each_event_goes_to_one_connection(slack, session, alice):
    """With several connections nothing comes twice."""
    async with connection(slack, session) as one, connection(slack, session) as other:
        assert await there(slack.connections) == 2
        seen = []

        async def read(socket):
            async for message in socket:
                envelope = json.loads(message.data)
                seen.append(envelope["payload"]["event"]["ts"])
                await socket.send_json({"envelope_id": envelope["envelope_id"]})

        readers = [asyncio.create_task(read(socket)) for socket in (one, other)]
        for number in range(12):
            await there(slack.say, alice, slack.channel(), slack.mention(str(number)))
        await there(slack.until, lambda: len(slack.journal("event-acked")) == 12)
        for reader in readers:
            reader.cancel()

    assert len(seen) == len(set(seen)) == 12


async def test_a_connection_is_asked_to_be_renewed(slack, session):
    """Slack announces the end, and closes a little later; a ticket is good once."""
    slack.knobs(refresh_s=0.01)
    async with connection(slack, session) as socket:
        await there(slack.cut, "refresh_requested")
        told = await socket.receive_json(timeout=PATIENCE_S)
        ended = await socket.receive(timeout=PATIENCE_S)
        again = await session.get(str(socket._response.url).replace("ws", "http", 1))

    assert (told["type"], told["reason"]) == ("disconnect", "refresh_requested")
    assert ended.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    assert again.status == 401


async def test_connections_are_kept_awake(slack, session):
    """Both sides ask whether the other is there; a dead connection that still looks open is a setting."""
    slack.knobs(ping_s=0.01)
    headers = {"Authorization": f"Bearer {slack.app_token}"}
    async with session.post(f"{slack.api_url}/apps.connections.open", headers=headers) as answer:
        url = (await answer.json())["url"]
    async with session.ws_connect(url, autoping=False) as socket:
        await socket.receive_json(timeout=PATIENCE_S)
        assert (await socket.receive(timeout=PATIENCE_S)).type is aiohttp.WSMsgType.PING
        await socket.ping(b"there?")
        # However many pings of the other side came in before.
        while (heard := await socket.receive(timeout=PATIENCE_S)).type is not aiohttp.WSMsgType.PONG:
            assert heard.type is aiohttp.WSMsgType.PING
        slack.knobs(deaf_to_pings=True)
        await socket.ping(b"still there?")
        later = [await socket.receive(timeout=PATIENCE_S) for _ in range(50)]

    assert heard.data == b"there?"
    assert {one.type for one in later} == {aiohttp.WSMsgType.PING}


async def test_a_mention_and_its_message_are_one_post(slack, target, alice):
    """With message.channels subscribed too: the same ts, two event ids."""
    slack.scopes(*BOT_SCOPES, "channels:history")
    slack.knobs(events=["app_mention", "message.channels"])

    said = await there(slack.say, alice, slack.channel(), slack.mention("hello"))
    await there(slack.until, lambda: len(slack.journal("event-acked")) == 2)
    slack.scopes(*BOT_SCOPES)

    events = target.events()
    assert {one["event"]["type"] for one in events} == {"app_mention", "message"}
    assert {one["event"]["ts"] for one in events} == {said["ts"]}
    assert len({one["event_id"] for one in events}) == 2
    assert slack.violations() == []


async def test_a_mention_waits_until_the_bot_is_invited(slack, target, alice):
    """Where it is no member it hears nothing, until somebody follows Slack's offer to invite it."""
    outside = slack.new_channel("outside", alice, bot=False)
    said = await there(slack.say, alice, outside, slack.mention("hello"))
    assert slack.journal("event-sent") == []

    await there(slack.invite_bot, outside)
    await there(slack.until, lambda: slack.journal("event-acked"))

    (event,) = target.events()
    assert (event["event"]["type"], event["event"]["ts"]) == ("app_mention", said["ts"])


async def test_a_bots_own_direct_messages_are_events_too(slack, slack_bot, target, alice):
    """Posted, changed, deleted: each comes back, and is to be left alone."""
    dm = slack.dm(alice)
    posted = await there(slack_bot.post, dm)
    await there(slack_bot.call, "chat.update", channel=dm, ts=posted["ts"], text="new")
    await there(slack_bot.call, "chat.delete", channel=dm, ts=posted["ts"])
    await there(slack.until, lambda: len(slack.journal("event-acked")) == 3)

    events = sorted((one["event"] for one in target.events()), key=lambda one: one["event_ts"])
    assert [one.get("subtype") for one in events] == [None, "message_changed", "message_deleted"]
    assert events[0]["bot_id"] == slack.bot_id
    assert slack.violations() == []


async def test_people_of_another_organisation_say_where_they_are_from(slack, target, alice):
    """In a shared channel: the envelope's workspace is ours, the person's is theirs; files come without links."""
    other = slack.workspace("Elsewhere")
    mallory = slack.person("Mallory", other["id"])
    shared = slack.new_channel("shared", alice, mallory)

    await there(slack.say, mallory, shared, slack.mention("hello"), files=[("cat.png", b"cat")])
    await there(slack.until, lambda: slack.journal("event-acked"))

    (envelope,) = target.events()
    event = envelope["event"]
    assert (envelope["team_id"], envelope["is_ext_shared_channel"]) == (slack.team, True)
    assert (event["user_team"], event["source_team"], event["user"]) == (other["id"], other["id"], mallory)
    assert event["files"][0]["file_access"] == "check_file_info"
    assert slack.violations() == []


async def test_an_organisations_installation_serves_all_its_workspaces(slack, target):
    """Enterprise Grid: one token, and the envelope says which workspace it is about."""
    enterprise = slack.enterprise("Acme")
    one = slack.workspace("One", enterprise=enterprise)
    two = slack.workspace("Two", enterprise=enterprise)
    grant = slack.grant(one["id"], org=True)
    bob = slack.person("Bob", two["id"])
    room = slack.new_channel("room", bob, team=two["id"])

    await there(slack.say, bob, room, f"<@{grant['bot']}> hello")
    answer = await there(slack.slash, bob, room, "/animate")
    await there(slack.until, lambda: slack.journal("event-acked"))

    assert answer.kind == "answered"
    envelope = next(json.loads(body) for headers, body in target.asked if headers["Content-Type"] == "application/json")
    assert (envelope["team_id"], envelope["enterprise_id"]) == (two["id"], enterprise)
    assert envelope["authorizations"] == [
        {
            "enterprise_id": enterprise,
            "team_id": None,
            "user_id": grant["bot"],
            "is_bot": True,
            "is_enterprise_install": True,
        }
    ]
    command = next(parse_qs(body.decode()) for headers, body in target.asked if b"command=" in body)
    assert (command["team_id"], command["enterprise_id"]) == ([two["id"]], [enterprise])
    assert command["is_enterprise_install"] == ["true"]
    slack.uninstall(enterprise)
    assert slack.violations() == []


async def test_leaving_is_told(slack, target):
    """Whoever removes the app ends its token; both events come, in no promised order."""
    other = slack.workspace("Other", installed=True)

    await there(slack.uninstall, other["id"])
    await there(slack.until, lambda: len(slack.journal("event-acked")) == 2)

    assert {one["event"]["type"] for one in target.events()} == {"app_uninstalled", "tokens_revoked"}
    assert {one["team_id"] for one in target.events()} == {other["id"]}
    assert slack.violations() == []


async def test_an_answer_by_response_url_is_good_five_times(slack, session, target, alice):
    """Private, or for all; replacing what was pressed; then it is used up."""
    answer = await there(slack.slash, alice, slack.channel(), "/animate")
    (url,) = answer.response_urls

    async def post(**body):
        async with session.post(url, json=body) as response:
            return response.status

    assert [await post(text=str(number)) for number in range(4)] == [200] * 4
    assert await post(text="for all", response_type="in_channel") == 200
    assert await post(text="too many") == 404
    assert [one["text"] for one in await there(slack.ephemerals, alice)] == ["0", "1", "2", "3"]
    assert (await there(slack.from_bot, slack.channel()))[-1]["text"] == "for all"
    assert slack.violations() == []
