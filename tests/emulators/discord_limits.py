"""Rate limits with Discord's headers: a bucket per route and channel, and the global one.

`limits` in the settings holds [requests, seconds] per kind of bucket; `false` for a kind, or for all, switches it off. The
sizes are what is commonly observed (create and edit: 5 in 5 s per channel), not what Discord documents: it documents none.
A client that goes on although the last answer said that nothing is left is a violation, not only a 429.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.emulators.discord_errors import Refused

if TYPE_CHECKING:
    from tests.emulators.discord_server import Discord

LIMITS: dict[str, Any] = {
    "create": [5, 5.0],
    "edit": [5, 5.0],
    "delete": [5, 1.0],
    "callback": [50, 1.0],
    "token": [5, 2.0],  # edits and follow-ups through an interaction's token
    "other": [50, 10.0],
    "global": [50, 1.0],
    "old-edit": [3, 60.0],  # messages older than an hour; Discord says only that the quota is small
}
KINDS = {
    "POST /channels/{channel_id}/messages": "create",
    "PATCH /channels/{channel_id}/messages/{message_id}": "edit",
    "DELETE /channels/{channel_id}/messages/{message_id}": "delete",
    "POST /interactions/{interaction_id}/{interaction_token}/callback": "callback",
}


@dataclass(slots=True, kw_only=True)
class Bucket:
    size: int
    seconds: float
    began: float
    used: int = 0
    emptied_at: float | None = None
    """When an answer first said that nothing was left."""


class Throttled(Exception):
    """429, with its headers and body."""

    def __init__(self, retry_after: float, scope: str, headers: dict[str, str]) -> None:
        self.retry_after = round(retry_after, 3)
        self.headers = {
            **headers,
            "Retry-After": str(max(1, int(retry_after + 0.999))),
            "X-RateLimit-Scope": scope,
        }
        self.is_global = scope == "global"
        if self.is_global:
            self.headers["X-RateLimit-Global"] = "true"
        super().__init__(scope)

    def body(self) -> dict[str, Any]:
        message = "You are being rate limited."
        return {"message": message, "retry_after": self.retry_after, "global": self.is_global}


class Limits:
    """Counts requests."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def _size(self, kind: str) -> tuple[int, float] | None:
        sizes = self._discord.settings["limits"]
        if sizes is False:
            return None
        size = {**LIMITS, **sizes}[kind]
        return None if size is False else (size[0], size[1])

    def _bucket(self, kind: str, place: str, key: str) -> Bucket | None:
        if (size := self._size(kind)) is None:
            return None
        now = time.monotonic()
        bucket = self._buckets.get((key, place))
        if bucket is None or now - bucket.began >= bucket.seconds or bucket.size != size[0]:
            bucket = self._buckets[key, place] = Bucket(size=size[0], seconds=size[1], began=now)
        return bucket

    def check(self, operation: str, place: str, *, counted_globally: bool) -> dict[str, str]:
        """Count a request; the headers of its answer. Raises `Throttled` when there have been too many."""
        if counted_globally and (whole := self._bucket("global", "", "global")) is not None:
            whole.used += 1
            if whole.used > whole.size:
                self._discord.journal.write("throttled", operation=operation, scope="global")
                raise Throttled(whole.seconds - (time.monotonic() - whole.began), "global", {})
        kind = KINDS.get(operation, "token" if operation.partition(" ")[2].startswith("/webhooks/") else "other")
        bucket = self._bucket(kind, place, operation if kind != "token" else "token")
        if bucket is None:
            return {}
        bucket.used += 1
        now = time.monotonic()
        left = bucket.seconds - (now - bucket.began)
        headers = {
            "X-RateLimit-Limit": str(bucket.size),
            "X-RateLimit-Remaining": str(max(0, bucket.size - bucket.used)),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.sha1(operation.encode() if kind != "token" else b"token").hexdigest()[:32],
        }
        if bucket.used > bucket.size:
            # A request that was already under way when the answer was written is nobody's fault.
            ignored = bucket.emptied_at is not None and now - bucket.emptied_at > self._discord.settings["in_flight_s"]
            self._discord.journal.write("throttled", operation=operation, scope="user", place=place, ignored=ignored)
            if ignored:
                self._discord.violation(f"rate limit ignored: {operation}", {"place": place, "left_s": round(left, 3)})
            raise Throttled(left, "user", headers)
        if bucket.used == bucket.size:
            bucket.emptied_at = now
        return headers

    def old_edit(self, channel_id: str) -> None:
        """Count an edit of a message older than an hour; 30046 when there have been too many."""
        bucket = self._bucket("old-edit", channel_id, "old-edit")
        if bucket is None:
            return
        bucket.used += 1
        if bucket.used > bucket.size:
            refused = Refused(30046)
            refused.retry_after = round(bucket.seconds - (time.monotonic() - bucket.began), 3)
            raise refused
