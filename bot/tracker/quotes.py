"""Today's price of a job: the provider's own quote where it gives one, else the catalogue's. Asked rarely, kept briefly.

A quote that cannot be had is no reason to stop: what was told before stands, and the provider's own figure is booked in
the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bot.errors import ProviderUnavailable
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import Clock, Quotes
from bot.tracker.outside import Outside

FRESH_S: Final = 600.0
QUOTE_TIMEOUT_S: Final = 5.0
"""The person is waiting for the price."""

Offer = tuple[str, str, int, str]
"""Provider, model, seconds, resolution."""


@dataclass(frozen=True, slots=True)
class _Answer:
    at: float
    """Monotonic."""
    quoted: Money | None = None
    failed: bool = False


@dataclass(slots=True)
class QuoteBook:
    """The quotes of the last ten minutes, in memory: as many as there are offers."""

    _known: dict[Offer, _Answer] = field(default_factory=dict)

    async def price(self, job: Job, provider: object, listed: Money, clock: Clock, outside: Outside) -> Money:
        """What the job costs today; `listed` is what the catalogue says."""
        if not isinstance(provider, Quotes):
            return listed
        offer = (job.provider, job.model, job.settings.duration_s, job.settings.resolution)
        answer = self._known.get(offer)
        if answer is None or clock.monotonic() - answer.at >= FRESH_S:
            answer = self._known[offer] = await self._ask(job, provider, clock, outside)
        if answer.failed and job.state is not State.RECEIVED:
            # Nobody knows better at the moment than what the person was told.
            return job.quote
        return listed if answer.quoted is None else answer.quoted

    async def _ask(self, job: Job, provider: Quotes, clock: Clock, outside: Outside) -> _Answer:
        try:
            asking = provider.quote(job.model, job.settings)
            quoted = await outside.call("provider.quote", asking, timeout_s=QUOTE_TIMEOUT_S, at=job.provider)
        except ProviderUnavailable:
            return _Answer(clock.monotonic(), failed=True)
        return _Answer(clock.monotonic(), quoted)
