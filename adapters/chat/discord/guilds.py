"""Servers: seen when we come, stopped when we are removed; their history stays (DESIGN §5)."""

from __future__ import annotations

from typing import Final

import discord
import structlog

from adapters.chat.discord.front import Front
from adapters.chat.discord.people import PLATFORM
from adapters.chat.discord.rest import RestError, Unclear
from adapters.chat.lifetime import cancel_all
from bot.errors import DeliveryDelayed
from bot.jobs.model import Requester
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.workspaces import Permission

log = structlog.get_logger(__name__)

MOST_TOLD: Final = 3
"""Servers that came while we were away, and are told of at once; `doctor` and `workspaces list` name all of them."""


async def see_all(front: Front, client: discord.Client) -> None:
    """Note every server we are in, in the order in which we came: the first one ever is allowed."""
    known = await _known(front)
    waiting = []
    for guild in sorted(client.guilds, key=_joined):
        permission = await see(front, guild)
        if permission is Permission.PENDING and str(guild.id) not in known:
            waiting.append(guild)
    for guild in waiting[:MOST_TOLD]:
        await _tell_operator(front, guild)


async def see(front: Front, guild: discord.Guild) -> Permission:
    """Note a server; says whether money may be spent there."""
    requester = Requester(platform=PLATFORM, workspace=str(guild.id), user="")
    return await front.service.stores.workspaces.see(requester, guild.name)


async def appeared(front: Front, guild: discord.Guild) -> None:
    """A server can be reached: one that we never saw was joined just now, whatever else Discord calls it."""
    if str(guild.id) in await _known(front):
        await see(front, guild)
    else:
        await joined(front, guild)


async def joined(front: Front, guild: discord.Guild) -> None:
    """We were added: where nobody may spend yet, the server and the operator are told."""
    if await see(front, guild) is not Permission.PENDING:
        return
    log.info("guild.pending", guild=str(guild.id))
    await _greet(front, guild)
    await _tell_operator(front, guild)


async def _known(front: Front) -> set[str]:
    return {each.workspace for each in await front.service.stores.workspaces.all() if each.platform == PLATFORM}


async def _tell_operator(front: Front, guild: discord.Guild) -> None:
    name = f"{PLATFORM}:{guild.id}"
    await front.service.alerts.tell(
        f"workspace.pending:{name}",
        f"{guild.name} added Reelbot, and may not spend yet: allow it with `reelbot workspaces allow {name}`, or block it.",
    )


async def left(front: Front, guild: discord.Guild) -> None:
    """We were removed: what is not finished there is cancelled, what was made stays in the history."""
    cancelled = await cancel_all(front.service, PLATFORM, str(guild.id))
    log.info("guild.left", guild=str(guild.id), cancelled=cancelled)


async def _greet(front: Front, guild: discord.Guild) -> None:
    channel = _where_to_speak(guild)
    if channel is None:
        return
    text = say(
        "Thanks for adding me! Camera moves made by `/animate` with the `local` model are free and work right now; for "
        "the paid models the operator of this Reelbot must allow this server first."
    )
    body = {"content": in_language(text, str(guild.preferred_locale))}
    try:
        await front.rest.post(str(channel.id), body, nonce=f"w{guild.id}")
    except (RestError, Unclear, DeliveryDelayed) as error:
        log.info("guild.not_greeted", guild=str(guild.id), why=str(error))


def _where_to_speak(guild: discord.Guild) -> discord.TextChannel | None:
    channels = [guild.system_channel, *guild.text_channels]
    for channel in channels:
        if channel is not None:
            ours = channel.permissions_for(guild.me)
            if ours.view_channel and ours.send_messages:
                return channel
    return None


def _joined(guild: discord.Guild) -> tuple[float, int]:
    me: discord.Member | None = guild.me
    at = me.joined_at if me is not None else None
    return (at.timestamp() if at else float("inf"), guild.id)
