"""Telling an operator by a JSON POST to an address of theirs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Final

from adapters.http.answer import NoAnswer
from adapters.http.client import HttpClient
from bot.alerts import Alert, Place
from bot.errors import ProviderUnavailable

DEADLINE_S: Final = 10.0
LARGEST_ANSWER: Final = 65_536
"""Nobody reads it."""


def webhook(http: HttpClient, url: str, installation: Callable[[], Awaitable[str | None]]) -> Place:
    """A place that takes `{"cause", "sentence", "at", "installation"}`; any 2xx says that it arrived.

    The address is a secret: nothing that is raised here names it. A redirect is no arrival, and is not followed.
    """

    async def tell(alert: Alert) -> None:
        said = {
            "cause": alert.cause,
            "sentence": alert.sentence,
            "at": f"{alert.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "installation": await installation(),
        }
        try:
            answer = await http.ask("POST", url, home=url, json=said, deadline_s=DEADLINE_S, limit_bytes=LARGEST_ANSWER)
        except NoAnswer as error:
            raise ProviderUnavailable(f"The alert webhook was not reached: {error}.") from None
        if not 200 <= answer.status < 300:
            raise ProviderUnavailable(f"The alert webhook answered {answer.status}.")

    return Place("webhook", tell)
