"""Discord's limits where several processes talk with one token: what all of them keep, in the database.

Facts: 50 requests a second for a bot; create and edit each take about 5 in 5 s in a channel, seen and not documented;
`X-RateLimit-Scope` says whom a 429 means (Discord documentation, topics/rate-limits, read 2026-08-06).

A refused token and a refused address stay each process's own: others may have a newer token, or another address, and
find out with a single request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from adapters.chat.discord.buckets import RateLimited
from adapters.chat.pacing import Pacing, evenly
from bot.languages.said import say
from bot.ports import Clock

MESSAGES: Final = frozenset({"POST /channels/:id/messages", "PATCH /channels/:id/messages/:id"})
"""The routes that are busy enough for processes to meet."""
A_CHANNEL, A_CHANNEL_S, AT_ONCE = 5, 5.3, 2
"""A little longer than Discord's window: what was sent evenly does not arrive so."""
IN_ALL, IN_ALL_AT_ONCE = 46, 6
"""A second, of the 50; the gateway's own few are not counted here."""
IDENTIFY_EVERY_S: Final = 5.5
IDENTIFY_WITHIN_S: Final = 600.0
FIRST_FOR_S: Final = 20.0
"""How long a card belongs to the process that began to post it."""


class Together:
    """What is kept by all processes of one bot."""

    def __init__(self, pacing: Pacing, clock: Clock, bot: str) -> None:
        self._pacing = pacing
        self._clock = clock
        self._bot = f"discord:{bot}"

    async def turn(self, route: str, place: str, *, within_s: float) -> None:
        """Wait until a request may be sent; `RateLimited` when that takes longer than `within_s`."""
        end = self._clock.monotonic() + within_s
        bucket = self._name(route, place)
        if route in MESSAGES:
            await self._wait(bucket, end, most=A_CHANNEL, window_s=A_CHANNEL_S, burst=AT_ONCE)
            await self._wait(self._all, end, most=IN_ALL, window_s=1.0, burst=IN_ALL_AT_ONCE)
        else:
            await self._wait(self._all, end, most=IN_ALL, window_s=1.0, burst=IN_ALL_AT_ONCE, besides=(bucket,))

    async def refused(self, routes: Iterable[str], place: str, pause_s: float, *, of_all: bool) -> None:
        """Somebody was told 429: these routes, or everything, rest for everybody."""
        names = [self._all] if of_all else [self._name(route, place) for route in routes]
        await self._pacing.hold(names, pause_s)

    async def identify(self) -> None:
        """Wait for our turn to open a session: one in five seconds, whichever shard it is."""
        pause = await self._pacing.reserve(
            f"{self._bot}:identify", every_s=IDENTIFY_EVERY_S, within_s=IDENTIFY_WITHIN_S
        )
        await self._clock.sleep(pause)

    async def may_begin(self, job_id: str) -> bool:
        """Whether no other process is posting this job's card just now."""
        return await self._pacing.is_first(f"discord:card:{job_id}", for_s=FIRST_FOR_S)

    @property
    def _all(self) -> str:
        return f"{self._bot}:all"

    def _name(self, route: str, place: str) -> str:
        return f"{self._bot}:{route}:{place.strip('/')}"

    async def _wait(
        self, name: str, end: float, *, most: int, window_s: float, burst: int, besides: tuple[str, ...] = ()
    ) -> None:
        left = max(0.0, end - self._clock.monotonic())
        pause = await self._pacing.reserve(
            name, every_s=evenly(most, window_s, burst), burst=burst, within_s=left, besides=besides
        )
        if pause > left:
            raise RateLimited(say("Discord asked for a pause; trying again."), retry_after_s=pause)
        if pause > 0:
            await self._clock.sleep(pause)
