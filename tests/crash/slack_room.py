"""The emulated Slack of a story: its workspace and people, what befalls it, and its journal in the judge's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from adapters.chat.slack import delivery, sharing
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot, SlackApi
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.chat.slack.inputs import shared_file
from adapters.chat.slack.text import escaped
from adapters.http.client import HttpClient
from bot.cards.messages import HEADLINES
from bot.clock import SystemClock
from bot.jobs.model import InputRef, Requester
from bot.ports import MediaStore, MediaWorkshop
from tests.crash.rooms import card_shown, foul
from tests.crash.stories import Ask, Story
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.slack_world import SlackWorld

MODULE: Final = "slack_server"
WORKSPACE: Final = "T0CRASHTEAM"
CHANNEL: Final = "C0CRASHROOM"
PEOPLE: Final = {"alice": "U0CRASHALIC", "bob": "U0CRASHBOB0"}
TOKEN: Final = "xoxb-1-crash"
SETTINGS: Final[Mapping[str, Any]] = {
    "limits": False,  # they have tests of their own; here they would only slow down thousands of cases
    "team_id": WORKSPACE,
    "bot_token": TOKEN,
    "share_delay_s": 0.02,
    "files_need_membership": False,  # a form brings its picture along
}
VISIBLE_WITHIN_S: Final = 0.3
"""In the place of a minute."""

Row = dict[str, Any]


def furnish(story: Story, port: int) -> None:
    """A channel with Alice and Bob, and the story's misfortunes."""
    world = SlackWorld(f"http://127.0.0.1:{port}")
    people = [world.person(name, own_id=own_id) for name, own_id in PEOPLE.items()]
    world.new_channel("room", *people, own_id=CHANNEL, bot="channel" not in story.losses)
    world.knobs(**story.knobs)
    for route, fault, when, times in story.misfortunes:
        world.fault(route, fault, when=when, times=times)
    if "dms" in story.losses:
        world.fault("conversations.open", "error:user_disabled", times=9999)


def asked(ask: Ask, port: int) -> tuple[Requester, InputRef]:
    """A message with a picture: a mention in the room or a thread, or a direct one; of a form only the picture is left."""
    world = SlackWorld(f"http://127.0.0.1:{port}")
    user = PEOPLE[ask.user]
    channel = world.dm(user) if ask.place == "direct" else CHANNEL
    thread = world.say(user, channel, "look")["ts"] if ask.place == "thread" else None
    files = [("picture.png", PICTURE_MAGIC + ask.key.encode())]
    message = world.say(user, channel, "animate this", files=files, thread=thread)
    hung: dict[str, Any] = {"team": WORKSPACE, "channel": channel}
    if ask.place != "form":
        hung |= {"root": thread or message["ts"], "asked": message["ts"], "is_direct": ask.place == "direct"}
    anchor = Anchor(**hung)
    requester = Requester(
        platform="slack",
        workspace=WORKSPACE,
        user=user,
        channel=channel,
        thread=anchor.root,
        anchor=anchor.to_text(),
    )
    return requester, shared_file(message["files"][0], WORKSPACE).as_input()


class WatchedApi(SlackApi):
    """Tells of every step of an upload: whoever is killed between two of them has saved what he knew before."""

    def __init__(self, watch: Callable[[str], None], http: HttpClient, port: int) -> None:
        super().__init__(http, SystemClock(), api_url=f"http://127.0.0.1:{port}/api", patience_s=2.0)
        self._watch = watch

    async def call(self, bot: Bot, method: str, /, **arguments: Any) -> dict[str, Any]:
        if not method.startswith("files."):
            return await super().call(bot, method, **arguments)
        said = await super().call(bot, method, **arguments)
        self._watch(f"after slack {method}")
        return said

    async def send(self, url: str, source: Path) -> None:
        await super().send(url, source)
        self._watch("after slack upload")


def courier(
    port: int, media: MediaStore, workshop: MediaWorkshop, scratch: Path, watch: Callable[[str], None]
) -> SlackCourier:
    """The product's own."""
    delivery.LOOK_AGAIN_S = 0.02  # type: ignore[misc]
    sharing.PAUSES_S = (0.06,)  # type: ignore[misc, assignment]
    SlackCourier.edit_every_s = 0.02
    http, clock = HttpClient(), SystemClock()
    api = WatchedApi(watch, http, port)
    bots = Bots(api, clock, token=TOKEN)
    return SlackCourier(api, bots, http, media, workshop, clock, scratch, visible_within_s=VISIBLE_WITHIN_S)


def as_judged(log: list[Row], cards: Mapping[str, Row]) -> Iterator[Row]:
    """The journal in the words of the judge's own chat; a clip is known by its message and its files."""
    yield from foul(log, "slack")
    states = {f"*{escaped(headline)}*": state.value for state, headline in HEADLINES.items()}
    files: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in log:
        if entry["event"] == "shared":
            files[entry["channel"], entry["ts"]].append(entry["file"])
    for entry in log:
        if entry["event"] == "shared":
            place = f"{entry['channel']}:{entry['ts']}:{','.join(files[entry['channel'], entry['ts']])}"
            yield entry | {"event": "posted", "filename": entry["name"], "message_id": place}
        if entry["event"] in {"message-posted", "message-updated"} and entry["blocks"]:
            said = str(entry["blocks"][0].get("text", {}).get("text", "")).partition(" ")[2]
            place, is_new = f"{entry['channel']}:{entry['ts']}", entry["event"] == "message-posted"
            yield from card_shown(entry, place, states.get(said, "unknown"), cards, is_new=is_new)
