"""What people do: join, write, upload, call commands, press, choose, fill in. `discord_control` takes their wishes."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.discord_bodies import Body, Upload
from tests.emulators.discord_commands import CHAT, MESSAGE
from tests.emulators.discord_forms import BUTTON, chosen, component_of, entities, submitted
from tests.emulators.discord_interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL_SUBMIT, Interaction
from tests.emulators.discord_options import fill
from tests.emulators.discord_permissions import bits
from tests.emulators.discord_state import DM, FORUM, MEDIA, Attachment, Channel, Message, Person

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord


class People:
    """The people of the world, who can do only what Discord's client lets them."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._world = discord.world

    # Writing

    def say(
        self,
        person: Person,
        channel: Channel,
        content: str,
        *,
        files: list[dict[str, Any]],
        reply_to: str | None,
        ping: bool,
        embeds: list[dict[str, Any]],
        forward: Message | None,
        own_id: str | None = None,
    ) -> Message:
        """A message of a person's, as anybody may post it."""
        needed = "SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES"
        if not self._world.may(person, channel) & bits([needed]):
            raise Impossible(f"{person.name} may not write there")
        if channel.type in {4, 14, FORUM, MEDIA}:
            raise Impossible("only posts are written there")
        if channel.locked:
            raise Impossible("the thread is locked")
        payload: dict[str, Any] = {"content": content, "embeds": embeds, "replied": ping}
        facts: dict[str, Any] = {"id": own_id} if own_id else {}
        if reply_to is not None:
            payload["message_reference"] = {"message_id": reply_to, "type": 0}
        if forward is not None:
            payload["message_reference"] = {"message_id": forward.id, "channel_id": forward.channel_id, "type": 1}
            facts["snapshots"] = [{"message": self._snapshot(forward)}]
        body = Body(payload=payload, files=dict(enumerate(map(self._upload, files))))
        return self._discord.messages.create(channel, person, body, limit=1 << 40, by="person", **facts)

    def _snapshot(self, message: Message) -> dict[str, Any]:
        names = "type content mentions mention_roles attachments embeds timestamp edited_timestamp flags components"
        shown = self._discord.shapes.message(message, reply=False)
        return {name: shown[name] for name in names.split()}

    def _upload(self, given: dict[str, Any]) -> Upload:
        file_id, path = self._discord.cdn.place()
        path.write_bytes(_content(given))
        return Upload(id=file_id, name=given["name"], path=path, size=path.stat().st_size)

    def _attach_in(self, channel: Channel, limit: int) -> Any:
        """How a command or a form takes a file: as an ephemeral attachment."""

        def attach(given: Any) -> Attachment:
            if not isinstance(given, dict) or "name" not in given:
                raise Impossible("a file is needed")
            content = _content(given)
            if len(content) > limit:
                raise Impossible("the file is larger than this person may upload here")
            made = self._discord.cdn.add(given["name"], content, ephemeral=True)
            self._discord.cdn.channel_of[made.id] = channel.id
            return made

        return attach

    # Commands

    def _command(self, person: Person, channel: Channel, name: str, kind: int) -> dict[str, Any]:
        """The command, when this person sees it in this place."""
        command = self._discord.commands.find(name, kind, guild_id=channel.guild_id)
        if command is None:
            there = [one["name"] for rows in self._discord.commands.by_scope.values() for one in rows]
            raise Impossible(f"no command {name!r} was ever synced; there are {there}")
        context = 1 if channel.type == DM else 0
        if "contexts" in command and context not in command["contexts"]:
            raise Impossible(f"{name} is not offered in this context")
        may = self._world.may(person, channel)
        if not may & bits(["USE_APPLICATION_COMMANDS"]):
            raise Impossible(f"{person.name} may not use commands there")
        needed = command.get("default_member_permissions")
        if needed is not None and channel.guild_id and int(needed) & ~may:
            raise Impossible(f"{person.name} has not the permissions {name} asks for")
        place = self._world.channels[channel.parent_id] if channel.is_thread and channel.parent_id else channel
        if command.get("nsfw") and channel.guild_id and not place.nsfw:
            raise Impossible(f"{name} is for age-restricted channels")
        return command

    async def slash(
        self, person: Person, channel: Channel, name: str, options: dict[str, Any], *, focused: str | None = None
    ) -> Interaction:
        """A slash command, or with `focused` what its option offers while it is typed."""
        first, *path = name.split(" ")
        command = self._command(person, channel, first, CHAT)
        attach = self._attach_in(channel, max(person.upload_limit, 10 << 20))
        filled, files = fill(command, path, options, attach, focused=focused)
        data = {"id": command["id"], "name": first, "type": CHAT, "options": filled}
        data |= {"guild_id": command["guild_id"]} if "guild_id" in command else {}
        data |= self._resolved(channel, files, entities(filled))
        kind = COMMAND if focused is None else AUTOCOMPLETE
        return await self._discord.interactions.run(kind, person, channel, data, command=command)

    async def menu(self, person: Person, channel: Channel, name: str, message: Message) -> Interaction:
        """An entry of a message's Apps menu."""
        command = self._command(person, channel, name, MESSAGE)
        self._sees(person, channel, message)
        shown = self._discord.shapes.message(message)
        self._discord.check("MessageResponse", shown)
        data = {"id": command["id"], "name": name, "type": MESSAGE, "target_id": message.id}
        data["resolved"] = {"messages": {message.id: shown}}
        data |= {"guild_id": command["guild_id"]} if "guild_id" in command else {}
        return await self._discord.interactions.run(COMMAND, person, channel, data, command=command)

    def _resolved(self, channel: Channel, files: list[Attachment], named: set[str]) -> dict[str, Any]:
        """What the ids in a payload stand for."""
        shapes, world = self._discord.shapes, self._world
        found: dict[str, Any] = {"attachments": {one.id: shapes.attachment(one) for one in files}}
        guild = world.guilds.get(channel.guild_id or "")
        for one in named:
            if one in world.people:
                found.setdefault("users", {})[one] = shapes.person(world.people[one])
                if guild and one in guild.members:
                    member = shapes.member(guild.members[one], with_user=False)
                    permissions = {"permissions": str(world.may(world.people[one], channel))}
                    found.setdefault("members", {})[one] = member | permissions
            elif guild and one in guild.roles:
                found.setdefault("roles", {})[one] = shapes.role(guild.roles[one])
            elif one in world.channels:
                place = world.channels[one]
                permissions = {"permissions": str(world.may(world.bot, place))}
                found.setdefault("channels", {})[one] = shapes.channel(place) | permissions
            else:
                raise Impossible(f"nobody and nothing has the id {one}")
        found = {name: value for name, value in found.items() if value}
        return {"resolved": found} if found else {}

    # Components and forms

    def _sees(self, person: Person, channel: Channel, message: Message) -> None:
        if not self._world.may(person, channel) & bits(["VIEW_CHANNEL"]):
            raise Impossible(f"{person.name} does not see this channel")
        if message.seen_by not in {None, person.id}:
            raise Impossible(f"{person.name} does not see this message")

    async def press(
        self,
        person: Person,
        channel: Channel,
        message: Message,
        *,
        custom_id: str | None,
        label: str | None,
        values: list[str] | None,
    ) -> Interaction:
        """A button, or with `values` a select."""
        self._sees(person, channel, message)
        component = component_of(message.components, custom_id=custom_id, label=label)
        data: dict[str, Any] = {"custom_id": component["custom_id"], "component_type": component["type"], "id": 1}
        if (component["type"] != BUTTON) != (values is not None):
            raise Impossible("buttons are pressed, selects are given values")
        if values is not None:
            data["values"] = chosen(component, values)
            data |= self._resolved(channel, [], entities([{"type": component["type"], "values": values}]))
        return await self._discord.interactions.run(COMPONENT, person, channel, data, message=message)

    async def submit(self, person: Person, shown: Interaction, fields: dict[str, Any]) -> Interaction:
        """A form that was shown to this person; once."""
        if shown.modal is None or shown.person is not person:
            raise Impossible(f"no form was shown to {person.name} there")
        if shown.modal_used:
            raise Impossible("the form was sent already")
        attach = self._attach_in(shown.channel, person.upload_limit)
        components, files = submitted(shown.modal, fields, attach)
        shown.modal_used = True
        data = {"custom_id": shown.modal["custom_id"], "components": components}
        data |= self._resolved(shown.channel, files, entities(components))
        run = self._discord.interactions.run
        return await run(MODAL_SUBMIT, person, shown.channel, data, message=shown.message, source=shown)


def _content(given: dict[str, Any]) -> bytes:
    if "path" in given:
        return Path(given["path"]).read_bytes()
    return base64.b64decode(given["base64"])
