"""The emulated Discord of a story: its server and people, what befalls it, and its journal in the judge's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from adapters.chat.discord import delivery
from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.inputs import Attachment
from adapters.chat.discord.rest import Rest
from adapters.http.client import HttpClient
from bot.cards.messages import HEADLINES
from bot.clock import SystemClock
from bot.jobs.model import InputRef, Requester
from bot.ports import MediaStore, MediaWorkshop
from tests.crash.rooms import card_shown, foul
from tests.crash.stories import Ask, Story
from tests.emulators.discord_world import DiscordWorld
from tests.emulators.judge_chat import PICTURE_MAGIC

MODULE: Final = "discord_server"
SETTINGS: Final[Mapping[str, Any]] = {"limits": False}
"""Its rate limits have tests of their own; here they would only slow down thousands of cases."""
WORKSPACE: Final = "700000000000000001"
CHANNEL: Final = "700000000000000002"
PEOPLE = {"alice": "700000000000000003", "bob": "700000000000000004"}

Row = dict[str, Any]


def furnish(story: Story, port: int) -> None:
    """A server with a channel, Alice and Bob, and the story's misfortunes."""
    world = DiscordWorld(f"http://127.0.0.1:{port}")
    guild = world.guild("Studio", own_id=WORKSPACE)
    world.channel(guild, "room", own_id=CHANNEL)
    for name, own_id in PEOPLE.items():
        world.person(name, guild, own_id=own_id, dms_open="dms" not in story.losses)
    if denied := [loss for loss in story.losses if loss != "dms"]:
        world.permit(CHANNEL, "bot", deny=denied)
    for route, fault, when, times in story.misfortunes:
        world.fault(route, fault, when=when, times=times)


def asked(ask: Ask, port: int) -> tuple[Requester, InputRef]:
    """A command was given: the anchor has no token, as after a quarter of an hour. The picture is in a message."""
    world = DiscordWorld(f"http://127.0.0.1:{port}")
    files = [("picture.png", PICTURE_MAGIC + ask.key.encode())]
    message = world.say(PEOPLE[ask.user], CHANNEL, "look", files=files)
    found = message["attachments"][0]
    named = Attachment(url=found["url"], filename="picture.png", channel=CHANNEL, message=message["id"], id=found["id"])
    anchor = Anchor(channel=CHANNEL, guild=WORKSPACE)
    requester = Requester(
        platform="discord", workspace=WORKSPACE, user=PEOPLE[ask.user], channel=CHANNEL, anchor=anchor.to_text()
    )
    return requester, named.as_input()


def courier(
    port: int, media: MediaStore, workshop: MediaWorkshop, scratch: Path, _watch: Callable[[str], None]
) -> DiscordCourier:
    """The product's own."""
    delivery.LOOK_AGAIN_S = 0.02
    DiscordCourier.edit_every_s = 0.02
    http, clock = HttpClient(), SystemClock()
    rest = Rest(http, clock, api_url=f"http://127.0.0.1:{port}/api/v10", token="test-token")
    return DiscordCourier(rest, http, media, workshop, clock, scratch)


def as_judged(log: list[Row], cards: Mapping[str, Row]) -> Iterator[Row]:
    """The journal in the words of the judge's own chat."""
    yield from foul(log, "discord")
    states = {f"**{headline}**": state.value for state, headline in HEADLINES.items()}
    for entry in log:
        if entry["event"] not in {"message-created", "message-edited"} or not entry["bot"]:
            continue
        place, is_new = f"{entry['channel']}:{entry['message']}", entry["event"] == "message-created"
        if is_new:
            for name, digest in zip(entry["files"], entry["sha256"], strict=True):
                yield entry | {"event": "posted", "filename": name, "sha256": digest, "message_id": place}
        if entry["texts"]:
            state = states.get(entry["texts"][0].partition("\n")[0], "unknown")
            yield from card_shown(entry, place, state, cards, is_new=is_new)
