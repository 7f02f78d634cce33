"""The control desk: `POST /_emulator/do` with `{"op": …}`; what it can is what `discord_world.DiscordWorld` calls.

An op that no person or server owner could do answers 409 with `{"error": "…"}`. What changes the world is in
`discord_control_world`; here is what people do in it, and what goes wrong.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.emulators.desk import Impossible, carry_out
from tests.emulators.discord_bodies import Body
from tests.emulators.discord_control_world import WorldControl
from tests.emulators.discord_gateway import INVALID_SESSION, RECONNECT
from tests.emulators.discord_interactions import Interaction
from tests.emulators.discord_state import Message


class Control(WorldControl):
    """One method per op; their arguments are the fields of the request."""

    async def do(self, request: web.Request) -> web.Response:
        """Carry out one op."""
        return await carry_out(self, request)

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

    async def do_edit_message(self, person: str, channel: str, message: str, content: str) -> Any:
        _, found = self._message(channel, message)
        if found.author.id != person:
            raise Impossible("people change what they wrote themselves")
        body = Body(payload={"content": content})
        return self._full(self._discord.messages.edit(found, body, limit=1 << 40, by="person"))

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
        who = self._person(person)
        return self._answer(
            await self._people.press(who, place, found, custom_id=custom_id, label=label, values=values)
        )

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
