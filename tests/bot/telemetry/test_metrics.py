"""Metrics have names one can rely on, and no label that grows for ever."""

from __future__ import annotations

from bot.jobs.states import State
from bot.money.amount import Money
from bot.telemetry.metrics import Metrics


def test_a_job_that_ended_is_counted_with_its_time_and_its_price():
    metrics = Metrics()

    metrics.job_ended(
        platform="cli", provider="acme", model="one", outcome=State.DELIVERED, seconds=61, charged=Money.usd("0.34")
    )

    text = metrics.render().decode()
    assert 'reelbot_jobs_total{model="one",outcome="delivered",platform="cli",provider="acme"} 1.0' in text
    assert 'reelbot_provider_spend_usd_total{model="one",provider="acme"} 0.34' in text
    assert 'reelbot_job_duration_seconds_bucket{le="90.0",model="one",provider="acme"} 1.0' in text


def test_states_without_jobs_are_shown_as_zero():
    metrics = Metrics()

    metrics.jobs_stand({State.QUEUED: 2}, oldest_queued_s=7)
    metrics.jobs_stand({}, oldest_queued_s=0)

    assert 'reelbot_jobs_in_progress{state="queued"} 0.0' in metrics.render().decode()


def test_no_label_names_a_person_a_channel_or_a_job():
    labels = {name for collector in vars(Metrics()).values() for name in getattr(collector, "_labelnames", ())}

    assert labels == {"version", "platform", "provider", "model", "outcome", "state", "op", "method"}


def test_two_apps_in_one_process_count_apart():
    one, two = Metrics(), Metrics()

    one.delivery_ended(platform="cli", method="gallery", outcome="posted")
    one.provider_answered(provider="acme", op="check", outcome="ok", seconds=0.2)

    assert b'method="gallery"' not in two.render()
