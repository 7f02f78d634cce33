"""The share of an uploaded file: later than `ok: true`, and sometimes never (fact sheet 2.5)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tests.emulators.slack_calls import Call, Refused
from tests.emulators.slack_state import Channel, File, Grant, Message

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

LOOK_S = 0.02


class Shares:
    """Posts files, when Slack has looked at them."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._waiting: set[asyncio.Task[None]] = set()

    def later(self, channel: Channel, grant: Grant, files: list[File], *content: Any) -> None:
        """Slack looks at the bytes first; sometimes nothing ever comes of it."""
        silent = [one for one in files if one.silenced]
        never = int(self._slack.settings["never_share"])
        if silent or never:
            if never and not silent:
                self._slack.knobs["never_share"] = never - 1
            self._slack.journal.write("never-shared", files=[one.name for one in files], channel=channel.id)
            return

        async def wait() -> None:
            began = time.monotonic()
            while (left := began + self._slack.settings["share_delay_s"] - time.monotonic()) > 0:  # noqa: ASYNC110  (a knob is read)
                await asyncio.sleep(min(left, LOOK_S))
            self._share(channel, grant, files, *content)

        task = asyncio.create_task(wait())
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    def _share(
        self, channel: Channel, grant: Grant, files: list[File], comment: str, blocks: list[Any], thread_ts: str | None
    ) -> None:
        left = [one for one in files if not one.deleted]
        if not left or grant.revoked or channel.archived:
            return
        message = self._slack.messages.create(
            channel,
            grant,
            text=comment,
            blocks=blocks,
            thread_ts=thread_ts,
            files=left,
            via="files.completeUploadExternal",
        )
        self._shared(channel, message, left)

    def _shared(self, channel: Channel, message: Message, files: list[File]) -> None:
        for file in files:
            file.shares.append((channel.id, message.ts, message.thread_ts if message.is_reply else None))
            facts = {"file": file.id, "name": file.name, "sha256": file.sha256, "thread": message.thread_ts}
            self._slack.journal.write("shared", channel=channel.id, ts=message.ts, **facts)
            self._slack.events.file_shared(channel, file)

    def attach(self, call: Call, channel: Channel, message: Message, ids: list[Any]) -> None:
        """chat.update with `file_ids`."""
        files = [self._slack.world.files.get(str(one)) for one in ids]
        found = [one for one in files if one is not None and one.user == call.grant.bot.id and not one.deleted]
        if len(found) < len(ids):
            raise Refused("file_not_found")
        message.files += found
        self._slack.journal.write("message-updated", edits=message.edits, **self._slack.messages.facts(message))
        self._shared(channel, message, found)
