"""`/doctor`: for operators, what is wrong here: our permissions in this channel, the providers, the database, the disk."""

from __future__ import annotations

from typing import Final

import discord
from discord.app_commands import locale_str

from adapters.chat.discord.commands import Commands
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.permissions import missing
from adapters.chat.discord.scene import MESSAGE_AT_MOST
from adapters.chat.discord.turn import Turn
from adapters.chat.discord.words import plain
from adapters.chat.health import FAIL, OK, WARN, Line, health
from bot.errors import NotAllowed
from bot.languages.catalogue import in_language
from bot.languages.said import listed, say

LINE: Final = 300


def add_doctor(tree: Commands, front: Front) -> None:
    """Put `/doctor` into the tree."""

    @tree.command(
        name=locale_str("doctor"), description=locale_str(say("What is wrong here, for operators; only you see this"))
    )
    @discord.app_commands.default_permissions(manage_guild=True)
    async def doctor(interaction: AnyInteraction) -> None:
        async with front.turn(interaction) as turn:
            if not front.people.is_operator(turn.scene):
                raise NotAllowed(say("Only operators of this Reelbot can ask for this."))
            lines = await turn.soon(_examine(front, turn, int(interaction.app_permissions.value)), private=True)
            told = [f"{mark} {plain(in_language(line, turn.locale), LINE)}" for mark, line in lines]
            await turn.show({"content": "\n".join(told)[:MESSAGE_AT_MOST]}, private=True)


async def _examine(front: Front, turn: Turn, permissions: int) -> list[Line]:
    return [
        _here(turn, permissions),
        _limit(turn),
        *await health(front.service, front.settings, front.readiness),
    ]


def _here(turn: Turn, permissions: int) -> Line:
    if turn.scene.guild is None:
        return OK, say("I may post in direct messages.")
    if not turn.scene.is_member:
        return WARN, say("I am no member here: clips come within 15 minutes, or by direct message.")
    lacks = missing(permissions)
    if not lacks:
        return OK, say("I have every permission I need in this channel.")
    return FAIL, say("In this channel I lack: {permissions}.", permissions=listed(lacks, "and"))


def _limit(turn: Turn) -> Line:
    megabytes = (turn.scene.upload_limit or 0) // (1 << 20)
    return OK, say("Files may have up to {megabytes} MB here.", megabytes=megabytes)
