"""What people set off: slash commands, menus, clicks, choices, forms; as the payloads Discord sends for them."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.emulators.desk import Impossible
from tests.emulators.discord_permissions import IN_DM, WITHOUT_BOT, bits
from tests.emulators.discord_state import DM, Channel, Message, Person

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
IN_GUILD, IN_BOT_DM = 0, 1


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """One of them, from the click to the end of its token."""

    id: str
    token: str
    type: int
    person: Person
    channel: Channel
    data: dict[str, Any]
    limit: int  # of uploads through the token, in bytes
    owners: dict[str, str]
    began: float
    message: Message | None = None  # the one whose component was used, also when a form came in between
    source: Interaction | None = None  # of a form: what showed it
    answer: str | None = None
    """How it was answered first: message, deferred, deferred-update, update, modal, choices."""
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    modal: dict[str, Any] | None = None
    modal_used: bool = False
    choices: list[dict[str, Any]] | None = None
    original: Message | None = None
    followups: int = 0
    forced_ephemeral: bool = False
    only_token: bool = False  # the bot is not in that guild

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    def metadata(self, shapes: Any) -> dict[str, Any]:
        """What a message that answers it says about it."""
        facts = {"id": self.id, "type": self.type, "user": shapes.person(self.person)}
        facts["authorizing_integration_owners"] = self.owners
        if self.type == COMPONENT and self.message is not None:
            facts["interacted_message_id"] = self.message.id
        if self.type == MODAL_SUBMIT and self.source is not None:
            facts["triggering_interaction_metadata"] = self.source.metadata(shapes)
        if self.data.get("target_id") in self.channel.messages:
            facts["target_message_id"] = self.data["target_id"]
        return facts


class Interactions:
    """Makes them, sends them to the bot, and waits for the first answer."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self.by_id: dict[str, Interaction] = {}
        self.by_token: dict[str, Interaction] = {}

    async def run(
        self,
        kind: int,
        person: Person,
        channel: Channel,
        data: dict[str, Any],
        *,
        command: dict[str, Any] | None = None,
        message: Message | None = None,
        source: Interaction | None = None,
    ) -> Interaction:
        """Send it; return when it was answered, or when the time for that is over."""
        owners, only_token = self._owners(person, channel, command or (source.data if source else None))
        world = self._discord.world
        guild = world.guilds[channel.guild_id] if channel.guild_id else None
        boosted = world.upload_limit(channel, self._discord.settings)
        interaction = Interaction(
            id=world.new_id(),
            token=secrets.token_urlsafe(120),
            type=kind,
            person=person,
            channel=channel,
            data=data,
            limit=max(person.upload_limit, boosted),
            owners=owners,
            began=time.monotonic(),
            message=message,
            source=source,
            only_token=only_token,
        )
        may = world.may(person, channel)
        interaction.forced_ephemeral = bool(guild and only_token and not may & bits(["USE_EXTERNAL_APPS"]))
        self.by_id[interaction.id] = self.by_token[interaction.token] = interaction
        facts = {"interaction": interaction.id, "kind": kind, "name": data.get("name") or data.get("custom_id")}
        self._discord.journal.write("interaction", person=person.id, channel=channel.id, **facts)
        self._discord.gateway.dispatch("INTERACTION_CREATE", self._payload(interaction), guild_id=channel.guild_id)
        try:
            await asyncio.wait_for(interaction.answered.wait(), self._discord.settings["ack_s"])
        except TimeoutError:
            self._discord.journal.write("interaction-timeout", interaction=interaction.id)
        return interaction

    def _owners(self, person: Person, channel: Channel, command: dict[str, Any] | None) -> tuple[dict[str, str], bool]:
        """Whose installation lets the person do this; and whether only the token reaches the channel."""
        types = (command or {}).get("integration_types", [0, 1])
        owners: dict[str, str] = {}
        has_bot = channel.guild_id is not None and self._discord.world.guilds[channel.guild_id].has_bot
        if 0 in types and (has_bot or channel.type == DM):
            owners["0"] = channel.guild_id or "0"
        if 1 in types and person.installed:
            owners["1"] = person.id
        if not owners:
            raise Impossible("the app is installed neither here nor for this person")
        return owners, channel.guild_id is not None and not has_bot

    def _payload(self, interaction: Interaction) -> dict[str, Any]:
        world, shapes = self._discord.world, self._discord.shapes
        person, channel = interaction.person, interaction.channel
        may = world.may(person, channel)
        payload: dict[str, Any] = {
            "version": 1,
            "id": interaction.id,
            "application_id": world.app_id,
            "type": interaction.type,
            "token": interaction.token,
            "data": interaction.data,
            "channel_id": channel.id,
            "channel": shapes.channel(channel) | {"permissions": str(may)},
            "locale": person.locale,
            "attachment_size_limit": interaction.limit,
            "authorizing_integration_owners": interaction.owners,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "context": IN_BOT_DM if channel.guild_id is None else IN_GUILD,
        }
        if interaction.message is not None:
            payload["message"] = shapes.message(interaction.message)
            self._discord.check("MessageResponse", payload["message"])
        if channel.guild_id is None:
            return payload | {"user": shapes.person(person), "app_permissions": str(IN_DM)}
        guild = world.guilds[channel.guild_id]
        self._discord.check("GuildMemberResponse", shapes.member(guild.members[person.id]))
        member = shapes.member(guild.members[person.id]) | {"permissions": str(may)}
        bot_may = WITHOUT_BOT & may if interaction.only_token else world.may(world.bot, channel)
        return payload | {
            "guild_id": guild.id,
            "guild": {"id": guild.id, "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": member,
            "app_permissions": str(bot_may),
        }
