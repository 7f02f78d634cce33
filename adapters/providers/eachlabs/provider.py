"""Eachlabs as a provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote as quoted

from adapters.providers.eachlabs import creating, webhook
from adapters.providers.eachlabs.finding import Finder
from adapters.providers.eachlabs.wire import (
    AT_WORK,
    DONE,
    FAILED,
    STOPPED,
    CreateBody,
    cost_in,
    failure_in,
    message_in,
    status_in,
)
from adapters.providers.hosting import Hosting
from adapters.providers.paid import PaidProvider
from adapters.providers.remote import RemoteApi, answering, https_link, kind_of, money
from bot.errors import ProviderUnavailable
from bot.jobs.model import Submission
from bot.keys import KeyRing
from bot.languages.said import joined, say
from bot.money.amount import FREE, Money
from bot.ports import (
    Accepted,
    Cancelled,
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

WEBHOOK_PURPOSE: Final = "eachlabs webhook"


class EachlabsProvider(PaidProvider):
    """Implements `bot.ports.Provider`."""

    name = "eachlabs"

    def __init__(
        self,
        api: RemoteApi,
        models: Sequence[Model],
        capacity: Capacity,
        clock: Clock,
        hosting: Hosting,
        known_ids: Callable[[str, Collection[str]], Awaitable[set[str]]],
        keys: KeyRing,
        *,
        webhook_secret: str | None = None,
        webhook_proof: webhook.Proof = "auto",
        list_path: str = "auto",
    ) -> None:
        """`webhook_secret` takes the place of the secrets we derive for each attempt."""
        super().__init__(api, models, capacity, clock, hosting)
        self._keys = keys
        self._webhook_secret = webhook_secret
        self._webhook_proof = webhook_proof
        self._finder = Finder(api, self._read_for_find, known_ids, list_path=list_path)

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """See `bot.ports.Provider.submit`. `X-Request-Id` helps their support; it does not deduplicate."""
        model = self._model(request.model)
        secret = self._webhook_secret or self._keys.derive(WEBHOOK_PURPOSE, request.attempt_id)
        body = CreateBody.of(request, webhook_secret=secret, takes_expand=model.takes_expand).plain()
        headers = {"X-Request-Id": request.attempt_id}
        # The slash at the end belongs to the path; a redirect would not be followed.
        answer = await self.api.create(f"{self.api.base_url}/prediction/", body, headers, about_to_send)
        return creating.judge(self.api, answer)

    async def check(self, provider_job_id: str) -> CheckResult:
        """Ask once."""
        render = await self._render(provider_job_id)
        if isinstance(render, Unknown):
            return render
        status = status_in(render)
        if status in AT_WORK:
            return Rendering()
        if status in DONE:
            link = https_link(render.get("output"), self.api.base_url)
            if link is None:
                return self._no_video.judge(provider_job_id)
            self._no_video.forget(provider_job_id)
            return Succeeded(url=link, price=money(cost_in(render)))
        if status in FAILED:
            return await self._failed(provider_job_id, render)
        if status in STOPPED:
            return Cancelled(charged=money(cost_in(render)))
        self._note_word(status)
        return Rendering()

    async def find(self, submission: Submission) -> FindResult:
        """See `adapters.providers.eachlabs.finding`."""
        return await self._finder.find(submission)

    async def cancel(self, provider_job_id: str) -> bool:
        """Best effort: it may finish all the same, and no webhook follows."""
        if not provider_job_id:
            return False
        answer = await self.api.ask("POST", f"{self._address(provider_job_id)}/cancel")
        found = answer.object()
        if 400 <= answer.status < 500 and answer.status not in (401, 408, 429) and found is not None:
            return False
        self.api.require_fit(answer)
        return 200 <= answer.status < 300 and found is not None and status_in(found) in STOPPED

    async def balance(self) -> Money | None:
        """What is left, in USD; `None` when they do not say it in a way we can read: this path is not documented."""
        answer = await self.api.ask("GET", f"{self.api.base_url}/billing/balance")
        if answer.status in (403, 404, 405):
            return None
        self.api.require_fit(answer)
        return _balance_in(answer.json())

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """See `bot.ports.Provider.read_webhook`. The secret is that of the attempt alone."""
        secrets = (
            (self._webhook_secret,)
            if self._webhook_secret is not None
            else self._keys.derive_all(WEBHOOK_PURPOSE, attempt_id)
        )
        return webhook.read(headers, body, secrets=secrets, proof=self._webhook_proof)

    def _address(self, render_id: str) -> str:
        return f"{self.api.base_url}/prediction/{quoted(render_id, safe='')}"

    async def _render(self, render_id: str, *, not_for_us: tuple[int, ...] = (400, 404)) -> dict[str, Any] | Unknown:
        if not render_id:
            return Unknown(reason=say("there is no render without an id"))
        answer = await self.api.ask("GET", self._address(render_id))
        found = answer.object()
        if answer.status in not_for_us and found is not None:
            return Unknown(reason=message_in(found) or say("{provider} does not know it", provider="Eachlabs"))
        self.api.require_fit(answer)
        if found is None or answer.status != 200:
            raise ProviderUnavailable(answering("Eachlabs", answer.status))
        return found

    async def _read_for_find(self, render_id: str) -> dict[str, Any] | None:
        # 403: the list is the whole organisation's, and another key's render may be none of ours to read.
        found = await self._render(render_id, not_for_us=(400, 403, 404))
        return None if isinstance(found, Unknown) else found

    async def _failed(self, render_id: str, render: Mapping[str, Any]) -> Failed:
        """What they name as its cost is booked, in the render or in the list.

        Without either nothing is (their page charges for videos only), and it is looked at again later.
        """
        reason = failure_in(render)
        charged = money(cost_in(render))
        if charged is None:
            charged = money(await self._finder.cost_of(render_id))
        is_moderated = kind_of(reason) == "moderation"
        sentence = (
            say("The picture or the words were refused; change them.")
            if is_moderated
            else say("The render failed at {provider}.", provider="Eachlabs")
        )
        return Failed(
            code="moderation" if is_moderated else "provider_failed",
            message=joined((sentence, f"({reason})")) if reason else sentence,
            charged=FREE if charged is None else charged,
            refund_expected=charged is None,
        )


def _balance_in(found: object, depth: int = 0) -> Money | None:
    """`{"balance": 12.34}`, also inside `data`, `result` or another `balance`."""
    if not isinstance(found, dict):
        return money(found)
    for key in ("balance", "data", "result", "amount", "usd"):
        if key in found and depth < 4 and (amount := _balance_in(found[key], depth + 1)) is not None:
            return amount
    return None
