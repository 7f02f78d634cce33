"""`/doctor`: for operators, what is wrong here: our permissions in this channel, the providers, the database, the disk."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from typing import Final

import discord
from discord.app_commands import locale_str

from adapters.chat.discord.commands import Commands
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.permissions import missing
from adapters.chat.discord.scene import MESSAGE_AT_MOST
from adapters.chat.discord.turn import Turn
from adapters.chat.discord.words import plain
from bot.errors import NotAllowed, ReelbotError
from bot.languages.catalogue import in_language
from bot.languages.said import listed, say

ASK_S: Final = 10.0
LINE: Final = 300
OK, WARN, FAIL = "🟢", "🟡", "🔴"
Line = tuple[str, str]
"""How it stands, and what is said."""


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
    lines = [_here(turn, permissions), _limit(turn)]
    lines += [
        (OK if said == "ok" else FAIL, say("{check}: {said}", check=check, said=said))
        for check, said in (await front.readiness()).items()
    ]
    lines.append(await _disk(front))
    lines += [line async for line in _providers(front)]
    return lines


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


async def _disk(front: Front) -> Line:
    free = (await asyncio.to_thread(shutil.disk_usage, front.service.desk.scratch)).free
    least = front.settings.disk.min_free_mb * 1_000_000
    said = say("{gigabytes} GB are free for clips.", gigabytes=f"{free / 1e9:.1f}")
    return (FAIL if free < least else WARN if free < 2 * least else OK), said


async def _providers(front: Front) -> AsyncIterator[Line]:
    for name, provider in front.service.desk.providers.items():
        health = await front.service.stores.health.load(name)
        if health.paused:
            yield WARN, say("{provider} is paused; what waits is kept.", provider=name)
            continue
        try:
            async with asyncio.timeout(ASK_S):
                balance = await provider.balance()
        except (ReelbotError, TimeoutError) as error:
            yield FAIL, say("{provider}: {why}", provider=name, why=str(error) or say("no answer"))
            continue
        if balance is None:
            yield OK, say("{provider} is ready.", provider=name)
        else:
            yield OK, say("{provider} is ready; {balance} are left.", provider=name, balance=balance)
