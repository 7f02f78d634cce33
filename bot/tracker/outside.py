"""The one way out: every call to a provider, courier or fetcher passes here.

One function, so that each has a time limit and the crash suite can kill the process right before and right after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.errors import ProviderUnavailable
from bot.languages.said import say

T = TypeVar("T")


def _ignore(_point: str) -> None:
    """Nobody watches."""


class Outside:
    """Calls the outside world, within a time limit."""

    def __init__(self, watch: Callable[[str], None] = _ignore) -> None:
        self._watch = watch

    async def call(self, name: str, awaitable: Awaitable[T], *, timeout_s: float) -> T:
        """Await one outside call called `name`. `ProviderUnavailable` when it takes longer than `timeout_s`."""
        self._watch(f"before {name}")
        try:
            async with asyncio.timeout(timeout_s):
                result = await awaitable
        except TimeoutError as error:
            raise ProviderUnavailable(
                say("{name} did not answer within {seconds:.0f} seconds.", name=name, seconds=timeout_s)
            ) from error
        self._watch(f"after {name}")
        return result
