"""Looking for an attempt whose answer was lost: in the webhook log by our token, else in the list by our picture."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any

from adapters.http.answer import HttpAnswer
from adapters.providers.candidates import PAGE, Listed, listed, ours_among, window
from adapters.providers.eachlabs.wire import input_in
from adapters.providers.remote import RemoteApi
from bot.errors import ProviderUnavailable
from bot.jobs.model import Submission
from bot.languages.said import say
from bot.ports import CannotTell, FindResult, Found

Read = Callable[[str], Awaitable[dict[str, Any] | None]]
"""A render by its id; `None` when they do not know it."""


class Finder:
    """The two look-ups."""

    def __init__(
        self,
        api: RemoteApi,
        read: Read,
        known_ids: Callable[[str, Collection[str]], Awaitable[set[str]]],
        *,
        list_path: str = "auto",
    ) -> None:
        self._api = api
        self._read = read
        self._known_ids = known_ids
        self._version = "v1" if list_path == "auto" else list_path
        self._may_switch = list_path == "auto"

    async def find(self, submission: Submission) -> FindResult:
        """Exact by the token in the webhook log; else exact by the picture; never by time alone."""
        try:
            by_token = await self._in_webhook_log(submission.token)
            return by_token or await self._in_list(submission)
        except ProviderUnavailable as error:
            return CannotTell(reason=str(error))

    async def cost_of(self, render_id: str) -> object:
        """`execution_cost` of a render that ended a moment ago, by the list's newest page; `None` when it is not there."""
        try:
            rows = await self._page({"limit": str(PAGE), "offset": "0"})
        except ProviderUnavailable:
            return None
        mine = (row for row in rows if isinstance(row, dict) and row.get("id") == render_id)
        return next((row.get("execution_cost") for row in mine), None)

    async def _in_webhook_log(self, token: str) -> Found | None:
        """Without an answer we can read the list still decides."""
        try:
            answer = await self._api.ask("GET", f"{self._api.base_url}/webhooks", params={"limit": str(PAGE)})
        except ProviderUnavailable:
            return None
        found = answer.object() if answer.status == 200 else None
        rows = found.get("webhooks") if found else None
        for row in rows if isinstance(rows, list) else ():
            url, render_id = (row.get("url"), row.get("execution_id")) if isinstance(row, dict) else (None, None)
            is_ours = isinstance(url, str) and token and url.endswith(f"/{token}")
            if is_ours and isinstance(render_id, str) and render_id:
                return Found(provider_job_id=render_id)
        return None

    async def _in_list(self, submission: Submission) -> FindResult:
        seen = await self._listed(submission)
        ids = seen.ids - await self._known_ids(submission.provider, seen.ids)
        return await ours_among(ids, self._input_of, submission.input_url, title="Eachlabs", is_whole=seen.is_whole)

    async def _input_of(self, render_id: str) -> str | None:
        render = await self._read(render_id)
        return input_in(render) if render is not None else None

    async def _listed(self, submission: Submission) -> Listed:
        """Around the attempt, of the whole organisation, by their clock."""
        begin, end = window(submission.started_at, self._api.skew_s)
        asked = {"model": submission.model, "from": begin, "to": end, "limit": str(PAGE)}
        return await listed(lambda number: self._page(asked | {"offset": str(number * PAGE)}))

    async def _page(self, params: dict[str, str]) -> list[Any]:
        version = self._version
        answer = await self._ask(version, params)
        if answer.status == 404 and self._may_switch:
            version = "v1" if version == "v2" else "v2"
            answer = await self._ask(version, params)
        self._api.require_fit(answer)
        rows = (answer.object() or {}).get("executions")
        if answer.status != 200 or not isinstance(rows, list):
            raise ProviderUnavailable(
                say("Eachlabs' list cannot be read at the moment ({status}).", status=answer.status)
            )
        # The path that answers is remembered; one that does not may have been away for a moment only.
        self._version = version
        return rows

    async def _ask(self, version: str, params: dict[str, str]) -> HttpAnswer:
        root = self._api.base_url.removesuffix("/v1")
        return await self._api.ask("GET", f"{root}/{version}/executions", params=params)
