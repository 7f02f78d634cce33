"""The providers: what they took, what they charge for it, and the clients that Reelbot's processes hold.

A vendor's own list of renders is the judge of what was paid. Orders and answers travel by themselves: an order that was
sent arrives, or does not, whatever became of its sender.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import NotAllowed, NotSent, ProviderUnavailable, Refused, Throttled, Unconfirmed
from bot.jobs.model import Asset, Submission
from bot.money.amount import FREE, Money
from bot.money.prices import PerSecond
from bot.ports import (
    Accepted,
    Cancelled,
    CannotTell,
    Capacity,
    CheckResult,
    Failed,
    FindResult,
    Found,
    HostedInput,
    Model,
    NotThere,
    ProviderEvent,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)
from tests.simulation.chance import Chances
from tests.simulation.loop import NOBODY, VirtualLoop
from tests.simulation.wire import wake

USUAL = {"720p": Money.usd("0.10"), "1080p": Money.usd("0.30")}
DEARER = {"720p": Money.usd("0.12"), "1080p": Money.usd("0.36")}


@dataclass(slots=True)
class Render:
    """One order that was taken: a line of the bill."""

    id: str
    job_id: str
    attempt_id: str
    token: str
    price: Money
    accepted_at: float
    ends_at: float
    fate: str
    """`succeeds`, `fails`, `fails silently`, `fails, paid back later`, `is stuck` or `is forgotten`."""
    status: str = "rendering"
    kept: Money = FREE
    """What the provider kept of the price in the end."""
    can_tell: bool = True
    refund_from: float = 0.0


@dataclass(slots=True)
class Order:
    """One request to be paid, from when it left its process."""

    attempt_id: str
    job_id: str
    sent_at: float
    answer: str = ""
    """What its sender was told; empty while nobody can know."""


class Vendor:
    """One provider, as it is for the whole world."""

    def __init__(self, name: str, loop: VirtualLoop, chances: Chances, rng: random.Random, capacity: Capacity) -> None:
        self.name = name
        self.loop = loop
        self.chances = chances
        self.rng = rng
        self.capacity = capacity
        self.rates: Mapping[str, Money] = USUAL
        self._models: tuple[Model, ...] | None = None
        self.stops_renders = name == "alpha"
        """Whether it honours a cancel."""
        self.is_down = False
        self.orders: dict[str, Order] = {}
        self.renders: dict[str, Render] = {}
        self.of_attempt: dict[str, Render] = {}
        self.rendering: dict[str, None] = {}
        self.call_back: Callable[[Vendor, Render], None] = lambda _vendor, _render: None
        """Where webhooks go."""
        self.watch_send: Callable[[Order], None] = lambda _order: None
        self.watch_accept: Callable[[Vendor, Render], None] = lambda _vendor, _render: None

    def models(self) -> Sequence[Model]:
        if self._models is None or self._models[0].price != PerSecond(rates=self.rates):
            model = Model(
                provider=self.name, slug=f"{self.name}/clip", title=f"Clip by {self.name}", durations_s=(5, 10),
                resolutions=("720p", "1080p"), default_duration_s=5, default_resolution="720p",
                price=PerSecond(rates=self.rates),
            )  # fmt: skip
            self._models = (model,)
        return self._models

    # --- orders ------------------------------------------------------------------------------------------------------

    def send(self, request: SubmitRequest, answer: Any) -> None:
        """Bytes leave. From here on nothing and nobody calls them back."""
        order = Order(request.attempt_id, request.job_id, self.loop.time())
        self.orders[request.attempt_id] = order
        self.watch_send(order)
        drawn, chances = self.rng.random(), self.chances
        if self.is_down or drawn < chances.never_arrives:
            # Something in front of it may have said so.
            likely = self.rng.random() < 0.3
            self.loop.call_later(
                2 * self.rng.random(), _fail, answer, Unconfirmed("502", likely_refused=likely), context=NOBODY
            )
            return
        way = 20.0 if drawn > 0.999 else 0.3
        self.loop.call_later(0.02 + way * self.rng.random(), self._arrive, request, answer, context=NOBODY)

    def _arrive(self, request: SubmitRequest, answer: Any) -> None:
        drawn, chances = self.rng.random(), self.chances
        said: Any
        if drawn < chances.throttled:
            about = "balance" if self.rng.random() < 0.1 else "rate"
            said = Throttled("too many requests", retry_after_s=self.rng.choice((None, 2.0, 30.0)), about=about)
        elif (drawn := drawn - chances.throttled) < chances.refused:
            about = self.rng.choice(("input", "input", "moderation", "model", "availability"))
            said = Refused(f"this is refused over its {about}", about=about)
        else:
            said = Accepted(provider_job_id=self._accept(request).id)
        if self.rng.random() < chances.answer_to_order_lost:
            if self.rng.random() < 0.5:
                self.loop.call_later(0.5, _fail, answer, Unconfirmed("the connection was cut"), context=NOBODY)
            return
        self.loop.call_later(0.02 + 0.1 * self.rng.random(), _tell, answer, said, context=NOBODY)

    def _accept(self, request: SubmitRequest) -> Render:
        rng, chances, now = self.rng, self.chances, self.loop.time()
        drawn, fate = rng.random(), "succeeds"
        for share, what in (
            (chances.stuck, "is stuck"), (chances.forgotten, "is forgotten"),
            (chances.render_fails / 2, "fails"), (chances.render_fails / 4, "fails silently"),
            (chances.render_fails / 4, "fails, paid back later"),
        ):  # fmt: skip
            if drawn < share:
                fate = what
                break
            drawn -= share
        price = PerSecond(rates=self.rates).price(
            duration_s=request.settings.duration_s, resolution=request.settings.resolution
        )
        if fate == "succeeds" and rng.random() < chances.charged_more:
            price = Money(price + 100_000)
        render = Render(
            f"{self.name}-{len(self.renders) + 1}", request.job_id, request.attempt_id, request.token, price, now,
            now + rng.lognormvariate(3.0, 0.12), fate, kept=price, can_tell=rng.random() >= chances.cannot_tell,
        )  # fmt: skip
        self.renders[render.id] = self.of_attempt[render.attempt_id] = render
        self.rendering[render.id] = None
        self.watch_accept(self, render)
        if fate != "is stuck":
            self.loop.call_at(render.ends_at, self._finish, render, context=NOBODY)
        return render

    def _finish(self, render: Render) -> None:
        if render.status != "rendering":
            return
        del self.rendering[render.id]
        match render.fate:
            case "fails" | "fails, paid back later":
                render.status, render.kept = "failed", FREE
                render.refund_from = self.loop.time() + 600
            case "fails silently":
                render.status = "failed"
            case "is forgotten":
                render.status = "forgotten"
            case _:
                render.status = "succeeded"
        self.call_back(self, render)

    # --- free questions ----------------------------------------------------------------------------------------------

    def stop(self, render_id: str) -> bool:
        render = self.renders[render_id]
        if not self.stops_renders or render.status != "rendering" or render.fate == "is stuck":
            return False
        render.status, render.kept = "cancelled", FREE
        del self.rendering[render.id]
        self.call_back(self, render)
        return True

    def status(self, render_id: str) -> CheckResult:
        render = self.renders[render_id]
        if self.rng.random() < self.chances.unknown:
            return Unknown(reason="not on this replica yet")
        match render.status:
            case "rendering":
                halves = (self.loop.time() - render.accepted_at) // 10 * 0.5 if self.name == "beta" else None
                return Rendering(progress=None if halves is None else min(halves, 0.5))
            case "succeeded":
                return Succeeded(url=f"sim://{render.id}", price=render.price)
            case "cancelled":
                return Cancelled(charged=FREE)
            case "forgotten":
                return Unknown(reason="no such render")
        if render.fate == "fails silently":
            return Failed(code="render_failed", message="It did not work.")
        doubt = render.fate == "fails, paid back later" and self.loop.time() < render.refund_from
        return Failed(code="render_failed", message="It did not work.", charged=FREE, refund_expected=doubt)

    def look_up(self, attempt_id: str) -> FindResult:
        render = self.of_attempt.get(attempt_id)
        if render is None:
            return NotThere()
        return Found(provider_job_id=render.id) if render.can_tell else CannotTell(reason="there are others like it")


class Client:
    """`bot.ports.Provider`, as one process holds it."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self.name = vendor.name
        self.capacity = vendor.capacity

    def models(self) -> Sequence[Model]:
        return self._vendor.models()

    async def host(self, asset: Asset) -> HostedInput:
        await self._ask()
        return HostedInput(asset=asset, url=f"https://in.example.net/{asset.id}")

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        vendor = self._vendor
        await _sleep(vendor.loop, 0.02)
        drawn = vendor.rng.random()
        if vendor.is_down or drawn < vendor.chances.not_reached / 2:
            raise NotSent("the connection was refused")
        await about_to_send()
        if drawn < vendor.chances.not_reached:
            raise NotSent("the connection was closed before a byte had left")
        answer = vendor.loop.create_future()
        vendor.send(request, answer)
        try:
            accepted: Accepted = await answer
        except (Throttled, Refused) as error:
            vendor.orders[request.attempt_id].answer = error.code
            raise
        vendor.orders[request.attempt_id].answer = "accepted"
        return accepted

    async def check(self, provider_job_id: str) -> CheckResult:
        await self._ask()
        return self._vendor.status(provider_job_id)

    async def find(self, submission: Submission) -> FindResult:
        await self._ask()
        return self._vendor.look_up(submission.attempt_id)

    async def cancel(self, provider_job_id: str) -> bool:
        await self._ask()
        return self._vendor.stop(provider_job_id)

    async def balance(self) -> Money | None:
        await self._ask()
        return Money.usd(100)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        raise NotAllowed("webhooks come in through the people's side here")

    async def _ask(self) -> None:
        vendor = self._vendor
        drawn = vendor.rng.random()
        await _sleep(vendor.loop, 0.01 + 0.05 * drawn)
        if vendor.is_down or drawn < vendor.chances.unavailable:
            raise ProviderUnavailable("it does not answer", retry_after_s=vendor.rng.choice((None, 3.0)))


def _sleep(loop: VirtualLoop, seconds: float) -> Any:
    answer = loop.create_future()
    loop.call_later(seconds, wake, answer, context=NOBODY)
    return answer


def _tell(answer: Any, said: Any) -> None:
    if isinstance(said, Exception):
        _fail(answer, said)
    elif not answer.done():
        answer.set_result(said)


def _fail(answer: Any, error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
