"""Slack's tiers where several processes talk to one workspace: what all of them keep, in the database.

Facts: a minute of a method and a workspace, by tier: 20, 50, 100 calls and more; about one post a second in a channel, in
short bursts more (docs.slack.dev, apis/web-api/rate-limits, read 2026-05-26). What answers a press within three seconds
(windows, whispers, looking up who pressed) asks nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from adapters.chat.pacing import Pacing, evenly
from bot.ports import Clock

Key = tuple[str, str, str]
"""Workspace, method, and channel where it is a post."""

POST: Final = "chat.postMessage"
UPDATE: Final = "chat.update"
_TIER_2: Final = (evenly(19, 60.0, 4), 4)
_TIER_3: Final = (evenly(48, 60.0, 12), 12)
_TIER_4: Final = (evenly(95, 60.0, 30), 30)
PACES: Final[Mapping[str, tuple[float, int]]] = {
    POST: (1.05, 3),
    UPDATE: _TIER_3,
    "chat.delete": _TIER_3,
    "conversations.history": _TIER_3,
    "conversations.open": _TIER_3,
    "conversations.replies": _TIER_3,
    "files.completeUploadExternal": _TIER_4,
    "files.delete": _TIER_3,
    "files.getUploadURLExternal": _TIER_4,
    "files.info": _TIER_4,
    "reactions.add": _TIER_3,
    "reactions.remove": _TIER_2,
}
"""The interval and how many at once, of what is said without somebody waiting for it within three seconds."""
LEFT_BY_PROGRESS: Final = 6
"""Updates at once that progress leaves to ends and questions, which a person waits for."""
PATIENCE_S: Final = 10.0
HURRIED_S: Final = 3.0
"""Who cannot wait this long for Slack's answer does not wait for the others either."""
FIRST_FOR_S: Final = 20.0
"""How long a card belongs to the process that began to post it."""


class Together:
    """What is kept by all processes that talk to a workspace."""

    def __init__(self, pacing: Pacing, clock: Clock) -> None:
        self._pacing = pacing
        self._clock = clock

    async def turn(self, key: Key, *, leaving: int) -> float:
        """Wait until a call may be made, and return 0.0; or the seconds that it would take, when that is too long."""
        if key[1] not in PACES:
            return 0.0
        every_s, burst = PACES[key[1]]
        # What leaves something to others can wait for the next time.
        patience_s = 0.0 if leaving else PATIENCE_S
        pause = await self._pacing.reserve(
            _name(key), every_s=every_s, burst=burst, leaving=leaving, within_s=patience_s
        )
        if pause > patience_s:
            return pause
        if pause > 0:
            await self._clock.sleep(pause)
        return 0.0

    async def refused(self, key: Key, pause_s: float) -> None:
        """Somebody was told 429: nobody makes this call."""
        if key[1] in PACES:
            await self._pacing.hold([_name(key)], pause_s)

    async def may_begin(self, job_id: str) -> bool:
        """Whether no other process is posting this job's card just now."""
        return await self._pacing.is_first(f"slack:card:{job_id}", for_s=FIRST_FOR_S)


def _name(key: Key) -> str:
    return ":".join(["slack", *(part for part in key if part)])
