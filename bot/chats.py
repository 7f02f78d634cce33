"""The chats that are set up: their couriers, and where they tell an operator. Part of the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from bot.alerts import Sink
from bot.ports import Clock, Courier, MediaStore, MediaWorkshop
from bot.settings import Settings
from bot.telemetry.logs import hide


def couriers(
    settings: Settings,
    http: HttpClient,
    media: MediaStore,
    workshop: MediaWorkshop,
    clock: Clock,
    scratch: Path,
    links: SignedLinks | None,
) -> dict[str, Courier]:
    """The couriers of the chats that are set up; every process has them, whichever roles it plays."""
    chats: dict[str, Courier] = {}
    if settings.discord.token is not None:
        from adapters.chat.discord.courier import DiscordCourier
        from adapters.chat.discord.rest import Rest

        token = settings.discord.token.get_secret_value()
        hide([token])
        rest = Rest(http, clock, api_url=settings.discord.api_url, token=token)
        chats["discord"] = DiscordCourier(rest, http, media, workshop, clock, scratch, links)
    return chats


def alarms(settings: Settings, chats: Mapping[str, Courier]) -> list[Sink]:
    """Where an operator is told."""
    discord, channel = chats.get("discord"), settings.alerts.discord_channel
    if discord is None or channel is None:
        return []
    from adapters.chat.discord.alarm import alarm

    return [alarm(discord, channel)]
