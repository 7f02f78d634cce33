"""A provider in memory whose answers a test writes down beforehand; it counts what it was paid for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from bot.errors import NotAllowed, ProviderUnavailable
from bot.ids import new_id
from bot.jobs.model import Asset, Submission
from bot.money.amount import Money
from bot.money.prices import Free, PerSecond
from bot.ports import (
    Accepted,
    Capacity,
    CheckResult,
    FindResult,
    HostedInput,
    Model,
    NotThere,
    ProviderEvent,
    SubmitRequest,
    Succeeded,
)
from tests.emulators.judge_provider import CLIP_MAGIC

HALF_A_DOLLAR = {"480p": Money.usd("0.05"), "720p": Money.usd("0.10"), "1080p": Money.usd("0.30")}


class FakeProvider:
    """`bot.ports.Provider`. Accepts and succeeds at once unless told otherwise."""

    def __init__(self, name: str = "judge", capacity: Capacity | None = None) -> None:
        self.name = name
        self.capacity = capacity or Capacity()
        self.rates: Mapping[str, Money] = HALF_A_DOLLAR
        self.paid: list[SubmitRequest] = []
        """Every request that arrived and was taken."""
        self.answers: list[Exception | None] = []
        """What the next submissions answer with, after taking them unless the error says that it did not."""
        self.takes_audio = False
        self.takes_it = True
        """Whether a request that is answered with an error was taken all the same."""
        self.before_sending: Callable[[], Awaitable[None]] | None = None
        self.on_the_wire: Callable[[], None] | None = None
        self.checks: list[CheckResult | Exception] = []
        self.found: FindResult | Exception = NotThere()
        self.cancels: list[str] = []
        self.honours_cancel = True
        self.answers_balance = True

    def models(self) -> Sequence[Model]:
        """One paid model, and a free one that makes loops of finished clips."""
        return (
            Model(
                provider=self.name,
                slug=f"{self.name}/clip",
                title=f"Clip by {self.name}",
                durations_s=(5, 10),
                resolutions=tuple(self.rates),
                default_duration_s=5,
                default_resolution="720p",
                price=PerSecond(rates=self.rates),
                takes_audio=self.takes_audio,
            ),
            Model(
                provider=self.name,
                slug=f"{self.name}/loop",
                title=f"Loop by {self.name}",
                durations_s=tuple(range(1, 61)),
                resolutions=tuple(self.rates),
                default_duration_s=5,
                default_resolution="720p",
                price=Free(),
                made_from="clip",
                kind="loop",
            ),
        )

    async def host(self, asset: Asset) -> HostedInput:
        """A fresh address each time."""
        return HostedInput(asset=asset, url=f"https://in.example.net/{new_id()}")

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """As written down."""
        if self.before_sending is not None:
            await self.before_sending()
        await about_to_send()
        answer = self.answers.pop(0) if self.answers else None
        if answer is None or self.takes_it:
            self.paid.append(request)
        if self.on_the_wire is not None:
            self.on_the_wire()
        if answer is not None:
            raise answer
        return Accepted(provider_job_id=f"{self.name}-{len(self.paid)}")

    async def check(self, provider_job_id: str) -> CheckResult:
        """The next answer; done when there is none."""
        answer = self.checks.pop(0) if self.checks else Succeeded(url=f"fake://{provider_job_id}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find(self, submission: Submission) -> FindResult:
        """As written down."""
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def cancel(self, provider_job_id: str) -> bool:
        """Noted."""
        self.cancels.append(provider_job_id)
        return self.honours_cancel

    async def balance(self) -> Money | None:
        """Plenty."""
        if not self.answers_balance:
            raise ProviderUnavailable(f"{self.name} does not answer")
        return Money.usd(100)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """None are expected."""
        raise NotAllowed("no webhooks here")


class FakeFetcher:
    """`bot.ports.Fetcher` for `fake://` addresses; fails as often as it is told."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """A few bytes that `FakeWorkshop` takes for a video."""
        if self.failures:
            raise self.failures.pop(0)
        into.write_bytes(CLIP_MAGIC + url.encode())
