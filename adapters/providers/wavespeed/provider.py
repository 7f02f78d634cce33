"""WaveSpeed as a provider."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote as quoted

from adapters.http.answer import HttpAnswer
from adapters.providers.candidates import PAGE, Listed, listed, ours_among, window
from adapters.providers.hosting import Hosting
from adapters.providers.paid import PaidProvider
from adapters.providers.remote import RemoteApi, answering, https_link, money, words
from adapters.providers.wavespeed import billing, creating, webhook
from adapters.providers.wavespeed.wire import (
    AT_WORK,
    CODES,
    DONE,
    FAILED,
    MODERATED,
    OTHERWISE,
    STOPPED,
    CreateBody,
    Envelope,
    input_in,
    meant,
    number_in,
    status_in,
    task_age,
)
from bot.errors import NotAllowed, ProviderUnavailable
from bot.jobs.model import RenderSettings, Submission
from bot.languages.said import joined, say
from bot.money.amount import Money
from bot.ports import (
    Accepted,
    Cancelled,
    CannotTell,
    Capacity,
    CheckResult,
    Clock,
    Failed,
    FindResult,
    Model,
    ProviderEvent,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)

SECRET_GOOD_S: Final = 3600.0


class WaveSpeedProvider(PaidProvider):
    """Implements `bot.ports.Provider`, `Quotes` and `LearnsWebhookSecret`."""

    name = "wavespeed"

    def __init__(
        self,
        api: RemoteApi,
        models: Sequence[Model],
        capacity: Capacity,
        clock: Clock,
        hosting: Hosting,
        known_ids: Callable[[str, Collection[str]], Awaitable[set[str]]],
        *,
        webhook_secret: str | None = None,
        quote_path: str = "auto",
    ) -> None:
        super().__init__(api, models, capacity, clock, hosting)
        self._known_ids = known_ids
        self._webhook_secret = webhook_secret
        self._secret_good_until = math.inf if webhook_secret is not None else 0.0
        self._quote_paths = {"auto": ["price", "pricing"], "table": []}.get(quote_path, [quote_path])
        self._billing = billing.Billing(api)

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """See `bot.ports.Provider.submit`."""
        model = self._model(request.model)
        body = CreateBody.of(request, takes_expand=model.takes_expand, takes_seed=model.takes_seed).plain()
        url = f"{self.api.base_url}/api/v3/{quoted(model.slug)}"
        if request.webhook_url is not None:
            url += f"?webhook={quoted(request.webhook_url, safe='')}"
        return creating.judge(self.api, await self.api.create(url, body, {}, about_to_send))

    async def check(self, provider_job_id: str) -> CheckResult:
        """Ask once. The address is built here: the one they name (`urls.get`) is never sent our key."""
        task = await self._task(provider_job_id)
        if isinstance(task, Unknown):
            return task
        status = status_in(task)
        if status in AT_WORK:
            return Rendering()
        if status in DONE:
            return self._finished(provider_job_id, task)
        if status in FAILED:
            return await self._failed(provider_job_id, task, timed_out=status == "timeout")
        if status in STOPPED:
            return await self._stopped(provider_job_id, deleted=status == "deleted")
        self._note_word(status)
        return Rendering()

    async def find(self, submission: Submission) -> FindResult:
        """By the input's address, which only one attempt has. Model and time alone never prove anything."""
        try:
            seen = await self._listed(submission)
            ids = seen.ids - await self._known_ids(self.name, seen.ids)
            return await ours_among(
                ids, self._input_of, submission.input_url, title="WaveSpeed", is_whole=seen.is_whole
            )
        except ProviderUnavailable as error:
            return CannotTell(reason=str(error))

    async def cancel(self, provider_job_id: str) -> bool:
        """False: WaveSpeed can only delete, which loses the clip and gives nothing back for certain."""
        return False

    async def balance(self) -> Money | None:
        """What is left, in USD."""
        answer = await self.api.ask("GET", f"{self.api.base_url}/api/v3/balance")
        return money(self._data_of(answer).get("balance"))

    async def quote(self, model: str, settings: RenderSettings) -> Money | None:
        """Today's price of a clip; `None` when neither documented path answers, and then the catalogue counts.

        The discounted price is theirs to grant at the time: we name the full one.
        """
        inputs = {"duration": settings.duration_s, "resolution": settings.resolution, "prompt": "price"}
        for path in self._quote_paths:
            url = f"{self.api.base_url}/api/v3/model/{path}"
            answer = await self.api.ask("POST", url, body={"model_id": model, "inputs": inputs})
            envelope = Envelope.of(answer.json(), answer.status)
            answer = meant(answer, envelope)
            if answer.status == 404:
                # An unknown path, or an unknown model: only the other path's answer tells.
                continue
            self._quote_paths = sorted(self._quote_paths, key=path.__ne__)
            self.api.require_fit(answer)
            if envelope is None or envelope.code != 200:
                return None
            # A price of nothing is a field they do not fill.
            return money(envelope.data.get("price")) or money(envelope.data.get("unit_price")) or None
        return None

    async def learn_webhook_secret(self) -> None:
        """Ask for what they sign webhooks with, unless the settings say it or it was asked for within the hour.

        It may be changed at their page: what is known is asked for again, and kept when they do not answer.
        """
        now = self._clock.monotonic()
        if self._webhook_secret is not None and now < self._secret_good_until:
            return
        try:
            self._webhook_secret = await self._ask_for_secret()
        except ProviderUnavailable:
            if self._webhook_secret is None:
                raise
        self._secret_good_until = now + SECRET_GOOD_S

    async def _ask_for_secret(self) -> str:
        found = await self.api.ask_object("GET", f"{self.api.base_url}/api/v3/webhook/secret")
        data = found.get("data", found)
        secret = data if isinstance(data, str) else None
        if isinstance(data, dict):
            secret = next(
                (value for key in ("secret", "webhook_secret", "key") if isinstance(value := data.get(key), str)), None
            )
        if not secret:
            raise ProviderUnavailable(say("WaveSpeed did not say what it signs its webhooks with."))
        return secret

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """See `bot.ports.Provider.read_webhook`; refuses everything while the secret is not known."""
        if self._webhook_secret is None:
            raise NotAllowed("WaveSpeed's webhook secret is not known yet.")
        return webhook.read(headers, body, secret=self._webhook_secret, now=self._clock.now())

    async def _task(self, task_id: str, *, not_for_us: tuple[int, ...] = (400, 404)) -> Mapping[str, Any] | Unknown:
        if not task_id:
            return Unknown(reason=say("there is no task without an id"))
        answer = await self.api.ask("GET", f"{self.api.base_url}/api/v3/predictions/{quoted(task_id, safe='')}/result")
        envelope = Envelope.of(answer.json(), answer.status)
        if envelope is not None and meant(answer, envelope).status in not_for_us:
            return Unknown(reason=words(envelope.message) or say("{provider} does not know it", provider="WaveSpeed"))
        return self._data_of(answer)

    async def _input_of(self, task_id: str) -> str | None:
        task = await self._task(task_id, not_for_us=(400, 403, 404))
        return None if isinstance(task, Unknown) else input_in(task)

    def _data_of(self, answer: HttpAnswer) -> Mapping[str, Any]:
        """What a free question was answered with; `ProviderUnavailable` for anything that is no success."""
        envelope = Envelope.of(answer.json(), answer.status)
        answer = meant(answer, envelope)
        self.api.require_fit(answer)
        code = answer.status if envelope is None else envelope.code
        if envelope is None or answer.status != 200 or code != 200:
            raise ProviderUnavailable(answering("WaveSpeed", code))
        return envelope.data

    def _finished(self, task_id: str, task: Mapping[str, Any]) -> CheckResult:
        link = https_link(task.get("outputs"), self.api.base_url)
        if link is None:
            return self._no_video.judge(task_id)
        self._no_video.forget(task_id)
        flags = task.get("has_nsfw_contents")
        return Succeeded(url=link, flagged=isinstance(flags, list) and any(flag is True for flag in flags))

    async def _failed(self, task_id: str, task: Mapping[str, Any], *, timed_out: bool) -> Failed:
        number = number_in(task, "code")
        code, sentence = CODES.get(number or 0, CODES[OTHERWISE])
        if timed_out:
            code, sentence = CODES[5004]
        reason = words(task.get("error"))
        told = joined((sentence, f"({reason})")) if reason else sentence
        bill = await self._billing.of(task_id)
        if number == MODERATED:
            # Whether these are refunded is not said anywhere: the bill counts, and without one the price does.
            return Failed(code=code, message=told, charged=bill)
        return billing.after_failure(code, told, bill, age=task_age(task, self._now()))

    async def _stopped(self, task_id: str, *, deleted: bool) -> CheckResult:
        charged = await self._billing.of(task_id)
        if deleted:
            return Failed(
                code="deleted_at_provider", message=say("The render was deleted at WaveSpeed."), charged=charged
            )
        return Cancelled(charged=charged)

    def _now(self) -> datetime:
        """By their clock."""
        return self._clock.now() + timedelta(seconds=self.api.skew_s)

    async def _listed(self, submission: Submission) -> Listed:
        """The account's tasks of that model around the attempt, by their clock."""
        begin, end = window(submission.started_at, self.api.skew_s)
        asked = {"page_size": PAGE, "model": submission.model, "created_after": begin, "created_before": end}

        async def read_page(number: int) -> list[Any]:
            url = f"{self.api.base_url}/api/v3/predictions"
            items = self._data_of(await self.api.ask("POST", url, body={"page": number + 1, **asked})).get("items")
            if not isinstance(items, list):
                raise ProviderUnavailable(say("WaveSpeed's list cannot be read at the moment."))
            return items

        return await listed(read_page)
