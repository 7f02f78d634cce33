"""The control desk: `POST /_emulator/do` with `{"op": …}`; what it can is what `discord_world.DiscordWorld` calls.

An op that no person or server owner could do answers 409 with `{"error": "…"}`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.emulators import discord_permissions as permissions
from tests.emulators.discord_gateway import INVALID_SESSION, RECONNECT
from tests.emulators.discord_interactions import Impossible, Interaction
from tests.emulators.discord_state import PRIVATE_THREAD, TEXT, Channel, Guild, Member, Message, Person, Role

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord


class Control:
    """One method per op; their arguments are the fields of the request."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._world = discord.world
        self._people = discord.people

    async def do(self, request: web.Request) -> web.Response:
        """Carry out one op."""
        wish = await request.json()
        name = wish.pop("op")
        op = getattr(self, f"do_{name}", None)
        if op is None:
            return web.json_response({"error": f"no such op: {name}"}, status=409)
        try:
            return web.json_response(await op(**wish))
        except (Impossible, KeyError, ValueError, TypeError) as error:
            return web.json_response({"error": f"{name}: {type(error).__name__}: {error}"}, status=409)

    # Finding

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

    # The world

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

    # Messages

    async def do_say(
        self,
        person: str,
        channel: str,
        content: str = "",
        files: list[dict[str, Any]] | None = None,
        reply_to: str | None = None,
        ping: bool = True,
        embeds: list[dict[str, Any]] | None = None,
        forward: list[str] | None = None,
    ) -> Any:
        message = self._people.say(
            self._person(person),
            self._world.channels[channel],
            content,
            files=files or [],
            reply_to=reply_to,
            ping=ping,
            embeds=embeds or [],
            forward=self._message(*forward)[1] if forward else None,
        )
        return self._discord.shapes.message(message)

    async def do_messages(self, channel: str) -> Any:
        """All there is, oldest first; ephemeral ones and the number of edits included."""
        return [self._full(one) for one in self._world.channels[channel].messages.values()]

    async def do_message(self, channel: str, message: str) -> Any:
        return self._full(self._message(channel, message)[1])

    def _full(self, message: Message) -> Any:
        files = [self._discord.shapes.attachment(one) | {"sha256": one.sha256} for one in message.attachments]
        facts = {"seen_by": message.seen_by, "edits": message.edits, "files": files}
        return self._discord.shapes.message(message) | facts

    async def do_delete_message(self, channel: str, message: str) -> None:
        self._discord.messages.delete(self._message(channel, message)[1], by="person")

    async def do_age_message(self, channel: str, message: str, seconds: float) -> None:
        self._message(channel, message)[1].older_s += seconds

    # Interactions

    async def do_slash(
        self, person: str, channel: str, name: str, options: dict[str, Any], focused: str | None = None
    ) -> Any:
        place = self._world.channels[channel]
        return self._answer(await self._people.slash(self._person(person), place, name, options, focused=focused))

    async def do_menu(self, person: str, channel: str, name: str, message: str) -> Any:
        place, found = self._message(channel, message)
        return self._answer(await self._people.menu(self._person(person), place, name, found))

    async def do_press(
        self,
        person: str,
        channel: str,
        message: str,
        custom_id: str | None = None,
        label: str | None = None,
        values: list[str] | None = None,
    ) -> Any:
        place, found = self._message(channel, message)
        facts = {"custom_id": custom_id, "label": label, "values": values}
        return self._answer(await self._people.press(self._person(person), place, found, **facts))

    async def do_submit(self, person: str, interaction: str, fields: dict[str, Any]) -> Any:
        shown = self._discord.interactions.by_id[interaction]
        return self._answer(await self._people.submit(self._person(person), shown, fields))

    async def do_answer(self, interaction: str) -> Any:
        """How an interaction stands now."""
        return self._answer(self._discord.interactions.by_id[interaction])

    def _answer(self, interaction: Interaction) -> Any:
        original = interaction.original
        there = original is not None and original.id in interaction.channel.messages
        return {
            "interaction": interaction.id,
            "token": interaction.token,
            "person": interaction.person.id,
            "channel": interaction.channel.id,
            "kind": interaction.answer or "timeout",
            "ephemeral": bool(original and original.seen_by),
            "message": self._full(original) if there and original else None,
            "modal": interaction.modal,
            "choices": interaction.choices,
            "followups": interaction.followups,
        }

    # Faults

    async def do_fault(self, **facts: Any) -> None:
        self._discord.faults.add(**facts)

    async def do_no_faults(self) -> int:
        """Forget the rules that are left; how many there were."""
        left = len(self._discord.faults.rules)
        self._discord.faults.rules.clear()
        return left

    async def do_drop_gateway(self, close_code: int | None = None, forget: bool = False) -> int:
        return await self._discord.gateway.drop(close_code=close_code, forget=forget)

    async def do_reconnect_gateway(self) -> int:
        return await self._discord.gateway.tell(RECONNECT)

    async def do_invalidate_gateway(self, resumable: bool = False) -> int:
        return await self._discord.gateway.tell(INVALID_SESSION, resumable)

    async def do_sessions(self) -> Any:
        return [
            {"id": one.id, "shard": list(one.shard), "intents": one.intents, "connected": one.connection is not None}
            for one in self._discord.gateway.sessions.values()
        ]

    async def do_commands(self, guild: str | None = None) -> Any:
        return self._discord.commands.by_scope.get(guild, [])
