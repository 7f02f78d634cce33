"""Metrics: every name, label and help text on one page. `docs/reference/metrics.md` is made from it.

Each App has a registry of its own. What happens is counted by whoever does it; how things stand is read from the
database when somebody asks (`bot.telemetry.scrape`). No person, channel or job is ever a label.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from bot import __version__
from bot.money.amount import MICROS_PER_USD, Money

# Each counter would come with a second series that says when it began; nothing we draw or alert on needs it.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
JOB_SECONDS: Final = (5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1800, 3600)
REQUEST_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
ANSWER_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NOT_ASKED: Final = frozenset({"fenced", "not_its_turn"})
"""Ways a call ends before anything was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric, as it is documented."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]


def in_usd(amount: Money) -> float:
    """For graphs only; nothing is ever reckoned with it."""
    return int(amount) / MICROS_PER_USD


class Metrics:
    """What one process counts, and how things stand."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.families: list[Family] = []
        self._calls: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        count, gauge, measure = self._counter, self._gauge, self._histogram
        # What people feel.
        self.jobs_ended = count(
            "reelbot_jobs_total",
            "Jobs that ended, by how: delivered, undelivered, failed or cancelled. One that is sent again ends once.",
            "platform", "provider", "model", "outcome",
        )  # fmt: skip
        self.job_seconds = measure(
            "reelbot_job_duration_seconds",
            "From the accepted wish to the delivered clip, with all waiting, for people too.",
            JOB_SECONDS, "provider", "model",
        )  # fmt: skip
        self.render_seconds = measure(
            "reelbot_render_duration_seconds",
            "From the order a provider accepted to its finished render, where that is known well.",
            JOB_SECONDS, "provider", "model",
        )  # fmt: skip
        self.open_jobs = gauge("reelbot_open_jobs", "Jobs that have not ended, by state.", "state")
        self.queue_oldest = gauge(
            "reelbot_queue_oldest_seconds", "How long the oldest queued job has waited; 0 with none.", "provider"
        )
        # Money.
        self.spent = count(
            "reelbot_spend_usd_total",
            "What providers charged, as it was settled by this process, in USD. Corrections by hand are not in it.",
            "provider", "model",
        )  # fmt: skip
        self.held = gauge("reelbot_held_usd", "Reserved for jobs under way, in USD.")
        self.budget_left = gauge(
            "reelbot_budget_remaining_usd",
            "What is left of a budget in its current day or month, in USD; below 0 when a provider charged beyond it. "
            "Only where there is a limit above 0.",
            "scope", "period",
        )  # fmt: skip
        # Providers.
        self.provider_requests = count(
            "reelbot_provider_requests_total",
            "Calls to providers, by how they ended: ok, or an error code.",
            "provider", "operation", "outcome",
        )  # fmt: skip
        self.provider_seconds = measure(
            "reelbot_provider_request_duration_seconds",
            "How long calls to providers took.",
            REQUEST_SECONDS, "provider", "operation",
        )  # fmt: skip
        self.provider_open = gauge(
            "reelbot_provider_open", "1 while the breaker is open: no new renders are ordered.", "provider"
        )
        self.provider_paused = gauge("reelbot_provider_paused", "1 while an operator has paused it.", "provider")
        self.webhooks = count(
            "reelbot_webhooks_total",
            "Calls from providers, by what became of them: received, repeated, refused, unverifiable, contradicts, "
            "unreadable, unknown.",
            "provider", "outcome",
        )  # fmt: skip
        # Deliveries and chats.
        self.deliveries = count(
            "reelbot_deliveries_total",
            "Deliveries that ended: posted, by its method, or unclear or refused, with no method.",
            "platform", "method", "outcome",
        )  # fmt: skip
        self.connected = gauge(
            "reelbot_platform_connected", "1 while this process is connected to the chat; absent elsewhere.", "platform"
        )
        self.alerts = count("reelbot_alerts_total", "Alerts that were raised, by the kind of their cause.", "cause")
        # The process and its machine.
        self.http_requests = count(
            "reelbot_http_requests_total",
            "Requests answered by the web side, by the template of their route; `unmatched` without one.",
            "route", "method", "status",
        )  # fmt: skip
        self.http_seconds = measure(
            "reelbot_http_request_duration_seconds",
            "From a request to the beginning of its answer.",
            ANSWER_SECONDS, "route",
        )  # fmt: skip
        self.event_streams = gauge("reelbot_event_streams", "Event streams that are open.")
        self.media_bytes = gauge(
            "reelbot_media_bytes",
            "Bytes of the pictures, sounds and clips that are kept; counted now and then.",
            "kind",
        )
        self.disk_free = gauge("reelbot_disk_free_bytes", "Free on the disk of the data directory.")
        self.figures_age = gauge(
            "reelbot_figures_age_seconds",
            "How old the figures from the database are; grows while it does not answer. Absent before the first.",
            "source",
        )
        self.build = gauge("reelbot_build_info", "Always 1; says what runs.", "version", "python")
        for unknown in (self.held, self.disk_free):
            unknown.set(math.nan)
        self.build.labels(__version__, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text form."""
        return generate_latest(self.registry)

    # --- what is counted --------------------------------------------------------------------------------------------

    def asked(self, provider: str, operation: str, outcome: str, seconds: float) -> None:
        """One call to a provider ended."""
        if outcome in NOT_ASKED:
            return
        known = self._calls.get((provider, operation, outcome))
        if known is None:
            # Looking a series up costs more than counting in it, and polls come by the hundred each second.
            counter = self.provider_requests.labels(provider, operation, outcome)
            known = self._calls[provider, operation, outcome] = (
                counter,
                self.provider_seconds.labels(provider, operation),
            )
        known[0].inc()
        known[1].observe(seconds)

    def settled(self, provider: str, model: str, amount: Money) -> None:
        """A provider charged so much (more). What it gives back is no spending, and a counter never falls."""
        if amount > 0:
            self.spent.labels(provider, model).inc(in_usd(amount))

    def webhook(self, provider: str, outcome: str, *, is_known: bool = True) -> None:
        """A provider called; a name that is none of ours is not made a label."""
        self.webhooks.labels(provider if is_known else "unknown", outcome).inc()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """The web side began to answer."""
        self.http_requests.labels(route, method if method in METHODS else "other", str(status)).inc()
        self.http_seconds.labels(route).observe(seconds)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """An event stream is open while the block lasts."""
        self.event_streams.inc()
        try:
            yield
        finally:
            self.event_streams.dec()

    # --- making them ------------------------------------------------------------------------------------------------

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        self.families.append(Family(name=name, kind="counter", help=text, labels=labels))
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        self.families.append(Family(name=name, kind="gauge", help=text, labels=labels))
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        self.families.append(Family(name=name, kind="histogram", help=text, labels=labels))
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)
