"""The chats that are set up: their couriers, and where they tell an operator. Part of the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from adapters.chat.pacing import Pacing
from adapters.http.alarm import webhook
from adapters.http.client import HttpClient
from adapters.media.hosting import SignedLinks
from bot.alerts import Place, spoken
from bot.ports import Clock, Courier, MediaStore, MediaWorkshop
from bot.settings import Settings
from bot.stores import InstallationStore, LeaseStore, PaceStore
from bot.telemetry.logs import hide


def couriers(
    settings: Settings,
    http: HttpClient,
    media: MediaStore,
    workshop: MediaWorkshop,
    clock: Clock,
    scratch: Path,
    links: SignedLinks | None,
    installations: InstallationStore,
    paces: PaceStore | None = None,
    leases: LeaseStore | None = None,
) -> dict[str, Courier]:
    """The couriers of the chats that are set up; every process has them, whichever roles it plays.

    `paces` and `leases` are those of all processes, where there may be several.
    """
    chats: dict[str, Courier] = {}
    pacing = Pacing(paces, clock) if paces is not None else None
    if settings.discord.token is not None:
        from adapters.chat.discord.courier import DiscordCourier
        from adapters.chat.discord.rest import Rest

        token = settings.discord.token.get_secret_value()
        hide([token])
        rest = Rest(http, clock, api_url=settings.discord.api_url, token=token, pacing=pacing)
        chats["discord"] = DiscordCourier(rest, http, media, workshop, clock, scratch, links, leases=leases)
    if settings.slack.is_set_up:
        from adapters.chat.slack.api import SlackApi
        from adapters.chat.slack.bots import Bots
        from adapters.chat.slack.courier import SlackCourier

        slack = settings.slack
        secrets = (slack.bot_token, slack.app_token, slack.signing_secret, slack.client_secret)
        hide([each.get_secret_value() for each in secrets if each is not None])
        api = SlackApi(http, clock, api_url=slack.api_url, pacing=pacing)
        own = slack.bot_token.get_secret_value() if slack.bot_token is not None else None
        bots = Bots(api, clock, token=own, installations=installations)
        chats["slack"] = SlackCourier(api, bots, http, media, workshop, clock, scratch, links)
    return chats


def alarms(
    settings: Settings,
    chats: Mapping[str, Courier],
    http: HttpClient | None = None,
    installation: Callable[[], Awaitable[str | None]] | None = None,
) -> list[Place]:
    """Where an operator is told. `installation` says which one this is, to whoever hears of several."""
    places: list[Place] = []
    discord, room = chats.get("discord"), settings.alerts.discord_channel
    if discord is not None and room is not None:
        from adapters.chat.discord.alarm import alarm as discord_alarm

        places.append(spoken("discord", discord_alarm(discord, room)))
    slack, channel = chats.get("slack"), settings.alerts.slack_channel
    if slack is not None and channel is not None:
        from adapters.chat.slack.alarm import alarm as slack_alarm

        places.append(spoken("slack", slack_alarm(slack, channel)))
    address = settings.alerts.webhook_url
    if address is not None and http is not None and installation is not None:
        url = address.get_secret_value()
        hide([url])
        places.append(webhook(http, url, installation))
    return places
