"""Whose turn it is at each provider, and whether a provider that rests is well again: for every engine."""

from __future__ import annotations

import structlog

from bot.errors import KeyRefused
from bot.ids import JobId
from bot.ports import Clock
from bot.stores import Stores
from bot.tracker.breaker import Health
from bot.tracker.desk import Desk

log = structlog.get_logger(__name__)

LINE_EVERY_S = 1.0
"""How often each provider's line is looked at even though nothing seemed to change: capacity per minute comes back."""
LINE_SETTLES_S = 0.01
"""What changes within this time is one change of the line."""
RECONCILE_EVERY_S = 3600.0
"""How often what ended jobs left open at their providers is followed up."""


class Line:
    """The lines of all providers."""

    def __init__(self, desk: Desk, stores: Stores, clock: Clock) -> None:
        self._desk = desk
        self._stores = stores
        self._clock = clock

    @property
    def providers(self) -> list[str]:
        """Their names."""
        return list(self._desk.providers)

    async def turns(self, name: str) -> list[JobId]:
        """Jobs whose turn it is at a provider now: at most as many as it has room for."""
        capacity = self._desk.providers[name].capacity
        return await self._stores.submissions.next_in_line(name, capacity, self._desk.person_concurrent)

    async def look_at(self, name: str) -> None:
        """Half-open begins with a free request: answered, creates go on; else the provider rests longer."""
        health = await self._stores.health.load(name)
        if not health.paused and health.rest_is_over(self._clock.now()):
            await self._try_again(name)

    async def _try_again(self, name: str) -> None:
        desk = self._desk
        answered = True
        try:
            asking = desk.providers[name].balance()
            await desk.outside.call("provider.balance", asking, timeout_s=desk.times.call_timeout_s, at=name)
        except Exception as error:
            # Whatever it was, the provider did not answer properly, and that is all we ask here.
            log.warning("provider.still_silent", provider=name, exc_info=True)
            answered = False
            if isinstance(error, KeyRefused):
                desk.troubles.note(name, "account", str(error))
        now = self._clock.now()

        def change(health: Health) -> Health:
            return health.after_free_request(answered=answered, now=now)

        await self._stores.health.change(name, change)
