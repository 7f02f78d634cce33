"""How often cards may be updated: a share of the workspace's rate for how each running job ends, the rest for progress.

Facts: `chat.update` takes about 50 calls a minute, workspace and app, shared by all its cards; Slack says so in 429s only
(docs.slack.dev, apis/web-api/rate-limits, read 2026-05-26).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from bot.ports import Clock

A_MINUTE: Final = 48
"""A little less than the 50 that are taken for sure."""
WINDOW_S: Final = 60.0
ALWAYS_FOR_PROGRESS: Final = 6
"""Even where more jobs run than there is room for their ends in one minute."""
MOST_TEAMS: Final = 4096
FORGOTTEN_AFTER_S: Final = 7200.0
"""A job of which nothing was shown for so long ended in another process, which shows it."""


@dataclass(slots=True)
class _Share:
    sent: deque[float] = field(default_factory=deque)
    running: dict[str, float] = field(default_factory=dict)
    """Jobs whose end is still to be shown, and when something of them was shown last."""


class Budget:
    """What may be updated now, by workspace. One per process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shares: dict[str, _Share] = {}

    def take(self, team: str, job_id: str, *, urgent: bool) -> float:
        """Seconds to wait before a card may be updated: 0.0 when it may now, and then it counts.

        `urgent` is what a person waits for: it may use what is kept back for the ends of running jobs.
        """
        share = self._share(team)
        now = self._clock.monotonic()
        while share.sent and share.sent[0] <= now - WINDOW_S:
            share.sent.popleft()
        share.running = {job: at for job, at in share.running.items() if at > now - FORGOTTEN_AFTER_S}
        kept = 0 if urgent else min(len(share.running.keys() | {job_id}), A_MINUTE - ALWAYS_FOR_PROGRESS)
        room = A_MINUTE - kept
        if len(share.sent) < room:
            share.sent.append(now)
            return 0.0
        # Room comes when the oldest of those that are too many is a minute old.
        return share.sent[len(share.sent) - room] + WINDOW_S - now

    def runs(self, team: str, job_id: str) -> None:
        """A job's card is there, and its end will have to be shown."""
        self._share(team).running[job_id] = self._clock.monotonic()

    def ended(self, team: str, job_id: str) -> None:
        """How a job ended is shown."""
        self._share(team).running.pop(job_id, None)

    def _share(self, team: str) -> _Share:
        found = self._shares.get(team)
        if found is None:
            if len(self._shares) >= MOST_TEAMS:
                now = self._clock.monotonic()
                self._shares = {
                    team: each
                    for team, each in self._shares.items()
                    if each.running or (each.sent and each.sent[-1] > now - WINDOW_S)
                }
            found = self._shares[team] = _Share()
        return found
