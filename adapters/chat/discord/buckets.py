"""Discord's rate limits, kept before they are hit: buckets as its answers describe them, and the limit of everything.

Facts: the headers say how often a route may still be asked, until when, and which routes share a bucket; 50 requests a
second in all; 10,000 refused requests in ten minutes shut an address out (Discord documentation, topics/rate-limits,
read 2026-08-06).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from bot.errors import DeliveryDelayed
from bot.ports import Clock

GUESSED_LIMIT, GUESSED_WINDOW_S = 5, 5.0
"""Of a bucket that no answer described yet: what clients commonly see for messages in a channel."""
IN_ALL, IN_ALL_S = 45, 1.0
"""A little less than the 50 a second that a bot may send altogether."""
MOST_BUCKETS = 4096


class RateLimited(DeliveryDelayed):
    """Discord wants a pause that is longer than the caller wants to wait. Nothing was done."""


@dataclass(slots=True)
class _Bucket:
    limit: int = GUESSED_LIMIT
    remaining: int = GUESSED_LIMIT
    resets_at: float = 0.0


class Buckets:
    """What may be sent now. One per process and bot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[str, str] = {}
        """Discord's name of the bucket a route belongs to."""
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._sent: deque[float] = deque()
        self._shut_until = 0.0

    async def turn(self, route: str, place: str, *, patience_s: float) -> None:
        """Wait until a request may be sent; `RateLimited` when that takes longer than `patience_s`."""
        waited_until = self._clock.monotonic() + patience_s
        while (pause := self._pause(route, place)) > 0:
            if self._clock.monotonic() + pause > waited_until:
                raise RateLimited("Discord asked for a pause; trying again.", retry_after_s=pause)
            await self._clock.sleep(pause)
        bucket = self._bucket(route, place)
        bucket.remaining -= 1
        self._sent.append(self._clock.monotonic())

    def give_back(self, route: str, place: str) -> None:
        """The turn that came last was not used."""
        self._bucket(route, place).remaining += 1
        if self._sent:
            self._sent.pop()

    def learn(self, route: str, place: str, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of its bucket."""
        try:
            limit = int(headers["x-ratelimit-limit"])
            remaining = int(headers["x-ratelimit-remaining"])
            resets_at = self._clock.monotonic() + float(headers["x-ratelimit-reset-after"])
        except (KeyError, ValueError):
            return
        if name := headers.get("x-ratelimit-bucket"):
            self._names[route] = name
        bucket = self._bucket(route, place)
        is_same_window = abs(bucket.resets_at - resets_at) < 0.5
        bucket.limit, bucket.resets_at = limit, resets_at
        # What is on its way just now is not counted there yet.
        bucket.remaining = min(bucket.remaining, remaining) if is_same_window else remaining

    def refused(self, route: str, place: str, pause_s: float, *, of_all: bool) -> None:
        """Take in a 429: this bucket, or everything, rests."""
        until = self._clock.monotonic() + pause_s
        if of_all:
            self._shut_until = max(self._shut_until, until)
        else:
            bucket = self._bucket(route, place)
            bucket.remaining, bucket.resets_at = 0, until

    def beside(self, route: str) -> list[str]:
        """This route, and those that are known to share its bucket."""
        name = self._names.get(route)
        return [route, *(each for each, known in self._names.items() if known == name and each != route)]

    def _pause(self, route: str, place: str) -> float:
        now = self._clock.monotonic()
        if self._shut_until > now:
            return self._shut_until - now
        while self._sent and self._sent[0] <= now - IN_ALL_S:
            self._sent.popleft()
        if len(self._sent) >= IN_ALL:
            return self._sent[0] + IN_ALL_S - now
        bucket = self._bucket(route, place)
        if bucket.resets_at <= now:
            bucket.remaining, bucket.resets_at = bucket.limit, now + GUESSED_WINDOW_S
        return bucket.resets_at - now if bucket.remaining <= 0 else 0.0

    def _bucket(self, route: str, place: str) -> _Bucket:
        key = (self._names.get(route, route), place)
        found = self._buckets.get(key)
        if found is None:
            if len(self._buckets) >= MOST_BUCKETS:
                now = self._clock.monotonic()
                self._buckets = {key: each for key, each in self._buckets.items() if each.resets_at > now}
            found = self._buckets[key] = _Bucket()
        return found
