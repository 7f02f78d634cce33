"""Where somebody acts on Discord, and what they and we may do there: as an interaction or a message says, asking nobody."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import discord

from adapters.chat.discord.anchor import Anchor

TEXT, ANNOUNCEMENT = 0, 5
"""Types of channels in which a message can begin a thread."""
THREADS = frozenset({10, 11, 12})
THREAD_NAME = 90
MESSAGE_AT_MOST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One interaction or message: who, where, and with which rights."""

    user: str
    guild: str | None
    is_member: bool
    """We are a member of that server: it is not merely a place where somebody uses us."""
    channel: str
    parent: str | None
    """The channel around it, when it is a thread."""
    kind: int | None
    """Discord's type of the channel."""
    roles: tuple[str, ...]
    locale: str
    can_post: bool
    """The bot itself may post text and files here."""
    can_open_thread: bool
    is_private: bool
    """Discord shows our answers to this person only."""
    leads: bool
    """May manage this server."""
    moderates: bool
    """May delete others' messages here."""
    at: datetime
    among_adults: bool = False
    """The channel, or the one around the thread, is age-restricted."""
    interaction: str | None = None
    application: str | None = None
    token: str | None = None
    message: str | None = None
    """The message that asked. An interaction has none."""
    upload_limit: int | None = None

    @property
    def reference(self) -> str:
        """What our log calls it, and an operator can look for."""
        return self.interaction or self.message or self.channel

    def anchor(
        self, *, of: Anchor | None = None, spoiler: bool = False, title: str = "", in_thread: bool = False
    ) -> Anchor:
        """What an answer to this hangs on; `in_thread` asks for a thread of its own named `title`, where one can be.

        What is made from a job, or sent again, keeps that job's rules: `of` is what its answer hung on.
        """
        opens = in_thread and self.can_open_thread and self.kind in (TEXT, ANNOUNCEMENT)
        return Anchor(
            channel=self.channel,
            parent=self.parent,
            guild=self.guild,
            message=self.message,
            interaction=self.interaction,
            application=self.application,
            token=self.token,
            asked_at=self.at.timestamp(),
            by_token=not self.can_post and self.token is not None,
            is_private=self.is_private,
            upload_limit=self.upload_limit,
            spoiler=spoiler or (of is not None and of.spoiler),
            for_adults=self.among_adults or (of is not None and of.for_adults),
            among_adults=self.among_adults,
            new_thread=_thread_name(title) if opens else None,
        )


def scene_of(interaction: discord.Interaction[discord.Client]) -> Scene:
    """The scene of a command, a press or a form."""
    guild, channel = interaction.guild_id, interaction.channel
    is_member = guild is not None and (
        interaction.is_guild_integration() or interaction.client.get_guild(guild) is not None
    )
    kind = channel.type.value if channel is not None else None
    parent = getattr(channel, "parent_id", None) if kind in THREADS else None
    ours, theirs = interaction.app_permissions, interaction.permissions
    return Scene(
        user=str(interaction.user.id),
        guild=_text(guild),
        is_member=is_member,
        channel=str(interaction.channel_id or 0),
        parent=_text(parent),
        kind=kind,
        roles=_roles(interaction.user, guild),
        locale=str(interaction.locale),
        can_post=interaction.context.dm_channel if guild is None else is_member and _may_post(ours, kind),
        can_open_thread=is_member and ours.create_public_threads and ours.send_messages_in_threads,
        is_private=guild is not None and not is_member and not theirs.use_external_apps,
        leads=guild is not None and theirs.manage_guild,
        moderates=guild is not None and theirs.manage_messages,
        at=interaction.created_at,
        among_adults=_among_adults(channel),
        interaction=str(interaction.id),
        application=str(interaction.application_id),
        token=interaction.token,
        upload_limit=interaction.filesize_limit,
    )


def scene_of_message(message: discord.Message) -> Scene:
    """The scene of a message that was written to us."""
    guild, channel = message.guild, message.channel
    kind: int = getattr(channel.type, "value", TEXT)
    parent = getattr(channel, "parent_id", None) if kind in THREADS else None
    ours = discord.Permissions.none()
    if guild is not None and isinstance(channel, discord.Thread | discord.abc.GuildChannel):
        # A thread whose channel is not known has none that could be computed.
        with suppress(discord.ClientException):
            ours = channel.permissions_for(guild.me)
    return Scene(
        user=str(message.author.id),
        guild=_text(guild.id if guild else None),
        is_member=guild is not None,
        channel=str(channel.id),
        parent=_text(parent),
        kind=kind,
        roles=_roles(message.author, guild.id if guild else None),
        # A message does not say its author's language; the server's own is the best guess.
        locale=str(guild.preferred_locale) if guild else "en",
        can_post=guild is None or _may_post(ours, kind),
        can_open_thread=ours.create_public_threads and ours.send_messages_in_threads,
        is_private=False,
        leads=False,
        moderates=False,
        at=message.created_at,
        among_adults=_among_adults(channel),
        message=str(message.id),
    )


def _among_adults(channel: object) -> bool:
    """Threads do not carry the mark themselves, and are asked of their channel; direct messages have none."""
    try:
        return bool(channel.is_nsfw())  # type: ignore[attr-defined]  # what has none is answered below
    except (AttributeError, discord.ClientException):
        return False


def _may_post(ours: discord.Permissions, kind: int | None) -> bool:
    may_send = ours.send_messages_in_threads if kind in THREADS else ours.send_messages
    return ours.view_channel and may_send and ours.attach_files


def _roles(user: discord.User | discord.Member, guild: int | None) -> tuple[str, ...]:
    """The person's roles, and the one that everybody of a server has: it has the server's id."""
    if guild is None:
        return ()
    raw = getattr(user, "_roles", ())  # the ids as Discord sent them; `roles` needs a cache of the server's
    return (*(str(each) for each in raw), str(guild))


def _thread_name(title: str) -> str:
    line = " ".join(title.split()) or "Reelbot"
    return line if len(line) <= THREAD_NAME else f"{line[: THREAD_NAME - 1].rstrip()}…"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)
