"""What every ledger and every store of limits promise: entries only grow, sums equal them, stored limits win."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import LimitReached
from bot.jobs.model import Job, Requester
from bot.jobs.moves import Hold, Move, Release, Settle
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from bot.money.limits import UNLIMITED, DefaultLimits, Limit, Period, Standing
from tests.conformance.stores import HALF, StoreBench, open_stores
from tests.factories import ALICE, BOB, MALLORY, a_requester

SCOPES = ("installation", "workspace:judge:team", "channel:judge:team:room", "user:judge:team:alice")


@pytest.fixture
async def bench(kind: str, tmp_path: Path) -> AsyncIterator[StoreBench]:
    async with open_stores(kind, tmp_path) as found:
        yield found
        assert await found.unequal_sums() == []


async def standing(bench: StoreBench, scope: str, period: Period, requester: Requester = ALICE) -> Standing:
    found = await bench.stores.ledger.standings(requester)
    return next(each for each in found if (each.scope, each.period) == (scope, period))


async def used(bench: StoreBench, scope: str = "installation", requester: Requester = ALICE) -> tuple[Money, int]:
    """Money and jobs of today; on these days, of this month too."""
    day, month = [await standing(bench, scope, period, requester) for period in Period]
    assert (day.used_usd, day.used_jobs) == (month.used_usd, month.used_jobs)
    return day.used_usd, day.used_jobs


async def entries(bench: StoreBench, job: Job) -> list[tuple[str, int, int, int]]:
    """Kind, the amount it names, and what it changed in every sum."""
    found = await bench.stores.ledger.entries(job.id)
    return [(each["kind"], each["micro_usd"], each["delta_micro_usd"], each["delta_jobs"]) for each in found]


async def settle(bench: StoreBench, job: Job, amount: Money, to: State = State.FAILED) -> Job:
    return await bench.move(job, to, money=Settle(amount=amount))


# --- the ledger ---------------------------------------------------------------------------------------------------------


async def test_a_hold_counts_in_every_scope_of_its_asker(bench: StoreBench) -> None:
    job = await bench.queued()

    assert [await used(bench, scope) for scope in SCOPES] == [(HALF, 1)] * 4
    assert await used(bench, "user:judge:team:bob", BOB) == (FREE, 0)
    assert await used(bench, "workspace:judge:elsewhere", MALLORY) == (FREE, 0)
    assert await entries(bench, job) == [("hold", HALF, HALF, 1)]
    assert await bench.stores.ledger.open_holds(job.id) == job.held == HALF


@pytest.mark.parametrize("price", ["0", "0.20", "0.50", "0.90"])
async def test_a_settle_takes_the_actual_price_in_the_holds_place(bench: StoreBench, price: str) -> None:
    """Also above it: then it is booked in full."""
    charged = Money.usd(price)
    job = await settle(bench, await bench.rendering(), charged)

    assert [await used(bench, scope) for scope in SCOPES] == [(charged, 1)] * 4
    assert await entries(bench, job) == [("hold", HALF, HALF, 1), ("settle", charged, charged - HALF, 0)]
    assert (job.charged, job.held, job.hold_id) == (charged, HALF, None)
    assert await bench.stores.ledger.open_holds(job.id) == FREE


async def test_a_release_gives_back_the_money_and_the_job(bench: StoreBench) -> None:
    job = await bench.move(await bench.queued(), State.CANCELLED, money=Release(reason="nothing was sent"))

    assert [await used(bench, scope) for scope in SCOPES] == [(FREE, 0)] * 4
    assert await entries(bench, job) == [("hold", HALF, HALF, 1), ("release", HALF, -HALF, -1)]
    assert (job.held, job.hold_id, job.charged) == (HALF, None, None)


async def test_a_release_without_a_hold_books_nothing(bench: StoreBench) -> None:
    job = await bench.move(await bench.accept(), State.CANCELLED, money=Release(reason="x"))

    assert await entries(bench, job) == []


async def test_a_job_may_be_held_again_after_a_release(bench: StoreBench) -> None:
    job = await bench.move(await bench.queued(), State.QUOTED, money=Release(reason="dearer now"))

    job = await bench.queue(job, HALF * 2)

    assert await used(bench) == (HALF * 2, 1)
    assert await bench.stores.ledger.open_holds(job.id) == HALF * 2


@pytest.mark.parametrize("proof", ["0.50", "0.90", "0.20", "0"])
async def test_late_proof_after_a_release_is_a_correction(bench: StoreBench, proof: str) -> None:
    """What is booked in the end is what was charged, whatever was given back before."""
    charged = Money.usd(proof)
    failed = await bench.fail(await bench.submitting(), money=Release(reason="resolved as lost"))

    job = await settle(bench, failed, charged, State.FETCHING)

    assert (await used(bench))[0] == charged
    assert job.charged == charged
    expected = [("correction", charged, charged, 0)] if charged else []
    assert (await entries(bench, job))[2:] == expected


@pytest.mark.parametrize("proof", ["0.50", "0.90", "0.20"])
async def test_late_proof_after_a_settle_books_only_the_difference(bench: StoreBench, proof: str) -> None:
    """And booked twice it changes nothing more."""
    charged = Money.usd(proof)
    failed = await settle(bench, await bench.rendering(), HALF)

    job = await settle(bench, failed, charged, State.FAILED)
    await settle(bench, job, charged, State.FAILED)

    assert await used(bench) == (charged, 1)
    missing = charged - HALF
    assert (await entries(bench, job))[2:] == ([("correction", missing, missing, 0)] if missing else [])


async def test_an_operators_correction_is_a_later_entry(bench: StoreBench) -> None:
    job, never_held = await settle(bench, await bench.rendering(), HALF), await bench.accept()
    correct = bench.stores.ledger.correct

    assert await correct(job.id, -Money.usd("0.20"), by="cli:local", reason="refunded")
    assert not await correct(never_held.id, HALF, by="cli:local", reason="x")

    assert await used(bench) == (Money.usd("0.30"), 1)
    last = (await bench.stores.ledger.entries(job.id))[-1]
    assert (last["kind"], last["reason"]) == ("correction", "cli:local: refunded")
    assert await entries(bench, never_held) == []


@pytest.mark.parametrize("end", ["settle", "release", "correction"])
async def test_midnight_shifts_nothing(kind: str, tmp_path: Path, end: str) -> None:
    """Whatever comes later counts on the day, and in the month, of its hold; by the installation's own calendar."""
    async with open_stores(kind, tmp_path, zone="America/New_York") as bench:
        job = await bench.submitting()  # 19:00 on New Year's Eve in New York
        await bench.clock.advance(6 * 3600)
        if end == "release":
            job = await bench.fail(job, money=Release(reason="x"))
        else:
            job = await settle(bench, job, HALF * 3)
        if end == "correction":
            await settle(bench, job, HALF)

        booked = await bench.stores.ledger.entries(job.id)
        assert {entry["day"] for entry in booked} == {"2025-12-31"}
        assert {entry["installation_month"] for entry in booked} == {"2025-12"}
        assert [await used(bench, scope) for scope in SCOPES] == [(FREE, 0)] * 4
        assert await bench.unequal_sums() == []


async def test_holds_that_race_never_exceed_the_pot(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Twenty from two processes where there is money for three."""
    await bench.stores.limits.put(Limit(scope="installation", period=Period.MONTH, micro_usd=int(HALF) * 3 + 1))
    jobs = [await bench.accept() for _ in range(20)]

    answers = await asyncio.gather(
        *(
            each.stores.jobs.move(Move(job=job, to=State.QUEUED, money=Hold(amount=HALF)))
            for job, each in zip(jobs, (bench, elsewhere) * 10, strict=True)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, Job) for answer in answers) == 3
    assert sum(isinstance(answer, LimitReached) for answer in answers) == 17
    assert await used(bench) == (HALF * 3, 3)


async def test_a_free_job_counts_only_as_a_job(bench: StoreBench) -> None:
    await bench.stores.limits.put(Limit(scope="installation", period=Period.DAY, micro_usd=0, jobs=2))

    free = [await bench.queued(amount=FREE) for _ in range(2)]

    assert await used(bench) == (FREE, 2)
    assert {job.state for job in free} == {State.QUEUED}
    with pytest.raises(LimitReached):
        await bench.queued(amount=FREE)


# --- limits -------------------------------------------------------------------------------------------------------------


async def test_a_limit_is_set_replaced_and_removed(bench: StoreBench, elsewhere: StoreBench) -> None:
    limits = bench.stores.limits
    day = Limit(scope="user:judge:team:alice", period=Period.DAY, micro_usd=5, jobs=0)
    month = Limit(scope="user:judge:team:alice", period=Period.MONTH, jobs=UNLIMITED)
    other = Limit(scope="installation", period=Period.DAY, micro_usd=1)
    for limit in (Limit(scope=day.scope, period=Period.DAY, jobs=9), day, month, other):
        await limits.put(limit)

    assert await elsewhere.stores.limits.stored() == [other, day, month]
    assert await limits.remove(day.scope) == 2
    assert await limits.remove(day.scope) == 0
    await limits.put(Limit(scope="installation", period=Period.DAY))
    assert await elsewhere.stores.limits.stored() == []


async def test_stored_limits_win_over_settings_figure_by_figure(kind: str, tmp_path: Path) -> None:
    """`UNLIMITED` lifts the settings' figure; a figure that is not stored leaves it in force."""
    settings = DefaultLimits(
        user_daily_jobs=20, user_daily_usd=Money.usd(5), workspace_monthly_usd=Money.usd(100),
        installation_monthly_usd=Money.usd(200),
    )  # fmt: skip
    async with open_stores(kind, tmp_path, limits=settings) as bench:
        put = bench.stores.limits.put
        assert set(settings.as_limits()) == set(bench.stores.limits.defaults())
        before = [await standing(bench, scope, period) for scope, period in _LIMITED]

        await put(Limit(scope="user:default", period=Period.DAY, jobs=3))
        await put(Limit(scope="workspace:judge:team", period=Period.MONTH, micro_usd=7))
        await put(Limit(scope="installation", period=Period.MONTH, micro_usd=UNLIMITED))

        after = [await standing(bench, scope, period) for scope, period in _LIMITED]
        assert [each.limit_usd for each in before] == [Money.usd(200), Money.usd(100), Money.usd(5)]
        assert [each.limit_usd for each in after] == [None, Money(7), Money.usd(5)]
        assert [each.limit_jobs for each in (before[2], after[2])] == [20, 3]
        elsewhere = await standing(bench, "workspace:judge:elsewhere", Period.MONTH, MALLORY)
        assert elsewhere.limit_usd == Money.usd(100)


_LIMITED = (
    ("installation", Period.MONTH),
    ("workspace:judge:team", Period.MONTH),
    ("user:judge:team:alice", Period.DAY),
)


@pytest.mark.parametrize("scope", [*SCOPES, "user:default", "workspace:default"])
@pytest.mark.parametrize("figure", ["usd", "jobs"])
async def test_every_scope_stops_its_own_and_nobody_else(bench: StoreBench, scope: str, figure: str) -> None:
    """Zero means none. Who is not in the scope goes on."""
    zero = Limit(scope=scope, period=Period.DAY, micro_usd=0) if figure == "usd" else None
    await bench.stores.limits.put(zero or Limit(scope=scope, period=Period.DAY, jobs=0))

    with pytest.raises(LimitReached) as refusal:
        await bench.queued()

    meant = {"user:default": "user:judge:team:alice", "workspace:default": "workspace:judge:team"}
    assert refusal.value.scope == meant.get(scope, scope)
    assert refusal.value.resets_at is not None
    if scope not in ("installation", *meant):
        assert (await bench.queued(requester=MALLORY)).state is State.QUEUED


async def test_the_personal_allowance_is_one_figure(bench: StoreBench) -> None:
    """Her own, else the most generous of her roles, else the default."""
    put = bench.stores.limits.put
    await put(Limit(scope="user:default", period=Period.DAY, micro_usd=1))
    await put(Limit(scope="role:judge:team:8", period=Period.DAY, micro_usd=2))
    await put(Limit(scope="role:judge:team:9", period=Period.DAY, micro_usd=3))
    await put(Limit(scope="user:judge:team:bob", period=Period.DAY, micro_usd=0))

    async def allowance(requester: Requester) -> Money | None:
        return (await standing(bench, f"user:{requester.person}", Period.DAY, requester)).limit_usd

    assert await allowance(ALICE) == Money(1)
    assert await allowance(a_requester(roles=("8", "9"))) == Money(3)
    assert await allowance(a_requester(roles=("none",))) == Money(1)
    assert await allowance(a_requester(user="bob", roles=("8", "9"))) == FREE
