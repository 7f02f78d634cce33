"""Messages: made, changed and deleted, by the bot's token, by an interaction's token, and by people."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.emulators.discord_bodies import Body, without_nulls
from tests.emulators.discord_errors import Refused, invalid
from tests.emulators.discord_news import News
from tests.emulators.discord_permissions import bits
from tests.emulators.discord_rules import check_message, check_uploads, pings, unseen, walk
from tests.emulators.discord_state import DM, EPHEMERAL, LOADING, V2, Attachment, Channel, Message, Person

if TYPE_CHECKING:
    from tests.emulators.discord_interactions import Interaction
    from tests.emulators.discord_server import Discord

_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
SETTABLE = 1 << 2 | 1 << 12 | V2  # SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_COMPONENTS_V2


class Messages(News):
    """Keeps the rules for messages, and writes them down."""

    def __init__(self, discord: Discord) -> None:
        super().__init__(discord)
        self._by_nonce: dict[tuple[str, str], tuple[str, str, float]] = {}  # (channel, message, when)

    # The bot's token

    def post(self, channel: Channel, body: Body) -> Message:
        """`POST /channels/{id}/messages` of the bot."""
        self._no_pings("create", body.payload)
        self.may_post(channel, files=bool(body.files))
        if (known := self._same_nonce(body.payload)) is not None:
            body.discard()
            return known
        payload = body.payload
        if payload.get("message_reference"):
            self._check_reference(channel, payload)
        limit = self._discord.world.upload_limit(channel, self._discord.settings)
        message = self.create(channel, self._discord.world.bot, body, limit=limit, by="token")
        if payload.get("nonce") is not None:
            place = (self._discord.world.bot.id, str(payload["nonce"]))
            self._by_nonce[place] = (channel.id, message.id, time.monotonic())
        return message

    def may_post(self, channel: Channel, *, files: bool) -> None:
        """Refuse what the bot may not do there."""
        world, bot = self._discord.world, self._discord.world.bot
        if channel.type == DM:
            person = channel.recipient
            assert person is not None
            if not person.installed and not any(world.shared_guilds(person)):
                raise Refused(50278)
            if not person.dms_open:
                raise Refused(50007)
            return
        allowed = world.may(bot, channel)
        if not allowed & bits(["VIEW_CHANNEL"]):
            raise Refused(50001)
        if channel.type in {4, 14, 15, 16}:
            raise Refused(50008)
        needed = "SEND_MESSAGES_IN_THREADS" if channel.is_thread else "SEND_MESSAGES"
        if not allowed & bits([needed]) or (files and not allowed & bits(["ATTACH_FILES"])):
            raise Refused(50013)
        if channel.locked and not allowed & bits(["MANAGE_THREADS"]):
            raise Refused(160005)

    def _same_nonce(self, payload: dict[str, Any]) -> Message | None:
        """The message that was made with this nonce a moment ago; 10008 when it has been deleted."""
        nonce = payload.get("nonce")
        if nonce is None or not payload.get("enforce_nonce"):
            return None
        known = self._by_nonce.get((self._discord.world.bot.id, str(nonce)))
        if known is None or time.monotonic() - known[2] > self._discord.settings["nonce_window_s"]:
            return None
        channel = self._discord.world.channels.get(known[0])
        if channel is None or known[1] not in channel.messages:
            raise Refused(10008)
        self._discord.journal.write("nonce-repeated", nonce=nonce, message=known[1])
        return channel.messages[known[1]]

    def _check_reference(self, channel: Channel, payload: dict[str, Any]) -> None:
        reference = payload["message_reference"]
        may_read = self._discord.world.may(self._discord.world.bot, channel) & bits(["READ_MESSAGE_HISTORY"])
        if not may_read:
            raise Refused(160002)
        if reference.get("channel_id") not in (None, channel.id) and not reference.get("type"):
            raise invalid("message_reference", "cannot reply to a message in a different channel")
        if reference["message_id"] not in channel.messages:
            if reference.get("fail_if_not_exists", True) is not False:
                raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE")
            # A message without a reply is what is left of it.
            del payload["message_reference"]

    def patch(self, message: Message, body: Body) -> Message:
        """`PATCH /channels/{id}/messages/{id}` of the bot."""
        self._no_pings("edit", body.payload)
        channel = self._discord.world.channels[message.channel_id]
        if message.author is not self._discord.world.bot:
            raise Refused(50005)
        if channel.is_thread and channel.archived:
            raise Refused(50083)
        if message.age_s > self._discord.settings["old_message_s"]:
            self._discord.limits.old_edit(channel.id)
        limit = self._discord.world.upload_limit(channel, self._discord.settings)
        return self.edit(message, body, limit=limit, by="token")

    def _no_pings(self, what: str, payload: dict[str, Any] | None) -> None:
        if payload is not None and (why := pings(payload)) is not None:
            self._discord.violation(f"{what}: {why}", payload)

    # Whoever it is

    def create(self, channel: Channel, author: Person, body: Body, *, limit: int, by: str, **facts: Any) -> Message:
        """A new message, checked, written down and announced; `by` is token, interaction or person."""
        payload = body.payload or {}
        check_uploads(body, limit)
        flags = (payload.get("flags") or 0) & SETTABLE if author.bot else 0
        flags |= facts.pop("flags", 0)
        attachments = self._attach(body, channel, ephemeral=bool(flags & EPHEMERAL))
        content, embeds = payload.get("content") or "", payload.get("embeds") or []
        check_message(
            payload=payload,
            flags=flags,
            names={one.filename for one in attachments},
            has_more=bool(payload.get("poll") or facts.get("snapshots")),
            content=content,
            embeds=embeds,
            components=payload.get("components") or [],
        )
        self._moderate(content, payload, author)
        reference = payload.get("message_reference")
        message = Message(
            channel_id=channel.id,
            author=author,
            content=content,
            embeds=embeds,
            components=without_nulls(payload.get("components") or []),
            attachments=attachments,
            flags=flags,
            nonce=payload.get("nonce"),
            reference=reference and self._reference(channel, reference),
            **{"id": self._discord.world.new_id(), "type": 19 if reference and not reference.get("type") else 0}
            | facts,
        )
        self._mention(message, channel, payload)
        channel.messages[message.id] = message
        if channel.is_thread:
            channel.sent += 1
            self._unarchive(channel)
        self._write("message-created", message, by=by, nonce=payload.get("nonce"))
        self.announce("MESSAGE_CREATE", message)
        return message

    def edit(self, message: Message, body: Body, *, limit: int, by: str) -> Message:
        """Change what the payload names, and nothing else."""
        payload = body.payload or {}
        check_uploads(body, limit)
        flags = message.flags
        if payload.get("flags") is not None:
            if message.flags & V2 and not payload["flags"] & V2:
                raise invalid("flags", "IS_COMPONENTS_V2 cannot be removed")
            flags = message.flags & ~SETTABLE | payload["flags"] & SETTABLE
        channel = self._discord.world.channels[message.channel_id]
        attachments = self._kept(message, payload)
        attachments += self._attach(body, channel, ephemeral=bool(message.flags & EPHEMERAL))
        content = payload["content"] or "" if "content" in payload else message.content
        embeds = payload["embeds"] or [] if "embeds" in payload else message.embeds
        components = without_nulls(payload["components"] or []) if "components" in payload else message.components
        check_message(
            payload=payload,
            flags=flags,
            names={one.filename for one in attachments},
            has_more=False,
            content=content,
            embeds=embeds,
            components=components,
        )
        self._moderate(content, payload, message.author)
        message.content, message.embeds, message.components = content, embeds, components
        message.attachments, message.flags = attachments, flags & ~LOADING
        message.edited_at = time.time()
        message.edits += 1
        self._mention(message, channel, payload)
        self._write("message-edited", message, by=by)
        self.announce("MESSAGE_UPDATE", message)
        return message

    def defer(self, interaction: Interaction, *, hidden: bool) -> Message:
        """The message that says "thinking…" until it is edited."""
        channel = interaction.channel
        message = Message(
            id=self._discord.world.new_id(),
            channel_id=channel.id,
            author=self._discord.world.bot,
            type=23 if interaction.data.get("target_id") else 20,
            flags=LOADING | (EPHEMERAL if hidden else 0),
            seen_by=interaction.person.id if hidden else None,
            webhook=True,
            metadata=interaction.metadata(self._discord.shapes),
        )
        channel.messages[message.id] = message
        self._write("message-created", message, by="interaction", loading=True)
        self.announce("MESSAGE_CREATE", message)
        return message

    def delete(self, message: Message, *, by: str) -> None:
        """It is gone; what was started from it stays."""
        channel = self._discord.world.channels[message.channel_id]
        del channel.messages[message.id]
        self._write("message-deleted", message, by=by)
        if message.seen_by is None:
            data = {"id": message.id, "channel_id": channel.id}
            data |= {"guild_id": channel.guild_id} if channel.guild_id else {}
            self.send("MESSAGE_DELETE", channel, data)

    def _attach(self, body: Body, channel: Channel, *, ephemeral: bool) -> list[Attachment]:
        entries = {int(one["id"]): one for one in (body.payload or {}).get("attachments") or [] if int(one["id"]) < 1e6}
        made = []
        for number, upload in sorted(body.files.items()):
            if entries and number not in entries:
                continue
            entry = entries.get(number, {})
            facts = {"title": entry.get("title"), "description": entry.get("description"), "ephemeral": ephemeral}
            name = entry.get("filename") or upload.name
            made.append(self._discord.cdn.keep(upload.id, upload.path, name, **facts))
            self._discord.cdn.channel_of[upload.id] = channel.id
        return made

    @staticmethod
    def _kept(message: Message, payload: dict[str, Any]) -> list[Attachment]:
        """API v10: an `attachments` list names everything to keep."""
        if "attachments" not in payload:
            return list(message.attachments)
        named = {str(one["id"]) for one in payload["attachments"] or []}
        if unknown := {one for one in named if len(one) >= 15} - {one.id for one in message.attachments}:
            raise invalid("attachments", f"unknown attachments {sorted(unknown)}")
        return [one for one in message.attachments if one.id in named]

    def _moderate(self, content: str, payload: dict[str, Any], author: Person) -> None:
        words = self._discord.settings["automod_words"]
        text = content + str(payload.get("components") or "")
        if author.bot and any(word.lower() in text.lower() for word in words):
            raise Refused(200000)

    def _reference(self, channel: Channel, given: dict[str, Any]) -> dict[str, Any]:
        place = given.get("channel_id") or channel.id
        reference = {"type": given.get("type") or 0, "channel_id": place, "message_id": given["message_id"]}
        guild_id = self._discord.world.channels[place].guild_id
        return reference | ({"guild_id": guild_id} if guild_id else {})

    def _mention(self, message: Message, channel: Channel, payload: dict[str, Any]) -> None:
        """Who is named, and may be: `allowed_mentions` of the bot decides, people may name anybody."""
        world = self._discord.world
        texts = [message.content, *(one["content"] for one in walk(message.components) if "content" in one)]
        named = {one for text in texts for one in _MENTION.findall(text)}
        roles = {one for text in texts for one in _ROLE.findall(text)}
        allowed = payload.get("allowed_mentions") if message.author.bot else None
        if allowed is not None:
            parse = allowed.get("parse") or []
            named = named if "users" in parse else named & set(allowed.get("users") or [])
            roles = roles if "roles" in parse else roles & set(allowed.get("roles") or [])
        everyone = allowed is None or "everyone" in (allowed.get("parse") or [])
        original = channel.messages.get((message.reference or {}).get("message_id", ""))
        if original is not None and (allowed is None or allowed.get("replied_user")) and payload.get("replied", True):
            named = named | {original.author.id}
        message.mentions = [world.people[one] for one in sorted(named) if one in world.people]
        message.mention_roles = sorted(roles)
        message.mention_everyone = everyone and any("@everyone" in text for text in texts)

    def _unarchive(self, channel: Channel) -> None:
        if channel.archived:
            channel.archived, channel.archive_changed_at = False, time.time()
            self._discord.journal.write("thread-unarchived", thread=channel.id)
            self._discord.announce_channel("THREAD_UPDATE", channel)

    def _write(self, event: str, message: Message, *, by: str, **facts: Any) -> None:
        names = {one.filename for one in message.attachments}
        if message.author.bot and (why := unseen(message.flags, names, message.components)) is not None:
            self._discord.violation(f"{event}: {why}", message.components)
        self._discord.journal.write(
            event,
            message=message.id,
            channel=message.channel_id,
            author=message.author.id,
            bot=message.author.bot,
            by=by,
            files=[one.filename for one in message.attachments],
            sizes=[one.size for one in message.attachments],
            sha256=[one.sha256 for one in message.attachments],
            texts=[one["content"] for one in walk(message.components) if "content" in one],
            content=message.content,
            flags=message.flags,
            ephemeral=message.seen_by is not None,
            **facts,
        )
