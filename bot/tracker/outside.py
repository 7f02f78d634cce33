"""The one way out: every call to a provider, courier or fetcher passes here.

One function, so that each has a time limit, those to providers are counted, and the crash suite can kill the process
right before and right after it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.errors import ProviderUnavailable
from bot.languages.said import say
from bot.telemetry.metrics import Metrics

T = TypeVar("T")


def _ignore(_point: str) -> None:
    """Nobody watches."""


class Outside:
    """Calls the outside world, within a time limit."""

    def __init__(self, watch: Callable[[str], None] = _ignore, metrics: Metrics | None = None) -> None:
        self._watch = watch
        self.metrics = metrics or Metrics()
        """What this process counts; whoever calls outside may count there, too."""

    async def call(self, name: str, awaitable: Awaitable[T], *, timeout_s: float, at: str | None = None) -> T:
        """Await one outside call called `name`. `ProviderUnavailable` when it takes longer than `timeout_s`.

        `at` names the provider it goes to; without it the call is not counted.
        """
        self._watch(f"before {name}")
        began, outcome = time.perf_counter(), "ok"
        try:
            async with asyncio.timeout(timeout_s):
                result = await awaitable
        except TimeoutError as error:
            outcome = "timeout"
            raise ProviderUnavailable(
                say("{name} did not answer within {seconds:.0f} seconds.", name=name, seconds=timeout_s)
            ) from error
        except asyncio.CancelledError:
            outcome = "stopped"
            raise
        except Exception as error:
            outcome = str(getattr(error, "code", "error"))
            raise
        finally:
            if at is not None:
                self.metrics.asked(at, name.removeprefix("provider."), outcome, time.perf_counter() - began)
        self._watch(f"after {name}")
        return result
