"""The emulated Discord of a story: its server and people, what befalls it, and its journal in the judge's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.inputs import Attachment
from adapters.chat.discord.rest import Rest
from adapters.http.client import HttpClient
from bot.cards.messages import HEADLINES
from bot.clock import SystemClock
from bot.jobs.model import InputRef, Requester
from bot.ports import MediaStore, MediaWorkshop
from tests.crash.stories import Ask, Story
from tests.emulators.discord_world import DiscordWorld
from tests.emulators.judge_chat import PICTURE_MAGIC

GUILD, CHANNEL = "700000000000000001", "700000000000000002"
PEOPLE = {"alice": "700000000000000003", "bob": "700000000000000004"}

Row = dict[str, Any]


def furnish(story: Story, port: int) -> None:
    """A server with a channel, Alice and Bob, and the story's misfortunes."""
    world = DiscordWorld(f"http://127.0.0.1:{port}")
    guild = world.guild("Studio", own_id=GUILD)
    world.channel(guild, "room", own_id=CHANNEL)
    for name, own_id in PEOPLE.items():
        world.person(name, guild, own_id=own_id, dms_open="dms" not in story.losses)
    if denied := [loss for loss in story.losses if loss != "dms"]:
        world.permit(CHANNEL, "bot", deny=denied)
    for route, fault, when, times in story.misfortunes:
        world.fault(route, fault, when=when, times=times)


def requester(ask: Ask) -> Requester:
    """Who asks, where a command was given: the anchor has no token, as after a quarter of an hour."""
    anchor = Anchor(channel=CHANNEL, guild=GUILD)
    return Requester(
        platform="discord", workspace=GUILD, user=PEOPLE[ask.user], channel=CHANNEL, anchor=anchor.to_text()
    )


def picture(ask: Ask, port: int) -> InputRef:
    """A message of the asker's, with a picture."""
    world = DiscordWorld(f"http://127.0.0.1:{port}")
    files = [("picture.png", PICTURE_MAGIC + ask.key.encode())]
    message = world.say(PEOPLE[ask.user], CHANNEL, "look", files=files)
    found = message["attachments"][0]
    named = Attachment(url=found["url"], filename="picture.png", channel=CHANNEL, message=message["id"], id=found["id"])
    return named.as_input()


def courier(port: int, media: MediaStore, workshop: MediaWorkshop, scratch: Any) -> DiscordCourier:
    """The product's own."""
    http, clock = HttpClient(), SystemClock()
    rest = Rest(http, clock, api_url=f"http://127.0.0.1:{port}/api/v10", token="test-token")
    return DiscordCourier(rest, http, media, workshop, clock, scratch)


def as_judged(log: list[Row], cards: Mapping[str, Row]) -> Iterator[Row]:
    """The journal in the words of the judge's own chat: posts by their file, cards by what they say."""
    card_of = {row["reference"]: job_id for job_id, row in cards.items()}
    states = {f"**{headline}**": state.value for state, headline in HEADLINES.items()}
    for entry in log:
        if entry["event"] == "emulator-fault":
            yield {"event": "violation", "judge": "discord", "why": f"our own emulator failed: {entry}"}
        if entry["event"] == "violation":
            yield entry | {"judge": "discord"}
        if entry["event"] not in {"message-created", "message-edited"} or not entry["bot"]:
            continue
        place = f"{entry['channel']}:{entry['message']}"
        if entry["event"] == "message-created":
            for name, digest in zip(entry["files"], entry["sha256"], strict=True):
                yield entry | {"event": "posted", "filename": name, "sha256": digest, "message_id": place}
        if place in card_of and entry["texts"]:
            state = states.get(entry["texts"][0].partition("\n")[0], "unknown")
            kind = "card-posted" if entry["event"] == "message-created" else "card-edited"
            yield entry | {"event": kind, "job_id": card_of[place], "version": 0, "state": state, "message_id": place}
