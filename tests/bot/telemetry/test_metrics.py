"""Metrics count what happened once, show how things stand, and never say whom it concerns."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.errors import ProviderUnavailable
from bot.jobs.model import WishKind
from bot.jobs.states import State
from bot.money.amount import Money
from bot.money.limits import Limit, Period
from bot.telemetry.connections import Connections
from bot.telemetry.metrics import Metrics
from bot.telemetry.scrape import Scrape
from bot.tracker.outside import Outside
from tests.factories import ALICE, BOB
from tests.house import House, a_house


class Shown:
    """Every sample of one scrape."""

    def __init__(self, text: bytes) -> None:
        families = text_string_to_metric_families(text.decode())
        self._samples = [sample for family in families for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float | None:
        """The sample with exactly these labels; `None` when there is none."""
        found = [each.value for each in self._samples if each.name == name and each.labels == labels]
        return found[0] if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """All samples of a name, by the value of a label."""
        return {each.labels[label]: each.value for each in self._samples if each.name == name}


async def shown(house: House) -> Shown:
    """One scrape."""
    text, content_type = await house.app.exposition()
    assert content_type.startswith("text/plain; version=0.0.4")
    return Shown(text)


CLIP = {"provider": "judge", "model": "judge/clip"}
DELIVERED = {"platform": "judge", "outcome": "delivered", **CLIP}
POSTED = {"platform": "judge", "method": "attachment", "outcome": "posted"}


async def test_a_delivered_clip_is_counted_once_with_its_price_and_its_time(tmp_path: Path) -> None:
    """One job, one delivery, its price, its duration from the wish to the post."""
    async with a_house(tmp_path) as house:
        job = await house.run(await house.ask())
        seen = await shown(house)

    assert job.state is State.DELIVERED
    assert seen("reelbot_jobs_total", **DELIVERED) == 1
    assert seen("reelbot_spend_usd_total", **CLIP) == 0.5
    assert seen("reelbot_deliveries_total", **POSTED) == 1
    assert seen("reelbot_job_duration_seconds_count", **CLIP) == 1
    taken = (job.updated_at - job.created_at).total_seconds()
    assert seen("reelbot_job_duration_seconds_sum", **CLIP) == pytest.approx(taken)
    assert seen("reelbot_provider_requests_total", provider="judge", operation="submit", outcome="ok") == 1
    assert seen("reelbot_provider_request_duration_seconds_count", provider="judge", operation="submit") == 1


async def test_a_clip_that_is_sent_again_has_not_ended_a_second_time(tmp_path: Path) -> None:
    """Its second delivery is counted, the job is not."""
    async with a_house(tmp_path) as house:
        job = await house.run(await house.ask())
        await house.app.stores.wishes.add(job.id, WishKind.RESEND, ALICE.person)
        again = await house.run(job)
        seen = await shown(house)

    assert again.state is State.DELIVERED
    assert seen("reelbot_jobs_total", **DELIVERED) == 1
    assert seen("reelbot_deliveries_total", **POSTED) == 2
    assert seen("reelbot_spend_usd_total", **CLIP) == 0.5


async def test_what_is_open_and_held_is_read_from_the_database(tmp_path: Path) -> None:
    """A queued job holds its price and ages; the budgets it counts in have so much less."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        await house.tracker.run(job.id)
        await house.clock.advance(90)
        seen = await shown(house)

    assert seen("reelbot_open_jobs", state="queued") == 1
    assert seen("reelbot_open_jobs", state="rendering") == 0
    assert seen("reelbot_queue_oldest_seconds", provider="judge") == 90
    assert seen("reelbot_held_usd") == 0.5
    assert seen("reelbot_budget_remaining_usd", scope="installation", period="month") == 199.5
    assert seen("reelbot_budget_remaining_usd", scope="workspace:judge:team", period="month") == 99.5


async def test_budgets_are_those_that_decide(tmp_path: Path) -> None:
    """What is shown as left equals what the next job of this person would be judged by, whatever rules are stored."""
    async with a_house(tmp_path) as house:
        limits = house.app.stores.limits
        await limits.put(Limit(scope="installation", period=Period.DAY, micro_usd=7_000_000))
        await limits.put(Limit(scope="installation", period=Period.MONTH, jobs=900))
        await limits.put(Limit(scope="workspace:judge:team", period=Period.MONTH, micro_usd=-1))
        await house.tracker.run((await house.ask()).id)
        await house.tracker.run((await house.ask(requester=BOB)).id)

        figures = await house.app.figures.read()
        standings = await house.app.stores.ledger.standings(ALICE)

    pots = {(each.scope, each.period): (each.limit, each.used) for each in figures.budgets}
    decide = {
        (each.scope, each.period): (each.limit_usd, each.used_usd)
        for each in standings
        if each.limit_usd is not None and each.scope in ("installation", "workspace:judge:team")
    }
    ours = {name: pot for name, pot in pots.items() if name[0] in ("installation", "workspace:judge:team")}
    assert ours == decide
    assert ours["installation", Period.DAY] == (Money.usd(7), Money.usd(1))
    assert ("workspace:judge:team", Period.MONTH) not in ours


async def test_the_breaker_and_a_pause_are_shown(tmp_path: Path) -> None:
    """A pause of all counts for each provider, also for one nothing else is known of."""
    async with a_house(tmp_path) as house:
        health, now = house.app.stores.health, house.clock.now()
        before = await shown(house)
        await health.change("judge", lambda known: known.after_account_refusal(now, "no credit"))
        await health.pause("*", "cli:local")
        await house.clock.advance(5)
        after = await shown(house)

    assert (before("reelbot_provider_open", provider="judge"), before("reelbot_provider_paused", provider="judge")) == (
        0,
        0,
    )
    assert (after("reelbot_provider_open", provider="judge"), after("reelbot_provider_paused", provider="judge")) == (
        1,
        1,
    )


async def test_the_database_is_asked_at_most_every_five_seconds(tmp_path: Path) -> None:
    """Ten scrapes in one moment are one reading; five seconds later comes the next."""
    async with a_house(tmp_path) as house:
        await shown(house)
        await house.ask()
        soon = [await shown(house) for _ in range(10)]
        await house.clock.advance(5)
        later = await shown(house)

    assert {seen("reelbot_open_jobs", state="received") for seen in soon} == {0}
    assert later("reelbot_open_jobs", state="received") == 1


async def test_a_database_that_does_not_answer_leaves_what_is_known(tmp_path: Path) -> None:
    """The scrape comes back with what the process counted, and says how old the rest is."""
    async with a_house(tmp_path) as house:
        await house.run(await house.ask())
        await shown(house)
        await house.clock.advance(60)
        desk, never = house.app.desk, asyncio.Event()

        class Silent(type(house.app.figures)):  # type: ignore[misc]
            async def read(self):
                await never.wait()

        silent = Silent(house.app.database, [], house.clock, house.app.figures._zone)
        scrape = Scrape(
            desk.metrics, silent, Connections(), house.clock, data_dir=tmp_path, providers=("judge",), patience_s=0.01
        )
        text, _ = await scrape.exposition()
        never.set()

    assert 'reelbot_jobs_total{model="judge/clip",outcome="delivered",platform="judge",provider="judge"} 1.0' in (
        text.decode()
    )
    assert "reelbot_held_usd 0.0" in text.decode()


async def test_a_locked_database_is_still_read(tmp_path: Path) -> None:
    """Readers do not wait for a writer that holds its lock, and what is shown was true a moment ago."""
    async with a_house(tmp_path) as house:
        with contextlib.closing(sqlite3.connect(house.app.ground.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            seen = await shown(house)
            other.execute("ROLLBACK")

    assert seen("reelbot_open_jobs", state="queued") == 0
    assert seen("reelbot_figures_age_seconds", source="jobs") == 0


async def test_kept_files_are_counted_by_kind(tmp_path: Path) -> None:
    """By the second look they are there: nobody waits for them."""
    async with a_house(tmp_path) as house:
        await house.run(await house.ask())
        await shown(house)
        expected = dict(await house.app.figures.media_bytes())
        seen = await shown(house)

    assert expected["clip"] > 0
    assert seen.by("reelbot_media_bytes", "kind") == expected


async def test_nobody_and_nothing_private_is_a_label(tmp_path: Path) -> None:
    """Neither people, channels nor jobs; a direct message's workspace names a person, and is no pot that is shown."""
    dm = replace(ALICE, workspace="dm-4711", user="4711", channel="secretroom")
    async with a_house(tmp_path) as house:
        job = await house.run(await house.ask(requester=dm))
        text, _ = await house.app.exposition()

    assert job.state is State.DELIVERED
    for private in ("4711", "secretroom", job.id, "alice"):
        assert private not in text.decode()


async def test_a_call_is_counted_by_how_it_ended() -> None:
    """An error by its code, a silence as such, and what was never asked not at all."""
    outside = Outside(metrics=(metrics := Metrics()))

    async def fails() -> None:
        raise ProviderUnavailable("down")

    async def hangs() -> None:
        await asyncio.Event().wait()

    async def not_begun() -> None:
        error = RuntimeError("no room")
        error.code = "not_its_turn"  # type: ignore[attr-defined]
        raise error

    for call, limit in ((fails(), 5.0), (hangs(), 0.001), (not_begun(), 5.0)):
        with contextlib.suppress(ProviderUnavailable, RuntimeError):
            await outside.call("provider.check", call, timeout_s=limit, at="judge")
    with contextlib.suppress(ProviderUnavailable):
        await outside.call("courier.show", fails(), timeout_s=5.0)

    text = metrics.exposition().decode()
    counted = re.findall(r"reelbot_provider_requests_total\{(.*?)\}", text)
    assert sorted(counted) == [
        'operation="check",outcome="provider_unavailable",provider="judge"',
        'operation="check",outcome="timeout",provider="judge"',
    ]


def test_a_stranger_cannot_make_labels() -> None:
    """Names that are none of ours, and methods nobody knows, are one label each."""
    metrics = Metrics()

    for name in ("a", "b", "c"):
        metrics.webhook(name, "unknown", is_known=False)
        metrics.answered("unmatched", name, 404, 0.001)

    text = metrics.exposition().decode()
    assert 'reelbot_webhooks_total{outcome="unknown",provider="unknown"} 3.0' in text
    assert 'reelbot_http_requests_total{method="other",route="unmatched",status="404"} 3.0' in text


def test_each_app_counts_for_itself() -> None:
    """Two Apps in one process share no figure."""
    one, other = Metrics(), Metrics()

    one.webhook("judge", "received")

    assert "reelbot_webhooks_total{" in one.exposition().decode()
    assert "reelbot_webhooks_total{" not in other.exposition().decode()


def test_only_what_is_connected_here_is_named() -> None:
    """A chat is named while its role runs, connected or not."""
    connections, is_up = Connections(), True

    with connections.kept("discord", lambda: is_up):
        assert connections.stand() == {"discord": True}
        is_up = False
        assert connections.stand() == {"discord": False}

    assert connections.stand() == {}
