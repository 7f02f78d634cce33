"""The people of the emulated Discord, for tests: what they see, and what they do. Standard library only, no asyncio.

    world = DiscordWorld(process.url)
    guild = world.guild("Studio")
    alice = world.person("Alice", guild)
    answer = world.slash(alice, guild.channel(), "animate", image=("cat.png", png), prompt="the cat blinks")
    clip = answer.wait_for(lambda message: message["files"])

Usable from any thread or process: it knows the URL, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.discord_wire import Wire
from tests.emulators.driver import File, Impossible, as_file, as_option
from tests.patience import PATIENCE_S

__all__ = ["Answer", "DiscordWorld", "File", "Guild", "Impossible"]


@dataclass(slots=True, kw_only=True)
class Guild:
    """A server; `channels` are ids by name."""

    id: str
    channels: dict[str, str]
    facts: dict[str, Any] = field(repr=False)

    def channel(self, name: str = "general") -> str:
        return self.channels[name]


@dataclass(slots=True, kw_only=True)
class Answer:
    """How the bot answered an interaction.

    `kind` is message, deferred, update, deferred-update, modal, choices, or timeout when no answer came in time.
    """

    world: DiscordWorld = field(repr=False)
    interaction: str
    person: str
    channel: str
    kind: str
    ephemeral: bool
    message: dict[str, Any] | None
    """`@original` as it was when this was asked; see `DiscordWorld.messages` for its extra fields."""
    modal: dict[str, Any] | None
    choices: list[dict[str, Any]] | None
    followups: int
    token: str = field(repr=False)

    def now(self) -> Answer:
        """The same, as it stands now."""
        return self.world._answer(self.world.do("answer", interaction=self.interaction))

    def wait_for(self, wanted: Callable[[dict[str, Any]], Any], timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """`@original`, once it is as wanted: edits are what the bot does after a deferral."""

        def look() -> dict[str, Any] | None:
            message = self.now().message
            return message if message is not None and wanted(message) else None

        message: dict[str, Any] = self.world.until(look, timeout_s, about=f"@original of {self.kind}")
        return message


class DiscordWorld(Wire):
    """Everything a test asks of the emulated Discord. People, guilds, channels and messages are ids, in text."""

    # The world

    def guild(self, name: str = "Studio", **facts: Any) -> Guild:
        """A server with a channel `general`; facts: own_id, owner, premium_tier, locale, bot (False: not in it), bot_permissions."""
        return self._guild(self.do("guild", name=name, **facts))

    def _guild(self, facts: dict[str, Any]) -> Guild:
        return Guild(id=facts["id"], channels=facts["channels"], facts=facts)

    def invite(self, guild: Guild, bot_permissions: Sequence[str] | None = None) -> Guild:
        """The bot joins; the permissions are those of its own role, beyond everybody's."""
        return self._guild(self.do("invite", guild=guild.id, bot_permissions=bot_permissions))

    def kick_bot(self, guild: Guild) -> None:
        self.do("kick_bot", guild=guild.id)

    def change_guild(self, guild: Guild, **facts: Any) -> None:
        """premium_tier, locale, name, owner_id."""
        self.do("change_guild", guild=guild.id, **facts)

    def person(self, name: str, *guilds: Guild, **facts: Any) -> str:
        """Somebody, member of these guilds; facts: own_id, locale, dms_open, installed (the app, for them), upload_limit."""
        person: str = self.do("person", name=name, **facts)["id"]
        for guild in guilds:
            self.join(guild, person)
        return person

    def change_person(self, person: str, **facts: Any) -> None:
        """dms_open, installed, locale, upload_limit, name."""
        self.do("change_person", person=person, **facts)

    def join(self, guild: Guild, person: str, roles: Sequence[str] = ()) -> None:
        self.do("join", guild=guild.id, person=person, roles=list(roles))

    def leave(self, guild: Guild, person: str) -> None:
        self.do("leave", guild=guild.id, person=person)

    def role(self, guild: Guild, name: str, *permissions: str) -> str:
        """A role; permissions by Discord's names, like MANAGE_GUILD."""
        role: str = self.do("role", guild=guild.id, name=name, permissions_named=permissions)["id"]
        return role

    def change_role(self, guild: Guild, role: str, *permissions: str) -> None:
        """Exactly these permissions; the role of everybody has the guild's id."""
        self.do("change_role", guild=guild.id, role=role, permissions_named=permissions)

    def delete_role(self, guild: Guild, role: str) -> None:
        self.do("delete_role", guild=guild.id, role=role)

    def set_roles(self, guild: Guild, person: str, *roles: str) -> None:
        """Exactly these roles; `person` may be "bot"."""
        self.do("roles", guild=guild.id, person=person, roles=roles)

    def channel(self, guild: Guild, name: str, **facts: Any) -> str:
        """A channel; facts: kind (0 text, 2 voice, 5 announcement, 15 forum), nsfw, own_id."""
        channel: str = self.do("channel", guild=guild.id, name=name, **facts)["id"]
        guild.channels[name] = channel
        return channel

    def change_channel(self, channel: str, **facts: Any) -> None:
        """nsfw, name, type."""
        self.do("change_channel", channel=channel, **facts)

    def delete_channel(self, channel: str) -> None:
        """A channel with its threads, or a thread."""
        self.do("delete_channel", channel=channel)

    def permit(self, channel: str, who: str = "bot", *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None:
        """An overwrite in a channel for "bot", a person or a role, in place of the one it had."""
        self.do("permissions", channel=channel, who=who, allow=list(allow), deny=list(deny))

    def dm(self, person: str) -> str:
        """The direct message channel of a person and the bot."""
        channel: str = self.do("dm", person=person)["id"]
        return channel

    def thread(self, person: str, channel: str, message: str, name: str = "a thread") -> str:
        """A thread that a person starts on a message."""
        thread: str = self.do("thread", person=person, channel=channel, message=message, name=name)["id"]
        return thread

    def forum_post(self, person: str, forum: str, content: str = "", *, name: str = "a post", **facts: Any) -> str:
        """A post in a forum (kind 15): a thread, whose first message has its id; facts as for `say`: files."""
        wish = {"content": content, "name": name, "files": [as_file(one) for one in facts.pop("files", ())]}
        thread: str = self.do("forum_post", person=person, forum=forum, **wish, **facts)["id"]
        return thread

    def private_thread(self, person: str, channel: str, name: str = "a thread", *, bot: bool = False) -> str:
        """A thread that only its members see; `bot`: it is one."""
        thread: str = self.do("private_thread", person=person, channel=channel, name=name, bot=bot)["id"]
        return thread

    def change_thread(self, thread: str, *, archived: bool | None = None, locked: bool | None = None) -> None:
        self.do("change_thread", thread=thread, archived=archived, locked=locked)

    # Messages

    def say(
        self,
        person: str,
        channel: str,
        content: str = "",
        *,
        files: Sequence[File] = (),
        reply_to: str | None = None,
        ping: bool = True,
        embeds: Sequence[dict[str, Any]] = (),
        forward: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """A person's message; `ping`: a reply notifies whom it answers; `forward`: (channel, message) passed on."""
        wish = {"content": content, "files": [as_file(one) for one in files], "reply_to": reply_to, "ping": ping}
        message: dict[str, Any] = self.do(
            "say", person=person, channel=channel, embeds=list(embeds), forward=forward, **wish
        )
        return message

    def mention(self, text: str = "") -> str:
        """The text with the bot mentioned in front."""
        return f"<@{self.bot}> {text}"

    def messages(self, channel: str) -> list[dict[str, Any]]:
        """All messages, oldest first, as the API shows them, plus `files` (also of V2 messages, with `sha256`), `edits`
        (how often) and `seen_by` (the only person, for ephemeral ones)."""
        messages: list[dict[str, Any]] = self.do("messages", channel=channel)
        return messages

    def message(self, channel: str, message: str) -> dict[str, Any]:
        found: dict[str, Any] = self.do("message", channel=channel, message=message)
        return found

    def from_bot(self, channel: str) -> list[dict[str, Any]]:
        """What the bot wrote there, oldest first."""
        return [one for one in self.messages(channel) if one["author"]["id"] == self.bot]

    def edit_message(self, person: str, channel: str, message: str, content: str) -> None:
        """Somebody changes the text of their own message."""
        self.do("edit_message", person=person, channel=channel, message=message, content=content)

    def delete_message(self, channel: str, message: str) -> None:
        self.do("delete_message", channel=channel, message=message)

    def age_message(self, channel: str, message: str, seconds: float) -> None:
        """Make a message older than it is (edits of old ones have a quota: 30046)."""
        self.do("age_message", channel=channel, message=message, seconds=seconds)

    def commands(self, guild: Guild | None = None) -> list[dict[str, Any]]:
        """What is synced, globally or in a guild."""
        commands: list[dict[str, Any]] = self.do("commands", guild=guild and guild.id)
        return commands

    # Interactions. Each returns when the first answer came, or after the three seconds Discord waits.

    def slash(self, person: str, channel: str, command: str, **options: Any) -> Answer:
        """A slash command; "settings language" names a subcommand; a file is (name, bytes or path)."""
        return self._answer(self.do("slash", person=person, channel=channel, name=command, options=_options(options)))

    def autocomplete(
        self, person: str, channel: str, command: str, focused: str, **options: Any
    ) -> list[dict[str, Any]]:
        """What the option `focused` offers for what was typed so far (its value in `options`)."""
        wish = {"name": command, "options": {focused: "", **_options(options)}, "focused": focused}
        choices: list[dict[str, Any]] | None = self.do("slash", person=person, channel=channel, **wish)["choices"]
        return choices or []

    def menu(self, person: str, channel: str, command: str, message: str) -> Answer:
        """An entry of a message's Apps menu."""
        return self._answer(self.do("menu", person=person, channel=channel, name=command, message=message))

    def click(
        self, person: str, channel: str, message: str, label: str | None = None, *, custom_id: str | None = None
    ) -> Answer:
        """A button of a message, by its label or custom id; refused when it is not there or disabled."""
        wish = {"message": message, "label": label, "custom_id": custom_id}
        return self._answer(self.do("press", person=person, channel=channel, **wish))

    def select(self, person: str, channel: str, message: str, *values: str, custom_id: str) -> Answer:
        """Values of a select: of its options, or ids of people, roles and channels."""
        wish = {"message": message, "custom_id": custom_id, "values": values}
        return self._answer(self.do("press", person=person, channel=channel, **wish))

    def submit(self, answer: Answer, fields: dict[str, Any] | None = None) -> Answer:
        """The form an answer showed, with these fields by label or custom id; what is left out keeps what it showed."""
        filled = {name: as_option(value) for name, value in (fields or {}).items()}
        return self._answer(self.do("submit", person=answer.person, interaction=answer.interaction, fields=filled))

    def _answer(self, facts: dict[str, Any]) -> Answer:
        return Answer(world=self, **facts)


def _options(options: dict[str, Any]) -> dict[str, Any]:
    return {name: as_option(value) for name, value in options.items() if value is not None}
