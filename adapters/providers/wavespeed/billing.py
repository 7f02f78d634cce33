"""What WaveSpeed charged: its billing search, and its rule that failed renders are refunded within three hours.

The search is not on a public page (seen in the vendor's own clients, 2026): every shape it may have is optional here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, cast

from adapters.providers.remote import RemoteApi, money
from adapters.providers.wavespeed.wire import Envelope
from bot.errors import ProviderUnavailable
from bot.money.amount import FREE, Money
from bot.ports import Failed

REFUNDED_WITHIN: Final = timedelta(hours=4)
"""Three hours by their rule, and one for their books to catch up."""


class Billing:
    """Asks what a task cost."""

    def __init__(self, api: RemoteApi) -> None:
        self._api = api

    async def of(self, task_id: str) -> Money | None:
        """What the account paid for a task so far, refunds taken off; `None` when the search does not say."""
        body = {"prediction_uuids": [task_id], "page": 1, "page_size": 10}
        try:
            answer = await self._api.ask("POST", f"{self._api.base_url}/api/v3/billings/search", body=body)
        except ProviderUnavailable:
            return None
        envelope = Envelope.of(answer.json(), answer.status)
        items = envelope.data.get("items") if envelope and envelope.code == 200 else None
        if not isinstance(items, list):
            return None
        amounts = [_signed(item) for item in items if isinstance(item, dict)]
        if not amounts or None in amounts:
            return None
        return Money(max(0, sum(cast("list[int]", amounts))))


def after_failure(code: str, message: str, bill: Money | None, *, age: timedelta | None) -> Failed:
    """A failure by the vendor's rule: free, once the refund is in its books, and counted as free until it is due."""
    if bill == 0:
        return Failed(code=code, message=message, charged=FREE)
    is_due = age is not None and age > REFUNDED_WITHIN
    if bill is not None and is_due:
        return Failed(code=code, message=message, charged=bill)
    return Failed(code=code, message=message, charged=FREE, refund_expected=True)


def _signed(item: Mapping[str, Any]) -> int | None:
    """One line of the bill in micro-USD; refunds count against it, whether by their name or by their sign."""
    value = next((item[name] for name in ("price", "amount", "cost") if name in item), None)
    is_negative = str(value).strip().startswith("-")
    amount = money(str(value).strip().removeprefix("-") if is_negative else value)
    if amount is None:
        return None
    kind = f"{item.get('billing_type', '')} {item.get('type', '')}".lower()
    return -amount if is_negative or "refund" in kind else amount
