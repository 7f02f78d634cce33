"""What every step works with, and what a step may answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.errors import BadPrompt
from bot.jobs.model import Job, Wish, WishKind
from bot.jobs.moves import Move
from bot.languages.said import say
from bot.money.amount import Money
from bot.ports import Clock, Courier, Fetcher, MediaStore, MediaWorkshop, Model, Provider
from bot.stores import Stores
from bot.telemetry.connections import Connections
from bot.telemetry.metrics import Metrics
from bot.tracker.outside import Outside
from bot.tracker.polls import Moment, PollLog
from bot.tracker.quotes import QuoteBook
from bot.tracker.render_times import Measured, RenderKey
from bot.tracker.retry import backoff
from bot.tracker.schedule import Times
from bot.tracker.troubles import Troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do before `until`, or before a wake-up. `None`: only a wake-up ends it."""

    until: datetime | None = None
    for_turn: bool = False
    """Waits for its turn at the provider; the engine asks who is next."""
    wrote: bool = False
    """Something was written beside the job's own moves: it must be read again before it is gone on with."""
    lost: bool = False
    """The job is somebody else's by now."""


Next = Move | Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything a step may use. Built once by the composition root."""

    stores: Stores
    providers: Mapping[str, Provider]
    couriers: Mapping[str, Courier]
    media: MediaStore
    workshop: MediaWorkshop
    fetchers: Mapping[str, Fetcher]
    """By URL scheme."""
    clock: Clock
    outside: Outside
    times: Times
    scratch: Path
    """A directory for files under way; emptied at every start."""
    confirm_above: Money = Money.usd(1)
    person_concurrent: int = 3
    webhook_url: Callable[[str, str], str | None] = lambda _provider, _token: None
    """(provider, token) → the address a provider may call, when a public URL is set."""
    rng: random.Random = field(default_factory=random.Random)
    quotes: QuoteBook = field(default_factory=QuoteBook)
    polls: PollLog = field(default_factory=PollLog)
    """What this process remembers of the renders it asks about."""
    troubles: Troubles = field(default_factory=Troubles)
    """What providers said of their accounts."""
    connections: Connections = field(default_factory=Connections)
    """The chats this process answers."""

    @property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return self.outside.metrics

    def moment(self) -> Moment:
        """Now, on both clocks."""
        return Moment(wall=self.clock.now(), monotonic=self.clock.monotonic())

    def model(self, job: Job) -> Model:
        """The catalogue entry a job asks for. `BadPrompt` when it is gone."""
        provider = self.providers.get(job.provider)
        for model in provider.models() if provider else ():
            if model.slug == job.model:
                return model
        raise BadPrompt(
            say(
                "The model {model} of {provider} is not available here any more; choose another.",
                model=job.model,
                provider=job.provider,
            )
        )

    def typical_s(self, job: Job) -> float | None:
        """How long such a render usually takes by the vendor's word, in seconds, where there is one."""
        try:
            return self.model(job).typical_s
        except BadPrompt:
            return None

    async def measured(self, job: Job) -> Measured:
        """How long renders like this job's took."""
        settings = job.settings
        return await self.stores.render_times.of(job.provider, job.model, settings.duration_s, settings.resolution)

    def price(self, job: Job) -> Money:
        """What the job costs today."""
        return self.model(job).price.price(duration_s=job.settings.duration_s, resolution=job.settings.resolution)

    async def price_now(self, job: Job) -> Money:
        """What the job costs today by the provider's own quote, where it gives one. `BadPrompt` when its model is gone."""
        provider = self.providers.get(job.provider)
        return await self.quotes.price(job, provider, self.price(job), self.clock, self.outside)

    def retry(self, job: Job, why: str, *, asked_s: float | None = None) -> Move:
        """Stay in the state, and try again later: exponential, jittered, the reason on the card."""
        wait = backoff(
            job.tries,
            first=self.times.retry_first,
            longest=self.times.retry_longest,
            asked_s=asked_s,
            rng=self.rng,
        )
        later = {"tries": job.tries + 1, "next_at": self.clock.now() + wait, "note": why}
        return Move(job=job, to=job.state, changes=later)


def kind_of(job: Job) -> RenderKey:
    """Which renders this one is comparable with."""
    settings = job.settings
    return RenderKey(
        provider=job.provider, model=job.model, duration_s=settings.duration_s, resolution=settings.resolution
    )


def first_of(wishes: Sequence[Wish], *kinds: WishKind) -> Wish | None:
    """The earliest wish of these kinds: the first committed wins."""
    return next((wish for wish in wishes if wish.kind in kinds), None)


def ids(wishes: Sequence[Wish], *kinds: WishKind) -> tuple[int, ...]:
    """Ids of all wishes of these kinds (all kinds when none are named)."""
    return tuple(wish.id for wish in wishes if not kinds or wish.kind in kinds)
