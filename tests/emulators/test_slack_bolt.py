"""The emulated Slack with Slack's own clients: Bolt in Socket Mode and over HTTP, AsyncWebClient for the calls."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.emulators.slack_world import Impossible

PNG = ("cat.png", b"\x89PNG\r\n\x1a\n a cat")
FORM = {
    "type": "modal",
    "callback_id": "ask",
    "title": {"type": "plain_text", "text": "New clip"},
    "submit": {"type": "plain_text", "text": "Make it"},
    "private_metadata": "C1",
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "picture",
            "label": {"type": "plain_text", "text": "Picture"},
            "element": {"type": "file_input", "action_id": "files", "filetypes": ["png", "jpg"], "max_files": 1},
        },
        {
            "type": "input",
            "block_id": "prompt",
            "label": {"type": "plain_text", "text": "What should happen?"},
            "element": {"type": "plain_text_input", "action_id": "text", "multiline": True, "max_length": 100},
        },
        {
            "type": "input",
            "block_id": "length",
            "optional": True,
            "label": {"type": "plain_text", "text": "Length"},
            "element": {
                "type": "static_select",
                "action_id": "seconds",
                "options": [{"text": {"type": "plain_text", "text": f"{n} seconds"}, "value": str(n)} for n in (5, 10)],
            },
        },
    ],
}


@pytest.fixture
def world(slack):
    return slack


class Product:
    """A small app: it writes down what it hears and opens a form."""

    def __init__(self, world):
        self.world = world
        self.heard = []
        self.submitted = []
        self.closed = []
        client = AsyncWebClient(token=world.token, base_url=f"{world.api_url}/", retry_handlers=[])
        self.app = AsyncApp(
            client=client, token=world.token, signing_secret=world.signing_secret, process_before_response=True
        )
        self.app.event("app_mention")(self.on_event)
        self.app.event("message")(self.on_event)
        self.app.event("app_home_opened")(self.on_home)
        self.app.command("/animate")(self.on_command)
        self.app.shortcut("animate_message")(self.on_shortcut)
        self.app.shortcut("new_clip")(self.on_shortcut)
        self.app.view("ask")(self.on_submit)
        self.app.view_closed("ask")(self.on_close)
        self.app.action("cancel")(self.on_press)

    async def on_event(self, event, body):
        self.heard.append((event["type"], event.get("subtype"), event["ts"], body["event_id"]))

    async def on_home(self, event, client):
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": "Your clips"}}]
        await client.views_publish(user_id=event["user"], view={"type": "home", "blocks": blocks})

    async def on_command(self, ack, body, client):
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)
        await ack()

    async def on_shortcut(self, ack, body, client):
        await ack()
        self.heard.append((body["type"], body.get("message", {}).get("files", [{}])[0].get("name")))
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    async def on_submit(self, ack, view):
        values = view["state"]["values"]
        if values["prompt"]["text"]["value"] == "no":
            await ack(response_action="errors", errors={"prompt": "Say more."})
            return
        self.submitted.append(values)
        await ack()

    async def on_close(self, ack):
        await ack()
        self.closed.append(True)

    async def on_press(self, ack, body, respond):
        await ack()
        await respond(text="Only the asker may cancel.", response_type="ephemeral", replace_original=False)

    @asynccontextmanager
    async def connected(self):
        handler = AsyncSocketModeHandler(self.app, self.world.app_token, ping_interval=0.3)
        await handler.connect_async()
        try:
            yield self
        finally:
            await handler.close_async()

    @asynccontextmanager
    async def served(self):
        async def events(request):
            asked = AsyncBoltRequest(body=await request.text(), headers=dict(request.headers))
            answer = await self.app.async_dispatch(asked)
            headers = {name: values[0] for name, values in answer.headers.items() if name != "content-length"}
            return web.Response(status=answer.status, text=answer.body, headers=headers)

        server = web.Application()
        server.router.add_post("/slack/events", events)
        runner = web.AppRunner(server, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.world.deliver_to(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
        try:
            yield self
        finally:
            self.world.deliver_to(None)
            await runner.cleanup()


@pytest.fixture(params=["connected", "served"])
async def product(request, world):
    async with getattr(Product(world), request.param)() as product:
        yield product


async def there(function, *args, **facts):
    """A person acts while the product's loop goes on."""
    return await asyncio.to_thread(function, *args, **facts)


async def test_a_mention_with_a_picture_arrives_once(world, product):
    """One post is one app_mention, with its files; a direct message is a message with the subtype file_share."""
    alice = world.person("Alice")

    mention = await there(world.say, alice, world.channel(), world.mention("blink"), files=[PNG])
    direct = await there(world.say, alice, world.dm(alice), "blink", files=[PNG])
    await there(world.until, lambda: len(world.journal("event-acked")) == 2)

    assert sorted(one[:3] for one in product.heard) == [
        ("app_mention", None, mention["ts"]),
        ("message", "file_share", direct["ts"]),
    ]
    assert world.violations() == []


async def test_a_command_opens_a_form_that_takes_a_file(world, product):
    """The whole way: command, modal by trigger, wrong input told, right input with a file that the bot can read."""
    alice = world.person("Alice")
    answer = await there(world.slash, alice, world.channel(), "/animate", "the cat blinks")
    view = await there(answer.view)
    assert (answer.kind, view["callback_id"]) == ("answered", "ask")

    with pytest.raises(Impossible, match="required"):
        await there(world.submit, alice, {"Picture": [PNG]})
    refused = await there(world.submit, alice, {"Picture": [PNG], "text": "no"})
    assert refused.body == {"response_action": "errors", "errors": {"prompt": "Say more."}}
    await there(world.submit, alice, {"text": "blink", "Length": "10 seconds"})

    (values,) = product.submitted
    (file,) = values["picture"]["files"]["files"]
    assert await there(world.download, file) == PNG[1]
    assert values["length"]["seconds"]["selected_option"]["value"] == "10"
    assert world.view(alice) is None
    assert world.violations() == []


async def test_shortcuts_and_closing(world, product):
    """A message's menu brings the whole message; a closed form is told of when it was asked for."""
    alice = world.person("Alice")
    message = world.say(alice, world.channel(), "look", files=[PNG])

    answer = await there(world.shortcut, alice, "animate_message", message)
    await there(answer.view)
    await there(world.close, alice)
    await there(world.shortcut, alice, "new_clip")

    assert product.heard == [("message_action", "cat.png"), ("shortcut", None)]
    assert product.closed == [True]
    with pytest.raises(Impossible, match="no global shortcut"):
        world.shortcut(alice, "animate_message")
    assert world.violations() == []


async def test_a_button_is_answered_privately(world, product):
    """A press carries message, channel and response_url; only buttons that are there can be pressed."""
    alice = world.person("Alice")
    button = {"type": "button", "action_id": "cancel", "text": {"type": "plain_text", "text": "Cancel"}, "value": "job"}
    await product.app.client.chat_postMessage(
        channel=world.channel(), text="card", blocks=[{"type": "actions", "elements": [button]}]
    )
    (card,) = [one for one in world.from_bot(world.channel()) if one["text"] == "card"][-1:]

    answer = await there(world.press, alice, card, "Cancel")
    await there(answer.post)

    assert [one["text"] for one in world.ephemerals(alice)] == ["Only the asker may cancel."]
    with pytest.raises(Impossible, match="0 elements"):
        world.press(alice, card, "Start")
    assert world.violations() == []


async def test_the_home_tab_is_published(world, product):
    """app_home_opened, then views.publish: what the person sees."""
    alice = world.person("Alice")

    assert await there(world.open_home, alice) is None
    home = await there(world.until, lambda: world.home(alice))

    assert home["blocks"][0]["text"]["text"] == "Your clips"
    assert world.violations() == []


async def test_a_forged_request_is_not_believed(world):
    """A wrong signature, or a right one that is too old: Bolt refuses both, and takes the right one."""
    event = {
        "type": "event_callback",
        "team_id": world.team,
        "event": {"type": "app_mention", "ts": "1.2", "user": "U1"},
    }
    event |= {"event_id": "Ev1", "authorizations": [{"team_id": world.team, "user_id": world.bot, "is_bot": True}]}

    async with Product(world).served() as product:
        forged = await there(world.post_event, event, signature="v0=0123")
        old = await there(world.post_event, event, at=int(time.time()) - 301)
        good = await there(world.post_event, event)

    assert (forged["status"], old["status"], good["status"]) == (401, 401, 200)
    assert product.heard == [("app_mention", None, "1.2", "Ev1")]


async def test_bolt_comes_back_after_its_connection_ended(world):
    """What is said meanwhile arrives on the new connection."""
    alice = world.person("Alice")
    async with Product(world).connected() as product:
        await there(world.until, lambda: world.connections() == 1)

        assert await there(world.cut, "close") == 1
        said = await there(world.say, alice, world.channel(), world.mention("blink"))
        await there(world.until, lambda: world.journal("event-acked"))

    assert [one[2] for one in product.heard] == [said["ts"]]
    assert len(world.journal("socket-connected")) == 2
    assert world.violations() == []
