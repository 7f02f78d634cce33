"""The routes a bot token opens: channels, messages, threads, guilds, direct messages, the bot itself."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tests.emulators.discord_calls import Call, Reply
from tests.emulators.discord_errors import Refused, invalid
from tests.emulators.discord_permissions import bits
from tests.emulators.discord_state import (
    ANNOUNCEMENT,
    ANNOUNCEMENT_THREAD,
    DM,
    PUBLIC_THREAD,
    TEXT,
    Channel,
    Guild,
    Message,
    Person,
)

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

HAS_THREAD = 1 << 5


class Channels:
    """The handlers; `routes` in `discord_server` names them."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._world = discord.world
        self._shapes = discord.shapes

    # Finding

    def channel(self, call: Call) -> Channel:
        """The channel of the path, when the bot may see it."""
        channel = self._world.channels.get(call.path["channel_id"])
        if channel is None:
            raise Refused(10003)
        if not self._world.may(self._world.bot, channel) & bits(["VIEW_CHANNEL"]):
            raise Refused(50001)
        return channel

    def message(self, call: Call) -> Message:
        """The message of the path; ephemeral ones are not there for a bot token."""
        message = self.channel(call).messages.get(call.path["message_id"])
        if message is None or message.seen_by is not None:
            raise Refused(10008)
        return message

    def guild(self, call: Call) -> Guild:
        guild = self._world.guilds.get(call.path["guild_id"])
        if guild is None:
            raise Refused(10004)
        if not guild.has_bot:
            raise Refused(50001)
        return guild

    # The bot itself

    async def gateway(self, call: Call) -> Reply:
        return 200, {"url": self._discord.gateway.url}

    async def gateway_bot(self, call: Call) -> Reply:
        limit = {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}
        facts = {"url": self._discord.gateway.url, "session_start_limit": limit}
        return 200, facts | {"shards": self._discord.settings["shards"]}

    async def me(self, call: Call) -> Reply:
        return 200, self._shapes.me()

    async def my_guilds(self, call: Call) -> Reply:
        """The servers the bot is in, with what its roles allow there."""
        bot = self._world.bot
        return 200, [
            {
                "id": guild.id,
                "name": guild.name,
                "icon": None,
                "banner": None,
                "owner": False,
                "permissions": str(self._allowed(guild, guild.members[bot.id].roles)),
                "features": [],
            }
            for guild in self._world.guilds.values()
            if guild.has_bot
        ]

    @staticmethod
    def _allowed(guild: Guild, roles: Iterable[str]) -> int:
        allowed = 0
        for role_id in (guild.id, *roles):
            allowed |= guild.roles[role_id].permissions
        return allowed

    async def application(self, call: Call) -> Reply:
        return 200, self._shapes.application()

    async def user(self, call: Call) -> Reply:
        person = self._world.people.get(call.path["user_id"])
        if person is None:
            raise Refused(10013)
        return 200, self._shapes.person(person)

    async def open_dm(self, call: Call) -> Reply:
        person = self._world.people.get(call.body.payload.get("recipient_id") or "")
        if person is None or person.bot:
            raise Refused(50033)
        channel = self._world.dm_with(person)
        self._discord.journal.write("dm-opened", channel=channel.id, person=person.id)
        return 200, self._shapes.channel(channel)

    async def refresh_urls(self, call: Call) -> Reply:
        refreshed = []
        for url in call.body.payload["attachment_urls"]:
            found = self._discord.cdn.find(url)
            refreshed.append({"original": url, "refreshed": found and self._discord.cdn.link(found)})
        return 200, {"refreshed_urls": refreshed}

    # Guilds

    async def show_guild(self, call: Call) -> Reply:
        return 200, self._shapes.guild(self.guild(call))

    async def guild_roles(self, call: Call) -> Reply:
        return 200, [self._shapes.role(role) for role in self.guild(call).roles.values()]

    async def guild_channels(self, call: Call) -> Reply:
        return 200, [self._shapes.channel(one) for one in self._world.channels_of(self.guild(call).id)]

    async def guild_member(self, call: Call) -> Reply:
        member = self.guild(call).members.get(call.path["user_id"])
        if member is None:
            raise Refused(10007 if call.path["user_id"] in self._world.people else 10013)
        return 200, self._shapes.member(member)

    # Messages

    async def show_channel(self, call: Call) -> Reply:
        return 200, self._shapes.channel(self.channel(call))

    async def list_messages(self, call: Call) -> Reply:
        channel = self.channel(call)
        if not self._world.may(self._world.bot, channel) & bits(["READ_MESSAGE_HISTORY"]):
            # Who may see a channel but not its history is shown an empty one.
            return 200, []
        limit = int(call.query.get("limit", "50"))
        if not 1 <= limit <= 100:
            raise invalid("limit", "from 1 to 100")
        rows = [one for one in channel.messages.values() if one.seen_by is None]
        rows.sort(key=lambda one: int(one.id), reverse=True)
        if (before := call.query.get("before")) is not None:
            rows = [one for one in rows if int(one.id) < int(before)]
        elif (after := call.query.get("after")) is not None:
            rows = [one for one in rows if int(one.id) > int(after)][-limit:]
        elif (around := call.query.get("around")) is not None:
            older = [one for one in rows if int(one.id) < int(around)][: limit // 2]
            newer = [one for one in rows if int(one.id) >= int(around)][-(limit // 2 + 1) :]
            rows = newer + older
        return 200, [self._discord.messages.shown(one) for one in rows[:limit]]

    async def show_message(self, call: Call) -> Reply:
        message = self.message(call)
        channel = self._world.channels[message.channel_id]
        if not self._world.may(self._world.bot, channel) & bits(["READ_MESSAGE_HISTORY"]):
            raise Refused(50001)
        return 200, self._discord.messages.shown(message)

    async def post(self, call: Call) -> Reply:
        return 200, self._discord.messages.shown(self._discord.messages.post(self.channel(call), call.body))

    async def patch(self, call: Call) -> Reply:
        return 200, self._discord.messages.shown(self._discord.messages.patch(self.message(call), call.body))

    async def delete(self, call: Call) -> Reply:
        message = self.message(call)
        channel = self._world.channels[message.channel_id]
        own = message.author is self._world.bot
        if not own and not self._world.may(self._world.bot, channel) & bits(["MANAGE_MESSAGES"]):
            raise Refused(50013 if channel.type != DM else 50003)
        self._discord.messages.delete(message, by="token")
        return 204, None

    async def typing(self, call: Call) -> Reply:
        self._discord.messages.may_post(self.channel(call), files=False)
        return 204, None

    # Threads

    async def start_thread(self, call: Call) -> Reply:
        message, payload = self.message(call), call.body.payload
        channel = self._world.channels[message.channel_id]
        if channel.type not in {TEXT, ANNOUNCEMENT}:
            raise Refused(50024)
        if not self._world.may(self._world.bot, channel) & bits(["CREATE_PUBLIC_THREADS"]):
            raise Refused(50013)
        if message.id in self._world.channels:
            raise Refused(160004)
        active = [one for one in self._world.channels_of(channel.guild_id or "", threads=True) if not one.archived]
        if len(active) >= self._discord.settings["max_active_threads"]:
            raise Refused(160006)
        minutes = payload.get("auto_archive_duration") or 1440
        thread = self.make_thread(message, self._world.bot, payload["name"], minutes=minutes)
        return 201, self._shapes.channel(thread)

    def make_thread(self, message: Message, owner: Person, name: str, *, minutes: int = 1440) -> Channel:
        """A thread on a message; it has the message's id."""
        parent = self._world.channels[message.channel_id]
        thread = Channel(
            id=message.id,
            type=ANNOUNCEMENT_THREAD if parent.type == ANNOUNCEMENT else PUBLIC_THREAD,
            name=name,
            guild_id=parent.guild_id,
            parent_id=parent.id,
            owner_id=owner.id,
            archive_changed_at=time.time(),
            auto_archive_minutes=minutes,
            joined={owner.id},
        )
        self._world.channels[thread.id] = thread
        message.flags |= HAS_THREAD
        facts = {"thread": thread.id, "channel": parent.id, "name": name, "bot": owner.bot}
        self._discord.journal.write("thread-created", **facts)
        self._discord.announce_channel("THREAD_CREATE", thread)
        self._discord.messages.announce("MESSAGE_UPDATE", message)
        return thread

    async def change_channel(self, call: Call) -> Reply:
        """`PATCH /channels/{id}`, for threads."""
        thread, payload = self.channel(call), call.body.payload
        if not thread.is_thread:
            raise Refused(50013)
        manager = self._world.may(self._world.bot, thread) & bits(["MANAGE_THREADS"])
        own = thread.owner_id == self._world.bot.id
        if not manager and (not own or "locked" in payload or thread.locked):
            raise Refused(50013)
        if thread.archived and payload.get("archived") is not False:
            raise Refused(50083)
        if payload.get("name"):
            thread.name = payload["name"]
        if payload.get("auto_archive_duration"):
            thread.auto_archive_minutes = payload["auto_archive_duration"]
        self.set_thread(thread, archived=payload.get("archived"), locked=payload.get("locked"), by="token")
        return 200, self._shapes.channel(thread)

    def set_thread(self, thread: Channel, *, archived: bool | None, locked: bool | None, by: str) -> None:
        """Archive, lock, or undo it; `None` leaves it."""
        if archived is not None and archived != thread.archived:
            thread.archived, thread.archive_changed_at = archived, time.time()
        if locked is not None:
            thread.locked = locked
        facts = {"archived": thread.archived, "locked": thread.locked, "by": by}
        self._discord.journal.write("thread-changed", thread=thread.id, **facts)
        self._discord.announce_channel("THREAD_UPDATE", thread)
