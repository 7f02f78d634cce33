"""What only paid providers do to a job: credit, keys, edges, quotes, refunds; each ends in the right state and the books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import KeyRefused, ProviderUnavailable, Refused, Throttled, Unconfirmed
from bot.jobs.model import Asset, Job, RenderSettings
from bot.jobs.states import State
from bot.money.amount import Money
from bot.ports import CannotTell, Capacity, Failed, HostedInput, NotThere, Rendering, Succeeded
from tests.fakes.provider import FakeProvider
from tests.house import House, a_house

HALF = Money.usd("0.50")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as opened:
        yield opened


async def health(house: House, name: str = "judge"):
    return await house.app.stores.health.load(name)


# --- credit ----------------------------------------------------------------------------------------------------------


async def test_a_throttle_over_credit_pauses_the_provider_and_then_goes_one_at_a_time(house: House) -> None:
    house.provider.takes_it = False
    house.provider.answers = [Throttled("judge: out of credit", retry_after_s=90, about="balance")]
    job = await house.ask()

    await house.step(job)

    job = await house.load(job)
    assert (job.state, job.note is not None and "out of credit" in job.note) == (State.QUEUED, True)
    paused = await health(house)
    assert paused.open_until is not None
    assert paused.open_until - house.clock.now() >= timedelta(seconds=89)
    assert paused.one_at_a_time
    assert await house.line("judge") == []


async def test_credit_that_does_not_come_back_within_an_hour_ends_the_job_free(house: House) -> None:
    house.provider.takes_it = False
    house.provider.answers = [Throttled("judge: out of credit", retry_after_s=900, about="balance")] * 20
    house.provider.answers_balance = True

    job = await _run_with_free_requests(house, await house.ask())

    assert (job.state, job.error.code if job.error else None) == (State.FAILED, "out_of_credit")
    assert house.provider.paid == []
    assert await house.used() == 0


async def _run_with_free_requests(house: House, job: Job) -> Job:
    """The engine's half-open question is asked by hand here: no engine runs in this house."""
    for _ in range(40):
        await house.step(job)
        job = await house.load(job)
        if job.is_final:
            break
        await house.clock.advance(905)
        now = house.clock.now()
        await house.app.stores.health.change(
            "judge", lambda known, now=now: known.after_free_request(answered=True, now=now)
        )
    return job


async def test_credit_that_is_missing_here_may_be_there_at_another(tmp_path: Path) -> None:
    first, second = FakeProvider(), FakeProvider("backup")
    second.rates = {"720p": Money.usd("0.08"), "480p": Money.usd("0.04"), "1080p": Money.usd("0.20")}
    first.takes_it = False
    first.answers = [Throttled("out of credit", retry_after_s=90, about="balance")]
    async with a_house(tmp_path, providers=[first, second]) as house:
        job = await house.run(await house.ask())

        assert (job.state, job.provider) == (State.DELIVERED, "backup")
        assert job.charged == Money.usd("0.40"), "its own price, not the hold of the other one"
        assert await house.used() == Money.usd("0.40")


async def test_a_refused_account_lets_the_others_wait_instead_of_failing_one_by_one(house: House) -> None:
    house.provider.takes_it = False
    house.provider.answers = [Refused("judge says: forbidden", about="account")]
    first, second = await house.ask(), await house.ask()

    await house.step(first)
    await house.step(second)

    assert (await house.load(first)).state is State.FAILED
    assert (await house.load(second)).state is State.QUEUED
    assert (await health(house)).open_until is not None
    assert await house.used() == HALF, "the one that waits; the other was released"


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_key_revoked_in_the_middle_fails_nothing_and_stops_new_jobs(house: House) -> None:
    house.provider.checks = [Rendering(), *[KeyRefused("judge does not accept the key", retry_after_s=60)] * 3]
    running, waiting = await house.ask(), await house.ask()
    await house.step(running)
    for _ in range(3):
        await house.clock.advance(61)
        await house.step(running)

    assert (await house.load(running)).state is State.RENDERING
    assert (await health(house)).open_until is not None
    await house.step(waiting)
    assert (await house.load(waiting)).state is State.QUEUED

    done = await house.run(running)
    assert done.state is State.DELIVERED


# --- what nobody can know --------------------------------------------------------------------------------------------


async def test_an_edges_refusal_needs_one_empty_look_up(house: House) -> None:
    house.provider.takes_it = False
    house.provider.answers = [Unconfirmed("judge answered 403 with a page", likely_refused=True)]
    job = await house.ask()
    await house.step(job)
    assert (await house.load(job)).state is State.UNCONFIRMED

    await house.clock.advance(6)
    await house.step(job)

    job = await house.load(job)
    assert (job.state, job.error.code if job.error else None) == (State.FAILED, "refused")
    assert await house.used() == 0


async def test_an_edges_refusal_that_cannot_be_looked_up_stays_unconfirmed(house: House) -> None:
    house.provider.takes_it = False
    house.provider.answers = [Unconfirmed("judge answered 403 with a page", likely_refused=True)]
    house.provider.found = CannotTell(reason="the list is down")
    job = await house.ask()
    await house.step(job)

    await house.clock.advance(6)
    await house.step(job)

    assert (await house.load(job)).state is State.UNCONFIRMED
    assert await house.used() == HALF


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (NotThere(), "probably not taken"),
        (CannotTell(reason="no pictures shown", candidates=("judge-8", "judge-9")), "judge-8, judge-9"),
        (ProviderUnavailable("judge is down"), "cannot tell (judge is down)"),
    ],
)
async def test_after_two_hours_of_look_ups_it_says_what_is_known_and_no_more(
    house: House, found: object, told: str
) -> None:
    house.provider.answers = [Unconfirmed("no answer")]
    house.provider.found = found
    job = await house.ask()
    await house.step(job)

    for _ in range(8):
        await house.clock.advance(1500)
        await house.step(job)

    job = await house.load(job)
    assert job.state is State.UNCONFIRMED
    assert job.note is not None
    assert told in job.note
    assert await house.used() == HALF, "only a person lets the money go"


async def test_one_look_up_that_failed_takes_the_probably_away(house: House) -> None:
    house.provider.answers = [Unconfirmed("no answer")]
    job = await house.ask()
    await house.step(job)
    for number in range(8):
        house.provider.found = CannotTell(reason="down") if number == 2 else NotThere()
        await house.clock.advance(1500)
        await house.step(job)

    note = (await house.load(job)).note
    assert note is not None
    assert "so far" in note
    assert "probably" not in note


async def test_a_storm_leaves_two_unconfirmed_until_somebody_vouches_for_one(tmp_path: Path) -> None:
    provider = FakeProvider(capacity=Capacity(creates_at_once=2))
    async with a_house(tmp_path, providers=[provider]) as house:
        provider.answers = [Unconfirmed("503")] * 20
        jobs = [await house.ask() for _ in range(6)]
        for _ in range(10):
            for job in jobs:
                await house.step(job)
            await house.clock.advance(120)
            now = house.clock.now()
            await house.app.stores.health.change(
                "judge", lambda known, now=now: known.after_free_request(answered=True, now=now)
            )

        states = [(await house.load(job)).state for job in jobs]
        assert states.count(State.UNCONFIRMED) == 2
        assert states.count(State.QUEUED) == 4
        assert len(provider.paid) == 2

        await house.clock.advance(31 * 60)
        assert len(await house.line("judge")) == 1, "half an hour later one may try again, alone"


# --- prices ----------------------------------------------------------------------------------------------------------


class Quoting(FakeProvider):
    """Names today's price."""

    def __init__(self) -> None:
        super().__init__()
        self.quoted: Money | Exception | None = None
        self.asked = 0

    async def quote(self, model: str, settings: RenderSettings) -> Money | None:
        self.asked += 1
        if isinstance(self.quoted, Exception):
            raise self.quoted
        return self.quoted


async def test_todays_quote_is_what_is_held(tmp_path: Path) -> None:
    provider = Quoting()
    provider.quoted = Money.usd("0.55")
    async with a_house(tmp_path, providers=[provider]) as house:
        job = await house.run(await house.ask())

        assert (job.held, job.charged) == (Money.usd("0.55"), Money.usd("0.55"))
        assert provider.asked == 1, "a quote is good for ten minutes"


async def test_a_quote_above_the_confirmed_price_asks_again(tmp_path: Path) -> None:
    provider = Quoting()
    provider.quoted = Money.usd("0.70")
    async with a_house(tmp_path, providers=[provider], limits={"confirm_above_usd": "0.60"}) as house:
        job = await house.ask()

        await house.step(job)

        job = await house.load(job)
        assert (job.state, job.quote) == (State.QUOTED, Money.usd("0.70"))
        assert provider.paid == []


async def test_a_quote_that_cannot_be_had_leaves_the_price_that_was_told(tmp_path: Path) -> None:
    """Cheaper than the list when it was told; the list alone must not make it dearer afterwards."""
    provider = Quoting()
    provider.quoted = Money.usd("0.30")
    async with a_house(tmp_path, providers=[provider]) as house:
        await house.app.stores.health.pause("judge", "cli:local")
        job = await house.ask()
        await house.step(job)
        provider.quoted = ProviderUnavailable("judge does not answer")
        await house.clock.advance(700)
        await house.step(job)
        assert (await house.load(job)).state is State.QUEUED
        await house.app.stores.health.resume("judge")

        job = await house.run(job)

        assert (job.state, job.charged) == (State.DELIVERED, Money.usd("0.30"))


# --- refunds ---------------------------------------------------------------------------------------------------------


async def test_a_refund_that_is_expected_counts_as_given_back_and_is_followed_up(house: House) -> None:
    expected = Failed(code="provider_failed", message="failed", charged=Money(0), refund_expected=True)
    house.provider.checks = [expected]
    job = await house.run(await house.ask())
    assert (job.state, await house.used()) == (State.FAILED, 0)

    house.provider.checks = [expected]
    await _reconcile(house, job)
    assert await house.used() == 0

    house.provider.checks = [Failed(code="provider_failed", message="failed", charged=HALF)]
    await _reconcile(house, job)
    assert await house.used() == HALF, "it never came, and is booked"
    assert await house.tracker.reconcile() == []


async def test_a_refund_that_came_ends_the_following_up(house: House) -> None:
    expected = Failed(code="provider_failed", message="failed", charged=Money(0), refund_expected=True)
    house.provider.checks = [expected]
    job = await house.run(await house.ask())

    house.provider.checks = [Failed(code="provider_failed", message="failed", charged=Money(0))]
    await _reconcile(house, job)

    assert await house.used() == 0
    assert await house.tracker.reconcile() == []


async def test_a_render_that_only_waits_for_its_refund_takes_no_room(tmp_path: Path) -> None:
    provider = FakeProvider(capacity=Capacity(max_concurrent=1))
    async with a_house(tmp_path, providers=[provider]) as house:
        provider.checks = [Failed(code="failed", message="failed", charged=Money(0), refund_expected=True)]
        await house.run(await house.ask())

        job = await house.run(await house.ask())

        assert job.state is State.DELIVERED


async def _reconcile(house: House, job: Job) -> None:
    await house.clock.advance(3600)
    assert await house.tracker.reconcile() == [job.id]
    await house.step(job)


# --- inputs and results ----------------------------------------------------------------------------------------------


async def test_what_the_provider_flags_stays_flagged(house: House) -> None:
    house.provider.checks = [Succeeded(url="fake://x", flagged=True)]

    job = await house.run(await house.ask())

    assert job.output is not None
    assert job.output.flagged


class Forgetful(FakeProvider):
    """Keeps its inputs for a minute, as often as it is told."""

    def __init__(self, short: int) -> None:
        super().__init__()
        self.short = short
        self.hosted: list[HostedInput] = []
        self.house: House | None = None

    async def host(self, asset: Asset) -> HostedInput:
        assert self.house is not None
        lives = timedelta(minutes=1) if len(self.hosted) < self.short else timedelta(days=7)
        url = f"https://in.example.net/{len(self.hosted)}"
        self.hosted.append(HostedInput(asset=asset, url=url, expires_at=self.house.clock.now() + lives))
        return self.hosted[-1]


async def test_an_input_that_would_expire_is_renewed_before_it_is_sent(tmp_path: Path) -> None:
    provider = Forgetful(short=1)
    async with a_house(tmp_path, providers=[provider]) as house:
        provider.house = house
        job = await house.run(await house.ask())

        assert job.state is State.DELIVERED
        assert [request.image.url for request in provider.paid] == [provider.hosted[1].url]


async def test_inputs_that_never_live_long_enough_are_never_sent(tmp_path: Path) -> None:
    provider = Forgetful(short=1000)
    async with a_house(tmp_path, providers=[provider]) as house:
        provider.house = house
        job = await house.ask()

        await house.step(job)

        assert (await house.load(job)).state is State.QUEUED
        assert provider.paid == []


async def test_resuming_a_provider_that_rests_asks_it_at_once(house: House) -> None:
    """Whoever topped the account up need not wait for the quarter of an hour to pass."""
    now = house.clock.now()
    await house.app.stores.health.change("judge", lambda known: known.after_account_refusal(now, "no credit"))
    assert not (await health(house)).rest_is_over(now)

    await house.app.stores.health.resume("judge")

    assert (await health(house)).rest_is_over(house.clock.now())
    await house.app.stores.health.resume("backup")
    assert (await house.app.stores.health.load("backup")).takes_creates
