"""One look at the metrics: what the process counted, and how things stand.

The database is asked at most every five seconds, and nobody waits for it longer than a second: while it does not
answer, the figures known so far are shown with their age.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Generic, TypeVar

import structlog
from prometheus_client import Gauge

from bot.ports import Clock
from bot.telemetry.connections import Connections
from bot.telemetry.figures import Figures, FigureStore
from bot.telemetry.metrics import CONTENT_TYPE, Metrics, in_usd

log = structlog.get_logger(__name__)

T = TypeVar("T")

FRESH_S: Final = 5.0
PATIENCE_S: Final = 1.0
MEDIA_EVERY_S: Final = 900.0
"""Counting the files means looking at every one's row."""


class Scrape:
    """Whoever asks for the metrics of one process."""

    def __init__(
        self,
        metrics: Metrics,
        store: FigureStore,
        connections: Connections,
        clock: Clock,
        *,
        data_dir: Path,
        providers: tuple[str, ...],
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._metrics = metrics
        self._connections = connections
        self._clock = clock
        self._data_dir = data_dir
        self._providers = providers
        self._patience_s = patience_s
        self._jobs = _Kept(clock, store.read, self._show, every_s=FRESH_S)
        self._media = _Kept(clock, store.media_bytes, self._show_media, every_s=MEDIA_EVERY_S)

    async def exposition(self) -> tuple[bytes, str]:
        """The metrics in Prometheus' text form, and its content type. Never raises for a database that does not answer."""
        reading = self._jobs.refresh()
        # Nobody waits for the files: they are there the next time.
        self._media.refresh()
        if reading is not None:
            await asyncio.wait({reading}, timeout=self._patience_s)
        self._show_process()
        return self._metrics.exposition(), CONTENT_TYPE

    def _show(self, figures: Figures) -> None:
        metrics, now = self._metrics, self._clock.now()
        _set(metrics.open_jobs, {(state,): float(count) for state, count in figures.open_jobs.items()})
        waited = {(name,): max((now - at).total_seconds(), 0.0) for name, at in figures.oldest_queued.items()}
        _set(metrics.queue_oldest, {(name,): 0.0 for name in self._providers} | waited)
        metrics.held.set(in_usd(figures.held))
        _set(metrics.budget_left, {(each.scope, each.period.value): in_usd(each.left) for each in figures.budgets})
        _set(metrics.provider_open, {(name,): float(self._is_open(figures, name)) for name in self._providers})
        _set(metrics.provider_paused, {(name,): float(self._is_paused(figures, name)) for name in self._providers})

    def _is_open(self, figures: Figures, name: str) -> bool:
        return name in figures.health and figures.health[name].open_until is not None

    def _is_paused(self, figures: Figures, name: str) -> bool:
        return figures.all_paused or (name in figures.health and figures.health[name].paused)

    def _show_media(self, sizes: Mapping[str, int]) -> None:
        _set(self._metrics.media_bytes, {(kind,): float(size) for kind, size in sizes.items()})

    def _show_process(self) -> None:
        metrics = self._metrics
        _set(metrics.connected, {(name,): float(there) for name, there in self._connections.stand().items()})
        ages = {"jobs": self._jobs.age_s(), "media": self._media.age_s()}
        _set(metrics.figures_age, {(name,): age for name, age in ages.items() if age is not None})
        try:
            metrics.disk_free.set(shutil.disk_usage(self._data_dir).free)
        except OSError:
            log.warning("metrics.disk_not_read", exc_info=True)


class _Kept(Generic[T]):
    """One reading that is kept for a while; only one is under way at a time."""

    def __init__(
        self, clock: Clock, read: Callable[[], Awaitable[T]], show: Callable[[T], None], *, every_s: float
    ) -> None:
        self._clock = clock
        self._read = read
        self._show = show
        self._every_s = every_s
        self._read_at: float | None = None
        self._reading: asyncio.Task[None] | None = None

    def refresh(self) -> asyncio.Task[None] | None:
        """Begin to read anew, if it is time; the reading that is under way, if one is."""
        age = self.age_s()
        if self._reading is None and (age is None or age >= self._every_s):
            self._reading = asyncio.create_task(self._refresh())
        return self._reading

    def age_s(self) -> float | None:
        """Of what was read last; `None` before the first."""
        return None if self._read_at is None else self._clock.monotonic() - self._read_at

    async def _refresh(self) -> None:
        began = self._clock.monotonic()
        try:
            self._show(await self._read())
            self._read_at = began
        except Exception:
            # Whatever keeps it from being read, what was known stays, and grows old.
            log.warning("metrics.not_read", exc_info=True)
        finally:
            self._reading = None


def _set(gauge: Gauge, values: dict[tuple[str], float] | dict[tuple[str, str], float]) -> None:
    """Exactly these series: what is gone is not shown any more."""
    gauge.clear()
    for labels, value in values.items():
        gauge.labels(*labels).set(value)
