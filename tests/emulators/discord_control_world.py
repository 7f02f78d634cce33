"""Ops of the control desk that change the world: guilds, people, roles, channels, threads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.emulators import discord_permissions as permissions
from tests.emulators.desk import Impossible
from tests.emulators.discord_state import (
    FORUM,
    MEDIA,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    TEXT,
    Channel,
    Guild,
    Member,
    Message,
    Person,
    Role,
)

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord


class WorldControl:
    """What an owner of servers and people can do."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._world = discord.world
        self._people = discord.people

    def _person(self, person: str) -> Person:
        if person == "bot":
            return self._world.bot
        return self._world.people[person]

    def _message(self, channel: str, message: str) -> tuple[Channel, Message]:
        place = self._world.channels[channel]
        return place, place.messages[message]

    def _guild_event(self, event: str, guild: Guild, data: Any) -> None:
        if guild.has_bot:
            self._discord.gateway.dispatch(event, data, guild_id=guild.id, intent=1)

    async def do_person(self, name: str, **facts: Any) -> Any:
        person = Person(id=facts.pop("own_id", None) or self._world.new_id(), name=name, **facts)
        self._world.people[person.id] = person
        return self._discord.shapes.person(person)

    async def do_change_person(self, person: str, **facts: Any) -> Any:
        one = self._person(person)
        for name, value in facts.items():
            if name not in {"dms_open", "installed", "locale", "upload_limit", "name"}:
                raise Impossible(f"a person has no {name}")
            setattr(one, name, value)
        return self._discord.shapes.person(one)

    async def do_guild(
        self,
        name: str,
        owner: str | None = None,
        own_id: str | None = None,
        premium_tier: int = 0,
        locale: str = "en-US",
        bot: bool = True,
        bot_permissions: list[str] | None = None,
    ) -> Any:
        guild_id = own_id or self._world.new_id()
        owner_id = owner or self._world.owner.id
        guild = Guild(
            id=guild_id, name=name, owner_id=owner_id, premium_tier=premium_tier, locale=locale, has_bot=False
        )
        everyone = Role(id=guild_id, name="@everyone", permissions=permissions.EVERYONE, position=0)
        guild.roles[guild_id] = everyone
        self._world.guilds[guild_id] = guild
        guild.members[owner_id] = Member(person=self._world.people[owner_id], roles=[], joined_at=time.time())
        await self.do_channel(guild_id, "general")
        if bot:
            await self.do_invite(guild_id, bot_permissions)
        return self._shown_guild(guild)

    async def do_invite(self, guild: str, bot_permissions: list[str] | None = None) -> Any:
        """The bot joins."""
        place = self._world.guilds[guild]
        names = bot_permissions if bot_permissions is not None else []
        role = Role(
            id=self._world.new_id(),
            name=self._world.bot.name,
            permissions=permissions.bits(names),
            position=len(place.roles),
            managed=True,
        )
        place.roles[role.id] = role
        place.members[self._world.bot.id] = Member(person=self._world.bot, roles=[role.id], joined_at=time.time())
        place.has_bot = True
        self._discord.journal.write("bot-joined", guild=guild)
        self._guild_event("GUILD_CREATE", place, self._discord.shapes.guild_create(place))
        return self._shown_guild(place)

    async def do_kick_bot(self, guild: str) -> Any:
        place = self._world.guilds[guild]
        self._guild_event("GUILD_DELETE", place, {"id": guild})
        place.has_bot = False
        member = place.members.pop(self._world.bot.id)
        for role_id in member.roles:
            place.roles.pop(role_id, None)
        self._discord.journal.write("bot-left", guild=guild)
        return self._shown_guild(place)

    async def do_change_guild(self, guild: str, **facts: Any) -> Any:
        place = self._world.guilds[guild]
        for name, value in facts.items():
            if name not in {"premium_tier", "locale", "name", "owner_id"}:
                raise Impossible(f"a guild has no {name}")
            setattr(place, name, value)
        self._guild_event("GUILD_UPDATE", place, self._discord.shapes.guild(place))
        return self._shown_guild(place)

    def _shown_guild(self, guild: Guild) -> Any:
        channels = {one.name: one.id for one in self._world.channels_of(guild.id)}
        return self._discord.shapes.guild(guild) | {"channels": channels, "has_bot": guild.has_bot}

    async def do_join(self, guild: str, person: str, roles: list[str] | None = None) -> Any:
        member = Member(person=self._person(person), roles=roles or [], joined_at=time.time())
        self._world.guilds[guild].members[person] = member
        return self._discord.shapes.member(member)

    async def do_leave(self, guild: str, person: str) -> None:
        del self._world.guilds[guild].members[person]

    async def do_role(self, guild: str, name: str, permissions_named: list[str] | None = None) -> Any:
        place = self._world.guilds[guild]
        allowed = permissions.bits(permissions_named or [])
        role = Role(id=self._world.new_id(), name=name, permissions=allowed, position=len(place.roles))
        place.roles[role.id] = role
        shown = self._discord.shapes.role(role)
        self._guild_event("GUILD_ROLE_CREATE", place, {"guild_id": guild, "role": shown})
        return shown

    async def do_roles(self, guild: str, person: str, roles: list[str]) -> Any:
        place = self._world.guilds[guild]
        member = place.members[self._person(person).id]
        if unknown := set(roles) - set(place.roles):
            raise Impossible(f"no such roles: {sorted(unknown)}")
        member.roles = roles
        shown = self._discord.shapes.member(member)
        if member.person is self._world.bot and place.has_bot:
            # The bot hears of its own roles without the privileged intent.
            self._discord.gateway.dispatch("GUILD_MEMBER_UPDATE", shown | {"guild_id": guild}, guild_id=guild)
        return shown

    async def do_change_role(self, guild: str, role: str, permissions_named: list[str]) -> Any:
        place = self._world.guilds[guild]
        place.roles[role].permissions = permissions.bits(permissions_named)
        shown = self._discord.shapes.role(place.roles[role])
        self._guild_event("GUILD_ROLE_UPDATE", place, {"guild_id": guild, "role": shown})
        return shown

    async def do_delete_role(self, guild: str, role: str) -> None:
        place = self._world.guilds[guild]
        del place.roles[role]
        for member in place.members.values():
            member.roles = [one for one in member.roles if one != role]
        self._guild_event("GUILD_ROLE_DELETE", place, {"guild_id": guild, "role_id": role})

    async def do_channel(
        self, guild: str, name: str, kind: int = TEXT, nsfw: bool = False, own_id: str | None = None
    ) -> Any:
        channel = Channel(id=own_id or self._world.new_id(), type=kind, name=name, guild_id=guild, nsfw=nsfw)
        channel.position = len(self._world.channels_of(guild))
        self._world.channels[channel.id] = channel
        self._discord.announce_channel("CHANNEL_CREATE", channel)
        return self._discord.shapes.channel(channel)

    async def do_change_channel(self, channel: str, **facts: Any) -> Any:
        place = self._world.channels[channel]
        for name, value in facts.items():
            if name not in {"nsfw", "name", "type"}:
                raise Impossible(f"a channel has no {name}")
            setattr(place, name, value)
        self._discord.announce_channel("THREAD_UPDATE" if place.is_thread else "CHANNEL_UPDATE", place)
        return self._discord.shapes.channel(place)

    async def do_delete_channel(self, channel: str) -> None:
        """A channel, with its threads; or a thread."""
        place = self._world.channels[channel]
        for thread in [one for one in self._world.channels.values() if one.parent_id == channel]:
            await self.do_delete_channel(thread.id)
        self._discord.announce_channel("THREAD_DELETE" if place.is_thread else "CHANNEL_DELETE", place)
        del self._world.channels[channel]
        self._discord.journal.write("channel-deleted", channel=channel)

    async def do_permissions(self, channel: str, who: str, allow: list[str], deny: list[str]) -> Any:
        """An overwrite for `bot`, a person or a role, in place of what was there."""
        place = self._world.channels[channel]
        target = self._world.bot.id if who == "bot" else who
        place.overwrites[target] = (permissions.bits(allow), permissions.bits(deny))
        self._discord.announce_channel("CHANNEL_UPDATE", place, always=True)
        return self._discord.shapes.channel(place)

    async def do_dm(self, person: str) -> Any:
        return self._discord.shapes.channel(self._world.dm_with(self._person(person)))

    async def do_thread(self, person: str, channel: str, message: str, name: str) -> Any:
        _, found = self._message(channel, message)
        thread = self._discord.channels.make_thread(found, self._person(person), name)
        return self._discord.shapes.channel(thread)

    async def do_forum_post(
        self, person: str, forum: str, name: str, content: str = "", files: list[dict[str, Any]] | None = None
    ) -> Any:
        parent, author = self._world.channels[forum], self._person(person)
        if parent.type not in {FORUM, MEDIA}:
            raise Impossible("posts are made in forums")
        thread = Channel(
            id=self._world.new_id(),
            type=PUBLIC_THREAD,
            name=name,
            guild_id=parent.guild_id,
            parent_id=parent.id,
            owner_id=person,
            joined={person},
        )
        self._world.channels[thread.id] = thread
        self._discord.announce_channel("THREAD_CREATE", thread)
        nothing: dict[str, Any] = {"reply_to": None, "ping": False, "embeds": [], "forward": None}
        self._people.say(author, thread, content, files=files or [], own_id=thread.id, **nothing)
        return self._discord.shapes.channel(thread)

    async def do_private_thread(self, person: str, channel: str, name: str, bot: bool) -> Any:
        parent = self._world.channels[channel]
        thread = Channel(
            id=self._world.new_id(),
            type=PRIVATE_THREAD,
            name=name,
            guild_id=parent.guild_id,
            parent_id=parent.id,
            owner_id=person,
            joined={person} | ({self._world.bot.id} if bot else set()),
        )
        self._world.channels[thread.id] = thread
        self._discord.announce_channel("THREAD_CREATE", thread)
        return self._discord.shapes.channel(thread)

    async def do_change_thread(self, thread: str, archived: bool | None = None, locked: bool | None = None) -> Any:
        place = self._world.channels[thread]
        if not place.is_thread:
            raise Impossible("that is no thread")
        self._discord.channels.set_thread(place, archived=archived, locked=locked, by="person")
        return self._discord.shapes.channel(place)
