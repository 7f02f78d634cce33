"""chat.* and reactions.*: posting, changing, deleting, and what no bot should post."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.emulators.slack_blocks import completed, errors_in, mrkdwn_in
from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_state import Channel, Grant, Message
from tests.emulators.slack_words import pings

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

LONGEST_POST, LONGEST_UPDATE, MOST_REACTIONS = 40_000, 4_000, 23
EMOJI = re.compile(r"[a-z0-9_+'-]+(::skin-tone-[2-6])?")
UNANSWERABLE = {"channel_join", "channel_leave", "channel_archive"}


class Messages:
    """The bot's messages."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    # Posting

    async def post(self, call: Call) -> dict[str, Any]:
        """chat.postMessage."""
        channel = self._slack.channels.find_for_posting(call)
        text, blocks = self.content(call.method, call.args, longest=LONGEST_POST)
        thread_ts = self.thread(channel, call)
        message = self.create(
            channel, call.grant, text=text, blocks=blocks, thread_ts=thread_ts, metadata=self._metadata(call)
        )
        shown = self._slack.shapes.message(message, call.grant)
        return {"channel": channel.id, "ts": message.ts, "message": shown}

    def content(self, what: str, given: dict[str, Any], *, longest: int) -> tuple[str, list[dict[str, Any]]]:
        """Text and blocks, checked as Slack checks them, and judged as Slack does not."""
        text, blocks = given.get("text") or "", given.get("blocks") or []
        markdown = given.get("markdown_text") or ""
        if markdown and (text or blocks):
            raise Refused("markdown_text_conflict")
        if not (text or blocks or markdown or given.get("attachments")):
            raise Refused("no_text")
        if len(text) > longest:
            raise Refused("msg_too_long", f"{len(text)} characters")
        if errors := errors_in(blocks, where="message"):
            self._slack.violation(f"{what}: invalid blocks: {'; '.join(errors[:5])}", blocks)
            raise Refused(
                "invalid_blocks", "; ".join(errors), {"errors": errors, "response_metadata": {"messages": errors}}
            )
        if given.get("attachments"):
            self._slack.violation(f"{what}: attachments are a thing of the past", given["attachments"])
        if blocks and not text:
            self._slack.violation(f"{what}: blocks without text", blocks)
        self.judge_pings(what, [text, markdown, *mrkdwn_in(blocks)])
        return text or markdown, completed(blocks)

    def judge_pings(self, what: str, texts: list[str]) -> None:
        """Whoever writes texts of others must not let them ping."""
        for ping in pings(texts, self._slack.settings["mentionable"]):
            self._slack.violation(f"{what}: would ping {ping}", texts)

    def _metadata(self, call: Call) -> dict[str, Any] | None:
        metadata = call.get("metadata")
        if metadata and set(metadata) != {"event_type", "event_payload"}:
            raise Refused("invalid_metadata_format")
        return metadata or None

    def thread(self, channel: Channel, call: Call) -> str | None:
        """The thread a message goes to."""
        thread_ts: str | None = call.get("thread_ts")
        if thread_ts is None:
            return None
        parent = channel.messages.get(thread_ts)
        if parent is None:
            if thread_ts not in self._slack.gone[channel.id]:
                self._slack.violation(f"{call.method}: no message was ever there: {thread_ts}", call.args)
            return thread_ts
        if parent.subtype in UNANSWERABLE:
            raise Refused("cannot_reply_to_message")
        if parent.is_reply:
            self._slack.violation(f"{call.method}: a reply's ts as thread_ts", call.args)
            return parent.thread_ts
        return thread_ts

    def create(self, channel: Channel, grant: Grant, **facts: Any) -> Message:
        """A message of the bot's; the journal has it before anybody sees it."""
        via = facts.pop("via", None)
        message = Message(
            ts=self._slack.world.new_ts(),
            channel=channel.id,
            user=grant.bot.id,
            bot_id=grant.bot_id,
            team=channel.team.id,
            **facts,
        )
        self._slack.journal.write("message-posted", bot=True, via=via, **self.facts(message))
        self.insert(channel, message)
        self._slack.events.message(channel, message)
        return message

    def insert(self, channel: Channel, message: Message) -> None:
        channel.messages[message.ts] = message
        parent = channel.messages.get(message.thread_ts or "")
        if parent is not None:
            parent.thread_ts = parent.ts

    def facts(self, message: Message) -> dict[str, Any]:
        """What the journal says about a message."""
        return {
            "channel": message.channel,
            "ts": message.ts,
            "thread": message.thread_ts if message.is_reply else None,
            "user": message.user,
            "text": message.text,
            "blocks": message.blocks,
            "files": [one.name for one in message.files],
            "metadata": message.metadata,
        }

    # Changing

    async def update(self, call: Call) -> dict[str, Any]:
        """chat.update: its own messages only."""
        channel, message = self._own(call, "cant_update_message")
        if channel.archived:
            raise Refused("is_inactive")
        if self._slack.settings["edit_window_closed"]:
            raise Refused("edit_window_closed")
        if not (call.get("file_ids") and not call.get("text") and not call.get("blocks")):
            text, blocks = self.content(call.method, call.args, longest=LONGEST_UPDATE)
            self.change(channel, message, text=text, blocks=blocks, given="blocks" in call.args)
        if call.get("file_ids"):
            self._slack.shares.attach(call, channel, message, call.args["file_ids"])
        if "metadata" in call.args:
            message.metadata = self._metadata(call)
        shown = self._slack.shapes.message(message, call.grant)
        return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": shown}

    def change(self, channel: Channel, message: Message, *, text: str, blocks: list[Any], given: bool) -> None:
        """New text and blocks; text alone removes the blocks, and with them the buttons."""
        if message.blocks and not given:
            self._slack.violation("chat.update: text without blocks removes the blocks", text)
        before = self._slack.shapes.message(message)
        message.text, message.blocks = text, blocks
        message.edits += 1
        message.shows_edited = message.shows_edited or not blocks
        self._slack.journal.write("message-updated", edits=message.edits, **self.facts(message))
        self._slack.events.message_changed(channel, message, before)

    async def delete(self, call: Call) -> dict[str, Any]:
        """chat.delete."""
        channel, message = self._own(call, "cant_delete_message")
        self.remove(channel, message, by="bot")
        return {"channel": channel.id, "ts": message.ts}

    def remove(self, channel: Channel, message: Message, *, by: str) -> None:
        """A message goes; its thread stays."""
        before = self._slack.shapes.message(message)
        del channel.messages[message.ts]
        self._slack.gone[channel.id].add(message.ts)
        bot = message.bot_id is not None
        self._slack.journal.write("message-deleted", channel=channel.id, ts=message.ts, by=by, bot=bot)
        self._slack.events.message_deleted(channel, message, before)

    def _own(self, call: Call, error: str) -> tuple[Channel, Message]:
        channel, message = self._slack.channels.message(call, "ts")
        if message.user != call.grant.bot.id:
            raise Refused(error)
        if call.grant.bot.id not in channel.members and "chat:write.public" not in call.grant.scopes:
            raise Refused("not_in_channel")
        return channel, message

    # For one person only

    async def ephemeral(self, call: Call) -> dict[str, Any]:
        """chat.postEphemeral."""
        channel = self._slack.channels.find_for_posting(call)
        if call.args["user"] not in channel.members:
            raise Refused("user_not_in_channel")
        text, blocks = self.content(call.method, call.args, longest=LONGEST_POST)
        thread_ts = self.thread(channel, call)
        if thread_ts is not None:
            parent = channel.messages.get(thread_ts)
            if parent is None or parent.thread_ts is None:
                # "Ephemeral messages in threads are only shown if there is already an active thread."
                self._slack.journal.write("ephemeral-unseen", channel=channel.id, thread=thread_ts)
        made = self.whisper(channel, call.grant, call.args["user"], text, blocks, via=call.method, thread_ts=thread_ts)
        return {"message_ts": made.ts}

    def whisper(
        self, channel: Channel, grant: Grant, user: str, text: str, blocks: list[Any], *, via: str, **facts: Any
    ) -> Message:
        """A message that one person sees, and that nothing changes later."""
        message = Message(
            ts=self._slack.world.new_ts(),
            channel=channel.id,
            user=grant.bot.id,
            bot_id=grant.bot_id,
            text=text,
            blocks=blocks,
            seen_by=user,
            via=via,
            team=channel.team.id,
            **facts,
        )
        self._slack.journal.write("ephemeral", seen_by=user, via=via, **self.facts(message))
        channel.ephemerals.append(message)
        return message

    async def permalink(self, call: Call) -> dict[str, Any]:
        """chat.getPermalink."""
        channel, message = self._slack.channels.message(call, "message_ts")
        link = f"https://{channel.team.domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
        if message.is_reply:
            link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
        return {"channel": channel.id, "permalink": link}

    # Reactions

    async def react(self, call: Call) -> dict[str, Any]:
        """reactions.add."""
        channel, message = self._slack.channels.message(call)
        name = call.args["name"].strip(":")
        if not EMOJI.fullmatch(name):
            raise Refused("invalid_name", name)
        if channel.archived:
            raise Refused("is_archived")
        if call.grant.bot.id not in channel.members:
            raise Refused("not_in_channel")
        users = message.reactions.setdefault(name, [])
        if call.grant.bot.id in users:
            raise Refused("already_reacted")
        if len(message.reactions) > MOST_REACTIONS:
            del message.reactions[name]
            raise Refused("too_many_reactions")
        users.append(call.grant.bot.id)
        self._slack.journal.write("reaction-added", channel=channel.id, ts=message.ts, name=name)
        return {}

    async def unreact(self, call: Call) -> dict[str, Any]:
        """reactions.remove."""
        if not (call.get("channel") and call.get("timestamp")):
            raise Refused("no_item_specified")
        channel, message = self._slack.channels.message(call)
        name = call.args["name"].strip(":")
        users = message.reactions.get(name, [])
        if call.grant.bot.id not in users:
            raise Refused("no_reaction")
        users.remove(call.grant.bot.id)
        if not users:
            del message.reactions[name]
        self._slack.journal.write("reaction-removed", channel=channel.id, ts=message.ts, name=name)
        return {}

    async def reactions(self, call: Call) -> dict[str, Any]:
        """reactions.get."""
        if not (call.get("channel") and call.get("timestamp")):
            raise Refused("no_item_specified")
        channel, message = self._slack.channels.message(call)
        return {"type": "message", "channel": channel.id, "message": self._slack.shapes.message(message, call.grant)}
