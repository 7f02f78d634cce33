"""Rate limits: a window of a minute per workspace and method, and about one message a second and channel.

`limits` in the settings holds [requests, seconds] per tier, and [burst, per second] for `post`; `false` for one, or for
all, switches it off. Who asks again before the told time is over breaks a rule, not only meets another 429.
Sources: docs.slack.dev/apis/web-api/rate-limits; the platforms fact sheet, 2.6.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

LIMITS: dict[str, Any] = {
    "post": [5, 1.0],
    "tier1": [10, 60.0],  # apps.connections.open: documented as 1+, seen far higher
    "tier2": [20, 60.0],
    "tier3": [50, 60.0],
    "tier4": [100, 60.0],
    "tier5": [600, 60.0],  # "special": hundreds
}
Key = tuple[str, str, str]


class Throttled(Exception):
    """429 and `Retry-After`, in whole seconds."""

    def __init__(self, retry_after: float) -> None:
        self.retry_after = max(0, math.ceil(retry_after))
        super().__init__(str(retry_after))


class Limits:
    """Counts calls."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._windows: dict[Key, deque[float]] = {}
        self._tokens: dict[Key, tuple[float, float]] = {}
        self._told: dict[Key, tuple[float, float]] = {}  # when it was said, and until when

    def forget(self) -> None:
        """Count anew, and hold nobody to what was told before."""
        self._windows.clear()
        self._tokens.clear()
        self._told.clear()

    def check(self, key: Key, tier: int) -> None:
        """Count a call; raises `Throttled` when there have been too many."""
        self.heed(key)
        kind = "post" if tier == 0 else f"tier{tier}"
        size = self._size(kind, key)
        if size is None:
            return
        wait = self._bucket_wait(key, *size) if kind == "post" else self._window_wait(key, *size)
        if wait > 0:
            self.refuse(key, wait)

    def refuse(self, key: Key, wait: float) -> None:
        """Say 429, and remember until when."""
        throttled = Throttled(wait)
        now = time.monotonic()
        self._told[key] = (now, now + throttled.retry_after)
        method, workspace, channel = key
        facts = {"method": method, "workspace": workspace, "channel": channel}
        self._slack.journal.write("throttled", retry_after=throttled.retry_after, **facts)
        raise throttled

    def heed(self, key: Key) -> None:
        """A call before the told time is over is a violation; one that was under way already is nobody's fault."""
        said, until = self._told.get(key, (0.0, 0.0))
        now = time.monotonic()
        if now < until - 0.02 and now - said > self._slack.settings["in_flight_s"]:
            left = {"left_s": round(until - now, 3), "workspace": key[1], "channel": key[2]}
            self._slack.violation(f"Retry-After ignored: {key[0]}", left)

    def _size(self, kind: str, key: Key) -> tuple[int, float] | None:
        per_minute = self._slack.settings["history_per_minute"]
        if key[0] in {"conversations.history", "conversations.replies"} and per_minute is not None:
            return int(per_minute), 60.0
        sizes = self._slack.settings["limits"]
        if sizes is False:
            return None
        size = {**LIMITS, **sizes}[kind]
        return None if size is False else (size[0], size[1])

    def _window_wait(self, key: Key, most: int, seconds: float) -> float:
        now = time.monotonic()
        window = self._windows.setdefault(key, deque())
        while window and now - window[0] >= seconds:
            window.popleft()
        if len(window) >= most:
            return seconds - (now - window[0])
        window.append(now)
        return 0.0

    def _bucket_wait(self, key: Key, burst: int, per_second: float) -> float:
        now = time.monotonic()
        left, since = self._tokens.get(key, (float(burst), now))
        left = min(float(burst), left + (now - since) * per_second)
        if left < 1:
            self._tokens[key] = (left, now)
            return (1 - left) / per_second
        self._tokens[key] = (left - 1, now)
        return 0.0
