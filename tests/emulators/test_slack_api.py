"""The emulated Slack's Web API over plain HTTP: what it promises, what it refuses, and what the judge writes down."""

from __future__ import annotations

import httpx
import pytest

from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld


class Bot:
    """The bot's token and a plain HTTP client; nothing is retried."""

    def __init__(self, world, token=None):
        self.world = world
        self.http = httpx.Client(base_url=world.api_url, trust_env=False, timeout=10)
        self.http.headers["Authorization"] = f"Bearer {token or world.token}"

    def call(self, method, **args):
        """A form, as every method takes it; lists and objects by JSON."""
        return self.http.post(f"/{method}", json=args)

    def form(self, method, **args):
        return self.http.post(f"/{method}", data=args)

    def post(self, channel, text="hello", **args):
        return self.call("chat.postMessage", channel=channel, text=text, **args).json()


@pytest.fixture(scope="module", name="_process")
def _module_process(tmp_path_factory):
    process = slack_emulator(tmp_path_factory.mktemp("slack"), limits=False)
    yield process
    process.stop()


@pytest.fixture
def world(_process):
    world = SlackWorld(_process.url)
    world.mark()
    yield world
    world.no_faults()
    world.knobs(**dict.fromkeys(world.knobs()))


@pytest.fixture
def bot(world):
    bot = Bot(world)
    yield bot
    bot.http.close()


CARD = [{"type": "section", "text": {"type": "mrkdwn", "text": "a card"}}]


@pytest.fixture
def alice(world):
    return world.person("Alice")


def test_a_message_is_posted_changed_and_deleted(world, bot):
    """Answers show the message as Slack does; the journal has every step."""
    channel = world.new_channel("room")

    posted = bot.post(channel, "one", blocks=CARD)
    changed = bot.call("chat.update", channel=channel, ts=posted["ts"], text="two", blocks=CARD).json()
    shown = world.from_bot(channel)
    deleted = bot.call("chat.delete", channel=channel, ts=posted["ts"]).json()

    assert (posted["ok"], changed["ok"], deleted["ok"]) == (True, True, True)
    assert [(one["text"], one["edits"]) for one in shown] == [("two", 1)]
    assert world.messages(channel) == []
    steps = [one["event"] for one in world.journal() if one["event"].startswith("message-")]
    assert steps == ["message-posted", "message-updated", "message-deleted"]
    assert world.violations() == []
