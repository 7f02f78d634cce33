"""`bot.ports.Provider` and `Fetcher` over the socket of `tests.emulators.judge_provider`."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import NotAllowed, NotSent, ProviderUnavailable, Refused, ResultGone, Throttled, Unconfirmed
from bot.jobs.model import Asset, Submission
from bot.money.amount import Money
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
from tests.emulators.judge_provider import RATES
from tests.fakes.wire import Answer, Call, CannotConnect, NoAnswer, ask_once


class JudgeProvider:
    """A paid provider whose accounts lie in another process.

    Maps what happens to a connection exactly as paid providers have to: refused, or broken off before the first byte of
    the request, is `NotSent`; anything without a whole answer after that is `Unconfirmed`.
    """

    def __init__(
        self, port: int, *, name: str = "judge", capacity: Capacity | None = None, timeout_s: float = 5.0
    ) -> None:
        self.name = name
        self.capacity = capacity or Capacity()
        self._port = port
        self._timeout_s = timeout_s

    def models(self) -> Sequence[Model]:
        """One paid model, `<name>/clip`, and one for long takes."""
        rates = {resolution: Money(rate) for resolution, rate in RATES.items()}
        return tuple(
            Model(
                provider=self.name,
                slug=f"{self.name}/{slug}",
                title=title,
                durations_s=durations,
                resolutions=tuple(RATES),
                default_duration_s=durations[0],
                default_resolution="720p",
                price=PerSecond(rates=rates),
                takes_expand=True,
            )
            for slug, title, durations in (("clip", "Judge clip", (5, 10)), ("long", "Judge long take", (10,)))
        )

    async def host(self, asset: Asset) -> HostedInput:
        """Unique per call. `ProviderUnavailable` when the judge cannot be reached."""
        answer = await self._ask("host", sha256=asset.id, size_bytes=asset.size_bytes)
        return HostedInput(asset=asset, url=answer["url"])

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """See `bot.ports.Provider.submit`."""
        try:
            async with Call(self._port, self._timeout_s) as call:
                await call.handshake(job_id=request.job_id, prompt=request.prompt)
                await about_to_send()
                answer = await call.ask("submit", **_order(request))
        except CannotConnect as error:
            raise NotSent(f"{self.name} could not be reached: {error}") from error
        except NoAnswer as error:
            raise Unconfirmed(f"{self.name} did not answer: {error}") from error
        return _accepted(self.name, answer)

    async def check(self, provider_job_id: str) -> CheckResult:
        """Asks once. `ProviderUnavailable` when the judge cannot be reached or says so."""
        answer = await self._ask("check", provider_job_id=provider_job_id)
        charged = answer.get("charged_micro_usd")
        money = None if charged is None else Money(charged)
        match answer["status"]:
            case "rendering":
                return Rendering()
            case "succeeded":
                return Succeeded(url=answer["url"], price=money, flagged=answer["flagged"])
            case "failed":
                return Failed(code=answer["code"], message=answer["message"], charged=money)
            case "cancelled":
                return Cancelled(charged=money)
            case word:
                return Unknown(reason=f"{self.name} says {word!r}")

    async def find(self, submission: Submission) -> FindResult:
        """By the input's URL, which is unique per attempt."""
        try:
            answer = await self._ask("find", input_url=submission.input_url)
        except ProviderUnavailable as error:
            return CannotTell(reason=str(error))
        if "cannot_tell" in answer:
            return CannotTell(reason=answer["cannot_tell"], candidates=tuple(answer["candidates"]))
        if answer["provider_job_id"] is None:
            return NotThere()
        return Found(provider_job_id=answer["provider_job_id"])

    async def cancel(self, provider_job_id: str) -> bool:
        """True when the judge took the wish; with `[late-cancel]` the job finishes all the same."""
        return bool((await self._ask("cancel", provider_job_id=provider_job_id))["taken"])

    async def balance(self) -> Money | None:
        """What is left, by the judge's books."""
        return Money((await self._ask("balance"))["micro_usd"])

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """The judge sends none, so none can be genuine."""
        raise NotAllowed("The judge sends no webhooks.")

    async def _ask(self, op: str, **fields: Any) -> Answer:
        return await _ask_free(self._port, self._timeout_s, self.name, op, **fields)


class JudgeFetcher:
    """`bot.ports.Fetcher` for `judge://<name>/results/<id>`, by the judges' ports."""

    def __init__(self, ports: Mapping[str, int], *, timeout_s: float = 5.0) -> None:
        self._ports = ports
        self._timeout_s = timeout_s

    async def fetch(self, url: str, provider: str, into: Path) -> None:
        """`ProviderUnavailable` when the link is dead for now, `ResultGone` when it is dead for good."""
        name = url.removeprefix("judge://").partition("/")[0]
        answer = await _ask_free(self._ports[name], self._timeout_s, name, "get", url=url)
        if answer.get("error") == "gone":
            raise ResultGone(f"{name} no longer has this clip.")
        into.write_bytes(base64.b64decode(answer["body"]))


async def _ask_free(port: int, timeout_s: float, name: str, op: str, **fields: Any) -> Answer:
    try:
        answer = await ask_once(port, timeout_s, op, **fields)
    except (CannotConnect, NoAnswer) as error:
        raise ProviderUnavailable(f"{name} is not answering: {error}") from error
    if answer.get("error") == "unavailable":
        raise ProviderUnavailable(f"{name}: {answer['message']}")
    return answer


def _order(request: SubmitRequest) -> dict[str, Any]:
    return {
        "attempt_id": request.attempt_id,
        "job_id": request.job_id,
        "model": request.model,
        "prompt": request.prompt,
        "token": request.token,
        "input_url": request.image.url,
        "audio_url": request.audio.url if request.audio else None,
        "webhook_url": request.webhook_url,
        "duration_s": request.settings.duration_s,
        "resolution": request.settings.resolution,
        "seed": request.settings.seed,
        "negative_prompt": request.settings.negative_prompt,
        "expand": request.settings.expand,
    }


def _accepted(name: str, answer: Answer) -> Accepted:
    match answer.get("error"):
        case "throttled":
            raise Throttled(f"{name}: {answer['message']}", retry_after_s=answer["retry_after_s"])
        case "refused":
            raise Refused(f"{name}: {answer['message']}", about=answer["about"])
    if "provider_job_id" not in answer:
        raise Unconfirmed(f"{name} answered without an id")
    return Accepted(provider_job_id=answer["provider_job_id"], price=Money(answer["price_micro_usd"]))
