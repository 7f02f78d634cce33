"""Every metric Reelbot has, with its labels, in one place.

Names begin with `reelbot_` and carry base units. Labels never hold the id of a person, a channel or a job: there
would be as many series as there are of those.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot import __version__
from bot.jobs.states import FINAL, State
from bot.money.amount import MICROS_PER_USD, Money

_JOB_SECONDS = (1, 2, 5, 10, 20, 30, 60, 90, 120, 180, 300, 450, 600, 900)
_REQUEST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one process, in a registry of their own; an App makes one and hands it to who counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.build = Gauge("reelbot_build_info", "Always 1; says which version runs.", ["version"], registry=registry)
        self.build.labels(version=__version__).set(1)
        self.jobs = Counter(
            "reelbot_jobs", "Jobs that ended.", ["platform", "provider", "model", "outcome"], registry=registry
        )
        self.job_seconds = Histogram(
            "reelbot_job_duration_seconds",
            "From accepted to ended.",
            ["provider", "model"],
            buckets=_JOB_SECONDS,
            registry=registry,
        )
        self.in_progress = Gauge("reelbot_jobs_in_progress", "Jobs not ended, by state.", ["state"], registry=registry)
        self.queue_oldest = Gauge(
            "reelbot_queue_oldest_seconds", "How long the oldest queued job has waited.", registry=registry
        )
        self.provider_requests = Counter(
            "reelbot_provider_requests", "Requests to providers.", ["provider", "op", "outcome"], registry=registry
        )
        self.provider_seconds = Histogram(
            "reelbot_provider_request_duration_seconds",
            "Time until a provider answered.",
            ["provider", "op"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self.spend = Counter(
            "reelbot_provider_spend_usd", "What the ledger settled.", ["provider", "model"], registry=registry
        )
        self.deliveries = Counter(
            "reelbot_deliveries", "Clips posted or not.", ["platform", "method", "outcome"], registry=registry
        )

    def job_ended(
        self, *, platform: str, provider: str, model: str, outcome: State, seconds: float, charged: Money | None
    ) -> None:
        """Count a job that reached its end."""
        self.jobs.labels(platform=platform, provider=provider, model=model, outcome=outcome.value).inc()
        self.job_seconds.labels(provider=provider, model=model).observe(seconds)
        if charged:
            self.spend.labels(provider=provider, model=model).inc(int(charged) / MICROS_PER_USD)

    def provider_answered(self, *, provider: str, op: str, outcome: str, seconds: float) -> None:
        """Count a request: `op` is the protocol's verb, `outcome` `ok` or the error's code."""
        self.provider_requests.labels(provider=provider, op=op, outcome=outcome).inc()
        self.provider_seconds.labels(provider=provider, op=op).observe(seconds)

    def delivery_ended(self, *, platform: str, method: str, outcome: str) -> None:
        """Count a delivery: `outcome` is `posted`, `refused` or `unclear`."""
        self.deliveries.labels(platform=platform, method=method, outcome=outcome).inc()

    def jobs_stand(self, counts: Mapping[State, int], oldest_queued_s: float) -> None:
        """Set the gauges from what the database says; called before each scrape."""
        for state in State:
            if state not in FINAL:
                self.in_progress.labels(state=state.value).set(counts.get(state, 0))
        self.queue_oldest.set(oldest_queued_s)

    def render(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self.registry)
