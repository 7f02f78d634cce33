"""Promise 5: no decision of Reelbot's exceeds a budget, however many commands arrive at once (DESIGN §2)."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import LimitReached
from bot.jobs.model import Job, Requester
from bot.jobs.moves import Hold, Move, Release, Settle
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from bot.money.limits import Limit, Period
from bot.ports import Succeeded
from storage.ledger import unequal_sums
from tests.factories import ALICE, BOB, a_request, a_requester
from tests.house import OPERATOR, House, a_house

HALF = Money.usd("0.50")


async def sums_are_equal(house: House) -> bool:
    async with house.app.database.read() as connection:
        return not await unequal_sums(connection)


async def test_many_at_once_never_exceed_the_pot(tmp_path: Path) -> None:
    """Ten ask at the same moment where there is money for three: three get it, the others are told which limit."""
    async with a_house(tmp_path, limits={"installation_monthly_usd": "1.60", "user_daily_usd": "100"}) as house:
        jobs = [await house.ask() for _ in range(10)]

        await asyncio.gather(*(house.tracker.run(job.id) for job in jobs))

        states = [(await house.load(job)).state for job in jobs]
        assert states.count(State.QUEUED) == 3
        assert states.count(State.FAILED) == 7
        failed = next(job for job in [await house.load(job) for job in jobs] if job.state is State.FAILED)
        assert failed.error is not None
        assert failed.error.code == "limit_reached"
        assert "this installation's monthly budget of $1.60" in failed.error.message
        assert await house.used() == Money.usd("1.50")
        assert await sums_are_equal(house)


async def test_a_limit_already_reached_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    """The refusal names the limit, what is left, and when it resets."""
    async with a_house(tmp_path, limits={"user_daily_usd": "0.40"}) as house:
        with pytest.raises(LimitReached) as refusal:
            await house.ask()

        assert "your daily budget of $0.40 only $0.40 is left" in str(refusal.value)
        assert "2026-01-02 00:00 UTC" in str(refusal.value)
        assert (await house.app.stores.history.page()).jobs == []


async def test_a_charge_above_its_hold_is_booked_in_full_and_stops_further_spending(tmp_path: Path) -> None:
    """What a provider takes beyond its quote is shown, and the scope is blocked until it is within its limit again."""
    async with a_house(tmp_path, limits={"installation_monthly_usd": "1.20", "user_daily_usd": "100"}) as house:
        house.provider.checks = [Succeeded(url="fake://judge-1", price=Money.usd("0.90"))]
        job = await house.run(await house.ask())

        assert (job.held, job.charged, await house.used()) == (HALF, Money.usd("0.90"), Money.usd("0.90"))
        with pytest.raises(LimitReached):
            await house.ask()


async def test_midnight_and_late_releases_shift_nothing(tmp_path: Path) -> None:
    """An entry counts on the day of its hold, in the installation's zone."""
    async with a_house(tmp_path, timezone="America/New_York") as house:
        await house.app.stores.health.pause("judge", "cli:local")
        await house.clock.advance(4.9 * 3600)  # 23:54 on New Year's Eve in New York
        job = await house.ask()
        await house.step(job)
        assert await house.used(scope="user:judge:team:alice", period="day") == HALF

        await house.clock.advance(600)
        assert await house.used(scope="user:judge:team:alice", period="day") == FREE
        await house.app.service.actions.cancel(job.id, OPERATOR)
        await house.step(job)

        assert await house.used(scope="user:judge:team:alice", period="day") == FREE
        days = {entry["day"] for entry in await house.app.stores.ledger.entries(job.id)}
        assert days == {"2025-12-31"}
        assert await sums_are_equal(house)


async def test_the_personal_allowance_is_own_then_most_generous_role_then_default(tmp_path: Path) -> None:
    """One figure, never a sum."""
    async with a_house(tmp_path, limits={"user_daily_usd": "1"}) as house:
        put = house.app.stores.limits.put
        await put(Limit(scope="role:judge:team:9", period=Period.DAY, micro_usd=int(Money.usd(3))))
        await put(Limit(scope="role:judge:team:8", period=Period.DAY, micro_usd=int(Money.usd(2))))
        await put(Limit(scope="user:judge:team:bob", period=Period.DAY, micro_usd=0))

        async def allowance(requester: Requester) -> Money | None:
            found = await house.app.stores.ledger.standings(requester)
            return next(each.limit_usd for each in found if each.scope.startswith("user:"))

        assert await allowance(ALICE) == Money.usd(1)
        assert await allowance(a_requester(roles=("8", "9"))) == Money.usd(3)
        assert await allowance(a_requester(user="bob", roles=("8", "9"))) == FREE
        with pytest.raises(LimitReached):
            await house.ask(requester=BOB)


async def test_above_the_threshold_the_person_is_asked_first(tmp_path: Path) -> None:
    """Nothing is held before Start; without it the job is cancelled after fifteen minutes, free."""
    async with a_house(tmp_path, limits={"confirm_above_usd": "0.40"}) as house:
        confirmed, forgotten = await house.run(await house.ask()), await house.run(await house.ask())
        assert (confirmed.state, await house.used()) == (State.QUOTED, FREE)

        await house.app.service.actions.confirm(confirmed.id, OPERATOR)
        confirmed = await house.run(confirmed)
        await house.clock.advance(16 * 60)
        await house.step(forgotten)

        assert confirmed.state is State.DELIVERED
        assert (await house.load(forgotten)).state is State.CANCELLED
        assert await house.used() == HALF


async def test_the_first_committed_of_confirm_and_cancel_wins(tmp_path: Path) -> None:
    """Whichever came first, and the other changes nothing."""
    async with a_house(tmp_path, limits={"confirm_above_usd": "0.40"}) as house:
        job = await house.run(await house.ask())
        await house.app.service.actions.cancel(job.id, OPERATOR)
        await house.app.service.actions.confirm(job.id, OPERATOR)

        job = await house.run(job)

        assert (job.state, house.provider.paid, await house.used()) == (State.CANCELLED, [], FREE)


async def test_a_price_that_rose_while_waiting_is_asked_again(tmp_path: Path) -> None:
    """The hold is given back; the person sees the new figure before anything is spent."""
    async with a_house(tmp_path) as house:
        await house.app.stores.health.pause("judge", "cli:local")
        job = await house.ask()
        await house.step(job)
        house.provider.rates = {"480p": HALF, "720p": HALF, "1080p": HALF}

        await house.step(job)

        job = await house.load(job)
        assert (job.state, job.quote, await house.used()) == (State.QUOTED, Money.usd("2.50"), FREE)


@settings(max_examples=25, deadline=None)
@given(
    pot=st.integers(0, 3_000_000),
    acts=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["hold", "settle", "release"]), st.integers(0, 1_500_000)),
        max_size=30,
    ),
)
def test_no_interleaving_breaks_the_sums_or_the_pot(pot: int, acts: list[tuple[int, str, int]]) -> None:
    """Whatever is held, settled and released in whatever order: sums equal the ledger, and no hold exceeds the pot."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(Path(folder), pot, acts))


async def _play(folder: Path, pot: int, acts: list[tuple[int, str, int]]) -> None:
    async with a_house(folder) as house:
        await house.app.stores.limits.put(Limit(scope="installation", period=Period.MONTH, micro_usd=pot))
        jobs = [await _quoted(house) for _ in range(6)]
        for number, act, amount in acts:
            job = jobs[number]
            used = await house.used()
            if act == "hold" and job.hold_id is None and job.state is State.RECEIVED:
                move = Move(job=job, to=State.QUEUED, money=Hold(amount=Money(amount)))
                try:
                    jobs[number] = await house.app.stores.jobs.move(move)
                    assert amount == 0 or used + amount <= pot
                except LimitReached:
                    assert used + amount > pot
            elif act == "settle" and job.hold_id is not None:
                settle = Move(job=job, to=State.FAILED, money=Settle(amount=Money(amount)))
                jobs[number] = await house.app.stores.jobs.move(settle)
                assert await house.used() == used - job.held + amount
            elif act == "release" and job.hold_id is not None:
                release = Move(job=job, to=State.FAILED, money=Release(reason="test"))
                jobs[number] = await house.app.stores.jobs.move(release)
                assert await house.used() == used - job.held
            assert await sums_are_equal(house)


async def _quoted(house: House) -> Job:
    job, _ = await house.app.stores.jobs.accept(a_request(), FREE, ())
    return job
