"""The three steps of an upload, and what became of one: Slack shares a file some time after it said that all is well.

Facts: an upload that is never completed is dropped; `ok` of completing does not mean visible, and sometimes nothing ever
is; `files.info` names the message once it is there; `alt_txt` makes a file that is never shared, so it is not sent;
blocks are ignored beside a comment (docs.slack.dev, files.completeUploadExternal, read 2026-05-26;
slackapi/python-slack-sdk#1277, #1818; paradigmxyz/centaur#311).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from adapters.chat.slack.api import Bot, SlackApi, SlackError
from adapters.chat.slack.course import Place
from bot.ports import Clock

VISIBLE_WITHIN_S: Final = 60.0
PAUSES_S: Final = (0.3, 0.7, 1.0, 2.0, 4.0, 8.0)
"""Between two looks; the last one stays."""
MISSING_WITHIN_S: Final = 4.0
"""For so long "not found" is no proof that an upload was not completed: the answer may be older than the completion."""
NEVER_THERE: Final = frozenset({"file_not_found"})
DELETED: Final = frozenset({"file_deleted"})


class Fate(Enum):
    """What became of a file that is not visible in its place."""

    HIDDEN = "hidden"
    """It is there, and not shared (yet)."""
    MISSING = "missing"
    """Slack does not know it: its upload was never completed."""
    DELETED = "deleted"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file on our disk, and its name on Slack."""

    path: Path
    filename: str


class Sharing:
    """Uploads files and follows them until they can be seen."""

    def __init__(self, api: SlackApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def upload(self, bot: Bot, files: Sequence[Upload]) -> tuple[str, ...]:
        """Send the bytes; Slack's ids of the files. Nobody sees them, and what is left like this Slack drops."""
        ids = []
        for each in files:
            size = each.path.stat().st_size
            opened = await self._api.call(bot, "files.getUploadURLExternal", filename=each.filename, length=size)
            await self._api.send(str(opened["upload_url"]), each.path)
            ids.append(str(opened["file_id"]))
        return tuple(ids)

    async def complete(self, bot: Bot, files: Sequence[tuple[str, str]], place: Place, comment: str) -> None:
        """Share files (id and title) in their place, in one message."""
        named = [{"id": file, "title": title} for file, title in files]
        await self._api.call(
            bot,
            "files.completeUploadExternal",
            files=named,
            channel_id=place.channel,
            thread_ts=place.root,
            initial_comment=comment,
        )

    async def seen(self, bot: Bot, file: str, place: Place, *, until: float) -> str | Fate:
        """The `ts` of the message that shows a file in its place, waiting for it until this monotonic time."""
        looks = 0
        patience = {Fate.HIDDEN: until, Fate.MISSING: min(until, self._clock.monotonic() + MISSING_WITHIN_S)}
        while True:
            found = await self._look(bot, file, place)
            left = 0.0 if isinstance(found, str) else patience.get(found, 0.0) - self._clock.monotonic()
            if left <= 0:
                return found
            # The last look is at the very end.
            await self._clock.sleep(min(left, PAUSES_S[min(looks, len(PAUSES_S) - 1)]))
            looks += 1

    async def messages(self, bot: Bot, files: Sequence[str]) -> set[str]:
        """Every message that shows one of these files, as `channel:ts`, as far as Slack says."""
        found = set()
        for file in files:
            try:
                said = await self._described(bot, file)
            except SlackError:
                continue
            for kind in (said.get("shares") or {}).values():
                found |= {f"{channel}:{share['ts']}" for channel, shares in kind.items() for share in shares}
        return found

    async def delete(self, bot: Bot, files: Sequence[str]) -> None:
        """Delete files; harmless for those that are gone."""
        for file in files:
            try:
                await self._api.call(bot, "files.delete", file=file)
            except SlackError as error:
                if error.error not in NEVER_THERE | DELETED:
                    raise

    async def _described(self, bot: Bot, file: str) -> dict[str, Any]:
        return (await self._api.call(bot, "files.info", file=file)).get("file") or {}

    async def _look(self, bot: Bot, file: str, place: Place) -> str | Fate:
        try:
            said = await self._described(bot, file)
        except SlackError as error:
            if error.error in NEVER_THERE:
                return Fate.MISSING
            if error.error in DELETED:
                return Fate.DELETED
            return Fate.CANNOT_TELL
        shares = said.get("shares") or {}
        for kind in ("public", "private"):
            for share in (shares.get(kind) or {}).get(place.channel) or ():
                return str(share["ts"])
        known = {*said.get("channels", ()), *said.get("groups", ()), *said.get("ims", ())}
        # Some places are listed without the message.
        return "" if place.channel in known else Fate.HIDDEN
