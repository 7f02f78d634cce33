"""The gateway: what Discord tells us arrives here and is handed on. Everything we say goes through `Answers` and `Rest`.

Intents: guilds, and messages in servers and in direct messages; none of them is privileged.
"""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import structlog
from discord.gateway import DiscordWebSocket
from yarl import URL

from adapters.chat.discord import guilds
from adapters.chat.discord.buttons import JobButton
from adapters.chat.discord.checkup import add_doctor
from adapters.chat.discord.commands import Commands, add_animate
from adapters.chat.discord.custom_ids import BUTTON, FORM
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.history import HISTORY, add_history, turned
from adapters.chat.discord.mentions import Mentions
from adapters.chat.discord.menus import PICK, add_menu, picked, submitted
from adapters.chat.discord.mine import FORGET, add_mine, answered
from adapters.chat.discord.names import Names
from adapters.chat.discord.steering import add_settings
from adapters.chat.discord.sync import sync
from bot.errors import NotFound
from bot.languages.said import say
from bot.settings.values import Shards

log = structlog.get_logger(__name__)

_PRESSED = {PICK: picked, HISTORY: turned, FORGET: answered}
"""Buttons and menus of answers to one person, by what their id begins with."""


class ReelbotClient(discord.AutoShardedClient):
    """One connection to Discord, of every shard or of a range of them."""

    def __init__(self, front: Front, shards: Shards | None = None, **options: Any) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
        if shards is not None:
            options |= {"shard_ids": list(range(shards.first, shards.last + 1)), "shard_count": shards.total}
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_ratelimit_timeout=30.0,
            **options,
        )
        self.front = front
        self.connected = asyncio.Event()
        self._mentions = Mentions(front)
        self.tree = Commands(
            self,
            allowed_contexts=discord.app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
            allowed_installs=discord.app_commands.AppInstallationType(guild=True, user=True),
        )
        add_animate(self.tree, front)
        add_menu(self.tree, front)
        for add in (add_history, add_mine, add_settings, add_doctor):
            add(self.tree, front)

    async def setup_hook(self) -> None:
        """Once after the login, before the first connection."""
        self.add_dynamic_items(JobButton)
        await self._learn_gateway()
        await self.tree.set_translator(Names())
        if self.shard_ids is not None and 0 not in self.shard_ids:
            # Commands are the bot's, not a shard's: of several processes, the one with the first shard tells them.
            return
        stores = self.front.service.stores
        try:
            await sync(
                self.tree, stores.notes, self.front.service.desk.clock, guilds=self.front.settings.discord.guild_ids
            )
        except discord.DiscordException:
            # People have the commands of the last time; the next start tells these.
            log.exception("commands.not_told")

    async def _learn_gateway(self) -> None:
        """Where connections that do not resume go: discord.py asks only when it counts the shards itself, and only once."""
        elsewhere = self.front.settings.discord.api_url != type(self.front.settings.discord)().api_url
        if elsewhere or self.shard_ids is not None:
            _, address, _ = await self.http.get_bot_gateway()
            DiscordWebSocket.DEFAULT_GATEWAY = URL(address)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Sessions are opened one after the other, also by several processes; discord.py knows only its own."""
        await super().before_identify_hook(shard_id, initial=initial)
        if self.front.rest.together is not None:
            await self.front.rest.together.identify()

    # --- events ---------------------------------------------------------------------------------------------------

    async def on_connect(self) -> None:
        """A shard reached Discord."""
        self.connected.set()

    async def on_ready(self) -> None:
        """Every shard of ours knows its servers; comes again after each new identification."""
        log.info("discord.ready", guilds=len(self.guilds), shards=self.shard_count)
        await guilds.see_all(self.front, self)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server of ours can be reached (again); those of the start are noted in order by `on_ready`."""
        if self.is_ready():
            await guilds.appeared(self.front, guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """We were added to a server."""
        await guilds.joined(self.front, guild)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """We were removed from one. An outage of Discord's is another event."""
        await guilds.left(self.front, guild)

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote something where we are."""
        if self.user is not None:
            with self.front.busy():
                await self._mentions.hear(message, self.user)

    async def on_interaction(self, interaction: AnyInteraction) -> None:
        """Forms and menus; commands and buttons are found by discord.py."""
        if interaction.type not in (discord.InteractionType.modal_submit, discord.InteractionType.component):
            return
        custom_id = str(dict(interaction.data or {}).get("custom_id", ""))
        if BUTTON.fullmatch(custom_id):
            return
        found = FORM.fullmatch(custom_id)
        form, of = (found["form"], found["of"] or "") if found else ("", "")
        if interaction.type is discord.InteractionType.modal_submit:
            await submitted(self.front, interaction, form, of)
        elif form in _PRESSED:
            await _PRESSED[form](self.front, interaction, of)
        else:
            async with self.front.turn(interaction):
                raise NotFound(say("This button is from another version; use the command again."))

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A handler of ours failed."""
        # discord.py calls this while it handles the exception.
        log.error("discord.event_failed", discord_event=event_method, exc_info=True)  # noqa: LOG014
