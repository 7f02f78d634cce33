"""What the bot is told of messages: never more than Discord shows without the message content intent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.emulators.discord_permissions import bits
from tests.emulators.discord_state import Channel, Message

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 9, 1 << 12


class News:
    """Brings messages to the gateway."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    def announce(self, event: str, message: Message) -> None:
        """Tell the bot, without what only the message content intent would show it. Ephemeral ones are told to nobody."""
        if message.seen_by is not None:
            return
        channel = self._discord.world.channels[message.channel_id]
        data = self.shown(message)
        self._discord.check("MessageResponse", data)
        if channel.guild_id is not None:
            data["guild_id"] = channel.guild_id
            member = self._discord.world.guilds[channel.guild_id].members.get(message.author.id)
            if member is not None and not message.webhook:
                data["member"] = self._discord.shapes.member(member, with_user=False)
        self.send(event, channel, data)

    def shown(self, message: Message) -> dict[str, Any]:
        """As the bot is shown it, on the gateway and in answers: without what takes the message content intent."""
        shapes, channel = self._discord.shapes, self._discord.world.channels[message.channel_id]
        data = shapes.message(message, private=self.is_private(message, channel))
        original = channel.messages.get((message.reference or {}).get("message_id", ""))
        if data.get("referenced_message") and original is not None:
            private = self.is_private(original, channel)
            data["referenced_message"] = shapes.message(original, reply=False, private=private)
        return data

    def is_private(self, message: Message, channel: Channel) -> bool:
        """Whether only the message content intent would show what is in it."""
        bot = self._discord.world.bot
        return channel.guild_id is not None and message.author is not bot and bot not in message.mentions

    def send(self, event: str, channel: Channel, data: dict[str, Any]) -> None:
        """Tell those sessions that asked for messages, when the bot sees the channel."""
        world = self._discord.world
        if channel.guild_id is not None and not world.may(world.bot, channel) & bits(["VIEW_CHANNEL"]):
            return
        intent = GUILD_MESSAGES if channel.guild_id else DIRECT_MESSAGES
        self._discord.gateway.dispatch(event, data, guild_id=channel.guild_id, intent=intent)
