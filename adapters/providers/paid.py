"""What every paid service behind an HTTP API has in common as a provider; each adds what it is asked and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import structlog

from adapters.providers.hosting import Hosting
from adapters.providers.patience import NoVideoYet
from adapters.providers.remote import RemoteApi
from bot.errors import Refused
from bot.jobs.model import Asset
from bot.languages.said import say
from bot.ports import Capacity, Clock, HostedInput, Model

log = structlog.get_logger(__name__)

MOST_ODD_WORDS: Final = 20


class PaidProvider:
    """One account: its API, its catalogue, its capacity and how it gets its inputs."""

    name: ClassVar[str]

    def __init__(
        self, api: RemoteApi, models: Sequence[Model], capacity: Capacity, clock: Clock, hosting: Hosting
    ) -> None:
        self.api = api
        self.capacity = capacity
        self._models = tuple(models)
        self._clock = clock
        self._hosting = hosting
        self._no_video = NoVideoYet(clock)
        self._odd_words: set[str] = set()

    @property
    def home(self) -> str:
        """Their API, as configured."""
        return self.api.base_url

    @property
    def skew_s(self) -> float:
        """Seconds by which their clock is ahead of ours."""
        return self.api.skew_s

    def models(self) -> Sequence[Model]:
        """From the catalogue."""
        return self._models

    async def host(self, asset: Asset) -> HostedInput:
        """At their own store, where everybody who has the address can read it; else at our signed address."""
        return await self._hosting.host(asset)

    def _model(self, slug: str) -> Model:
        """The catalogue entry; `Refused` when there is none (any more)."""
        for model in self._models:
            if model.slug == slug:
                return model
        raise Refused(
            say("{provider}'s model {model} is not in the catalogue.", provider=self.api.title, model=slug),
            about="model",
        )

    def _note_word(self, status: object) -> None:
        """Log a state we have never heard of, once."""
        word = str(status)[:40]
        if word not in self._odd_words and len(self._odd_words) < MOST_ODD_WORDS:
            self._odd_words.add(word)
            log.warning("provider.odd_status", provider=self.name, status=word)
