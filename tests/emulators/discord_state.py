"""The world an emulated Discord keeps: guilds, roles, members, channels, threads, direct messages, messages.

Ids are snowflakes in text, made from the time they are made at, as everywhere in Discord's JSON.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.emulators import discord_permissions as permissions

EPOCH_MS = 1_420_070_400_000
TEXT, DM, VOICE, ANNOUNCEMENT, ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD, STAGE, FORUM, MEDIA = (
    *(0, 1, 2, 5),
    *(10, 11, 12, 13, 15, 16),
)
THREADS = {ANNOUNCEMENT_THREAD, PUBLIC_THREAD, PRIVATE_THREAD}
EPHEMERAL, LOADING, V2, CROSSPOSTED = 1 << 6, 1 << 7, 1 << 15, 1 << 0


def written(seconds: float) -> str:
    """A time as Discord writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def made_at(snowflake: str) -> float:
    """When an id was made, in seconds."""
    return ((int(snowflake) >> 22) + EPOCH_MS) / 1000


@dataclass(slots=True, kw_only=True)
class Person:
    id: str
    name: str
    bot: bool = False
    locale: str = "en-US"
    dms_open: bool = True
    installed: bool = False  # the app is installed for this person
    upload_limit: int = 10 << 20  # grows with Nitro


@dataclass(slots=True, kw_only=True)
class Role:
    id: str
    name: str
    permissions: int
    position: int
    managed: bool = False


@dataclass(slots=True, kw_only=True)
class Member:
    person: Person
    roles: list[str]
    joined_at: float
    nick: str | None = None


@dataclass(slots=True, kw_only=True)
class Attachment:
    id: str
    filename: str
    size: int
    content_type: str
    path: Path
    title: str | None = None
    description: str | None = None
    ephemeral: bool = False
    spoiler: bool = False
    sha256: str = ""


@dataclass(slots=True, kw_only=True)
class Message:
    id: str
    channel_id: str
    author: Person
    type: int = 0
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    """As they were sent; `discord_shapes` makes what is shown of them."""
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    nonce: str | int | None = None
    reference: dict[str, Any] | None = None
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    mentions: list[Person] = field(default_factory=list)
    mention_roles: list[str] = field(default_factory=list)
    mention_everyone: bool = False
    edited_at: float | None = None
    edits: int = 0
    seen_by: str | None = None
    """The only person who sees it, when it is ephemeral."""
    webhook: bool = False
    metadata: dict[str, Any] | None = None
    older_s: float = 0.0

    @property
    def age_s(self) -> float:
        return time.time() - made_at(self.id) + self.older_s


@dataclass(slots=True, kw_only=True)
class Channel:
    id: str
    type: int
    name: str
    guild_id: str | None = None
    parent_id: str | None = None
    nsfw: bool = False
    position: int = 0
    overwrites: dict[str, tuple[int, int]] = field(default_factory=dict)  # id: (allow, deny)
    recipient: Person | None = None  # of a direct message with the bot
    owner_id: str = ""
    archived: bool = False
    locked: bool = False
    archive_changed_at: float = 0.0
    auto_archive_minutes: int = 1440
    joined: set[str] = field(default_factory=set)  # members of a thread
    sent: int = 0
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        return self.type in THREADS


@dataclass(slots=True, kw_only=True)
class Guild:
    id: str
    name: str
    owner_id: str
    premium_tier: int = 0
    locale: str = "en-US"
    has_bot: bool = True
    roles: dict[str, Role] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)


class World:
    """Everything there is, by id."""

    def __init__(self, *, bot_name: str) -> None:
        self._last_id = 0
        self.bot = Person(id=self.new_id(), name=bot_name, bot=True)
        self.app_id = self.bot.id
        self.owner = Person(id=self.new_id(), name="operator")
        self.people: dict[str, Person] = {self.bot.id: self.bot, self.owner.id: self.owner}
        self.guilds: dict[str, Guild] = {}
        self.channels: dict[str, Channel] = {}
        self.attachments: dict[str, Attachment] = {}

    def new_id(self) -> str:
        """A snowflake later than every other."""
        self._last_id = max(self._last_id + 1, int(time.time() * 1000 - EPOCH_MS) << 22)
        return str(self._last_id)

    def channels_of(self, guild_id: str, *, threads: bool = False) -> list[Channel]:
        """The channels, or the threads, of a guild."""
        return [one for one in self.channels.values() if one.guild_id == guild_id and one.is_thread == threads]

    def dm_with(self, person: Person) -> Channel:
        """The direct message channel with the bot; it is made when there is none yet."""
        for channel in self.channels.values():
            if channel.type == DM and channel.recipient is person:
                return channel
        channel = Channel(id=self.new_id(), type=DM, name="", recipient=person)
        self.channels[channel.id] = channel
        return channel

    def shared_guilds(self, person: Person) -> Iterator[Guild]:
        """The guilds that a person and the bot are both in."""
        return (one for one in self.guilds.values() if one.has_bot and person.id in one.members)

    def may(self, person: Person, channel: Channel) -> int:
        """What a person, or the bot, may do in a channel; 0 for who is not there."""
        if channel.guild_id is None:
            return permissions.IN_DM if person.bot or person is channel.recipient else 0
        guild = self.guilds[channel.guild_id]
        if (member := guild.members.get(person.id)) is None:
            return 0
        place = self.channels[channel.parent_id] if channel.is_thread and channel.parent_id else channel
        allowed = permissions.computed(
            person_id=person.id,
            guild_id=guild.id,
            is_owner=guild.owner_id == person.id,
            roles=[(role_id, guild.roles[role_id].permissions) for role_id in (guild.id, *member.roles)],
            overwrites=place.overwrites,
            thread=channel.is_thread,
        )
        hidden = channel.type == PRIVATE_THREAD and person.id not in channel.joined
        return 0 if hidden and not allowed & permissions.bits(["MANAGE_THREADS"]) else allowed

    def upload_limit(self, channel: Channel, settings: Any) -> int:
        """The largest file the bot may send there with its own token, in bytes."""
        tier = self.guilds[channel.guild_id].premium_tier if channel.guild_id else 0
        return {2: 50 << 20, 3: 100 << 20}.get(tier, int(settings["upload_limit"]))
