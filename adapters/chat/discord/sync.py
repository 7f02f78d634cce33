"""Telling Discord which commands there are: only when a definition changed, and never on every connection.

Facts: 200 creations a day and server; whoever tells them in `on_ready` uses those up by mere reconnecting (Discord
documentation, interactions/application-commands, read 2026-08-06).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import discord
import structlog

from adapters.chat.discord.commands import Commands
from bot.ports import Clock
from bot.stores import NoteStore

log = structlog.get_logger(__name__)

NOTE: Final = "discord.commands"
SPREADS_WITHIN: Final = timedelta(hours=1)
"""How long a change may take to be seen in every server. Until then the servers of the settings have copies of their own,
which are taken away afterwards: Discord would show every command twice."""


async def payload_of(tree: Commands) -> list[dict[str, Any]]:
    """Every command as it is told to Discord, in every language."""
    translator = tree.translator
    commands = sorted(
        [*tree.get_commands(), *tree.get_commands(type=discord.AppCommandType.message)], key=lambda each: each.name
    )
    unique = {(each.name, type(each)): each for each in commands}.values()
    if translator is None:
        return [dict(each.to_dict(tree)) for each in unique]
    return [dict(await each.get_translated_payload(tree, translator)) for each in unique]


async def sync(tree: Commands, notes: NoteStore, clock: Clock, *, guilds: Sequence[str]) -> bool:
    """Tell Discord the commands if they changed since the last time; says whether they had."""
    client = tree.client
    payload = await payload_of(tree)
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    present = f"{client.application_id}:{digest}"
    known, _, since = ((await notes.get(NOTE)) or "").rpartition("@")
    is_new = known != present
    if is_new:
        await client.http.bulk_upsert_global_commands(client.application_id, payload)
        await notes.put(NOTE, f"{present}@{clock.now().isoformat()}")
        log.info("commands.told", count=len(payload))
    is_known_everywhere = not is_new and clock.now() - datetime.fromisoformat(since) > SPREADS_WITHIN
    for guild in guilds:
        wanted = "" if is_known_everywhere else present
        note = f"{NOTE}.{guild}"
        if ((await notes.get(note)) or "") == wanted:
            continue
        try:
            await client.http.bulk_upsert_guild_commands(client.application_id, guild, payload if wanted else [])
        except discord.HTTPException as error:
            # Not a member (yet): the commands come with the others, a little later.
            log.warning("commands.not_told", guild=guild, why=str(error))
            continue
        await notes.put(note, wanted)
    return is_new
