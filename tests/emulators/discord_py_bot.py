"""A small discord.py bot for the tests of the emulator: it uses what Reelbot uses, and runs in a thread of its own."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Coroutine
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket

from tests.emulators.discord_world import DiscordWorld

NOBODY = discord.AllowedMentions.none()
INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)


class CancelButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"job:(?P<job>\w+):cancel"):
    """A button that outlives the process: everything is in its custom id."""

    def __init__(self, job: str) -> None:
        super().__init__(discord.ui.Button(label="Cancel", custom_id=f"job:{job}:cancel"))
        self.job = job

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any) -> CancelButton:
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.edit_message(content=f"{self.job} cancelled", view=None, allowed_mentions=NOBODY)


class EditButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"job:(?P<job>\w+):edit"):
    """A button that opens a form, whose sending changes the message the button is on."""

    def __init__(self, job: str) -> None:
        super().__init__(discord.ui.Button(label="Edit", custom_id=f"job:{job}:edit"))
        self.job = job

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any) -> EditButton:
        return cls(match["job"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        modal = discord.ui.Modal(title="Edit", timeout=60)
        text: Any = discord.ui.TextInput(label="Prompt", default="as before", required=True)
        modal.add_item(text)

        async def submitted(sent: discord.Interaction[Any]) -> None:
            await sent.response.edit_message(content=f"{self.job}: {text.value}", allowed_mentions=NOBODY)

        modal.on_submit = submitted  # type: ignore[method-assign]
        await interaction.response.send_modal(modal)


class Form(discord.ui.Modal, title="New clip"):
    prompt: Any = discord.ui.Label(text="Prompt", component=discord.ui.TextInput(max_length=20))
    size: Any = discord.ui.Label(
        text="Size",
        component=discord.ui.Select(options=[discord.SelectOption(label=one, value=one) for one in ("480p", "720p")]),
    )
    picture: Any = discord.ui.Label(text="Picture", component=discord.ui.FileUpload(required=False))

    def __init__(self) -> None:
        super().__init__(timeout=900, custom_id="new-clip")

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        pictures = [len(await one.read()) for one in self.picture.component.values]
        text = f"{self.prompt.component.value} {self.size.component.values} {pictures}"
        await interaction.response.send_message(text, ephemeral=True)


class Bot(discord.Client):
    """Answers everything, and remembers what it saw."""

    def __init__(self) -> None:
        super().__init__(intents=INTENTS, allowed_mentions=NOBODY, guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)
        self.seen: list[tuple[str, Any]] = []
        self.was_ready = asyncio.Event()

    async def on_ready(self) -> None:
        self.was_ready.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Not five seconds, as in the library: nobody counts identifies here but the journal."""

    async def setup_hook(self) -> None:
        self.add_dynamic_items(CancelButton, EditButton)
        add_commands(self.tree)
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.seen.append(("message", (message.content, len(message.attachments), str(message.channel.type))))
        if self.user in message.mentions and message.author != self.user:
            await message.reply("seen", mention_author=False)

    async def on_resumed(self) -> None:
        self.seen.append(("resumed", None))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        self.seen.append(("left", guild.id))


def add_commands(tree: app_commands.CommandTree[Any]) -> None:
    """What people may ask of it."""

    @tree.command(description="Turn a picture into a clip")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def animate(
        interaction: discord.Interaction[Any],
        image: discord.Attachment,
        prompt: app_commands.Range[str, 1, 100],
        model: str | None = None,
        hidden: bool = False,
    ) -> None:
        await interaction.response.defer(ephemeral=hidden)
        picture = await image.read()
        view = discord.ui.View(timeout=None).add_item(CancelButton("j1")).add_item(EditButton("j1"))
        file = discord.File(io.BytesIO(picture), "clip.mp4")
        await interaction.edit_original_response(content=prompt, attachments=[file], view=view)

    @animate.autocomplete("model")
    async def models(interaction: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
        names = ("wan", "local")
        return [app_commands.Choice(name=one, value=one) for one in names if one.startswith(typed)]

    @tree.command(description="Fill in a form")
    async def form(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_modal(Form())

    @tree.command(description="Say nothing")
    async def silence(interaction: discord.Interaction[Any]) -> None:
        pass

    @tree.command(description="Answer with five pieces and one more")
    @app_commands.allowed_installs(guilds=True, users=True)
    async def chatter(interaction: discord.Interaction[Any]) -> None:
        await interaction.response.send_message("0")
        for number in range(1, 7):
            await interaction.followup.send(str(number))

    @tree.command(description="Choose")
    async def choose(interaction: discord.Interaction[Any]) -> None:
        view = discord.ui.View(timeout=60)
        select: Any = discord.ui.Select(
            custom_id="size", options=[discord.SelectOption(label=one) for one in ("a", "b")]
        )

        async def chosen(pressed: discord.Interaction[Any]) -> None:
            await pressed.response.send_message(f"you chose {select.values}", ephemeral=True)

        select.callback = chosen
        where = discord.ui.ChannelSelect[Any](custom_id="where", placeholder="Where")

        async def placed(pressed: discord.Interaction[Any]) -> None:
            await pressed.response.send_message(f"in {[one.name for one in where.values]}", ephemeral=True)

        where.callback = placed  # type: ignore[method-assign,assignment]
        await interaction.response.send_message("which?", view=view.add_item(select).add_item(where))

    @tree.command(description="How much is left")
    async def quota(interaction: discord.Interaction[Any], whose: discord.Member | None = None) -> None:
        await interaction.response.send_message(f"{(whose or interaction.user).display_name} has 3 left")

    settings = app_commands.Group(name="settings", description="Settings", guild_only=True)

    @settings.command(description="Language")
    async def language(interaction: discord.Interaction[Any], name: app_commands.Range[str, 2, 5]) -> None:
        await interaction.response.send_message(
            f"{name} {interaction.locale} {interaction.guild_locale}", ephemeral=True
        )

    tree.add_command(settings)

    @tree.context_menu(name="Animate this")
    async def animate_this(interaction: discord.Interaction[Any], message: discord.Message) -> None:
        pictures = [one.filename for one in message.attachments]
        forwarded = [one.filename for snapshot in message.message_snapshots for one in snapshot.attachments]
        await interaction.response.send_message(f"{message.content} {pictures} {forwarded}")


class BotThread:
    """The bot at work, in a thread with a loop of its own."""

    def __init__(self, world: DiscordWorld) -> None:
        self._before = discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
        discord.http.Route.BASE = world.api_url
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(world.gateway_url)
        self._world = world
        self.loop = asyncio.new_event_loop()
        self.bot = self.call(self._made(), start=True)

    async def _made(self) -> Bot:
        bot = Bot()
        self._task = asyncio.create_task(bot.start(self._world.token))
        ready = asyncio.create_task(bot.was_ready.wait())
        await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            ready.cancel()
            self._task.result()
        return bot

    def call(self, work: Coroutine[Any, Any, Any], *, start: bool = False) -> Any:
        """Let the bot do something, and wait for it."""
        if start:
            self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    async def _end(self) -> None:
        await self.bot.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def stop(self) -> None:
        """Say goodbye, and put discord.py's addresses back."""
        self.call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()
        discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = self._before
