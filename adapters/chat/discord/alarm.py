"""Telling an operator in a Discord channel."""

from __future__ import annotations

import secrets

from adapters.chat.discord.courier import DiscordCourier
from bot.alerts import Sink
from bot.ports import Courier


def alarm(courier: Courier, channel: str) -> Sink:
    """A place for alerts: one message each, that pings nobody."""
    assert isinstance(courier, DiscordCourier)
    rest = courier.rest

    async def tell(sentence: str) -> None:
        await rest.post(channel, {"content": sentence[:2000]}, nonce=secrets.token_hex(12))

    return tell
