"""Promise 1: a paid request is never sent twice (DESIGN §2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import Fenced, NotSent, ProviderUnavailable, Refused, Throttled, TooLate, Unconfirmed
from bot.jobs.model import Outcome
from bot.jobs.states import State
from bot.money.amount import FREE, Money
from bot.ports import Found, NotThere
from tests.fakes.provider import FakeProvider
from tests.house import OPERATOR, House, a_house, take_over

HALF = Money.usd("0.50")


async def outcome(house: House, job_id: str) -> Outcome | None:
    attempts = await house.app.stores.submissions.of_job(job_id)
    return attempts[-1].outcome


@pytest.mark.parametrize(
    "error", [Unconfirmed("the answer was lost"), ProviderUnavailable("timeout"), OSError("reset")]
)
async def test_a_lost_answer_never_pays_twice(tmp_path: Path, error: Exception) -> None:
    """Whatever is no proof leaves the job unconfirmed, its money held, and nothing is sent again for a week."""
    async with a_house(tmp_path) as house:
        house.provider.answers = [error]
        job = await house.run(await house.ask())

        for _ in range(20):
            await house.clock.advance(3600)
            await house.step(job)

        job = await house.load(job)
        assert job.state is State.UNCONFIRMED
        assert len(house.provider.paid) == 1
        assert await house.app.stores.ledger.open_holds(job.id) == HALF


async def test_an_unconfirmed_job_found_by_look_up_is_delivered_for_one_price(tmp_path: Path) -> None:
    """The id that a look-up proves leads to the clip."""
    async with a_house(tmp_path) as house:
        house.provider.answers = [Unconfirmed("the answer was lost")]
        job = await house.run(await house.ask())
        house.provider.found = Found(provider_job_id="judge-1")

        await house.clock.advance(6)
        job = await house.run(job)

        assert job.state is State.DELIVERED
        assert (len(house.provider.paid), job.charged, await house.used()) == (1, HALF, HALF)


async def test_after_seven_days_an_unconfirmed_job_counts_as_taken(tmp_path: Path) -> None:
    """Nobody could tell: it is booked, and said so."""
    async with a_house(tmp_path) as house:
        house.provider.answers = [Unconfirmed("the answer was lost")]
        job = await house.run(await house.ask())

        await house.clock.advance(7 * 86400 + 60)
        job = await house.run(job)

        assert job.state is State.FAILED
        assert job.error is not None
        assert (job.error.code, job.error.charged, job.charged) == ("lost_at_provider", True, HALF)


async def test_what_was_provably_not_sent_is_tried_again(tmp_path: Path) -> None:
    """Not sent and throttled go back in line; each is paid for once."""
    async with a_house(tmp_path) as house:
        house.provider.takes_it = False
        house.provider.answers = [NotSent("connection refused"), Throttled("slow down", retry_after_s=30)]
        job = await house.ask()
        await house.step(job)
        waiting = await house.load(job)

        assert waiting.state is State.QUEUED
        for _ in range(10):
            await house.clock.advance(70)
            health = await house.app.stores.health.load("judge")
            if health.rest_is_over(house.clock.now()):
                now = house.clock.now()
                await house.app.stores.health.change(
                    "judge", lambda known, now=now: known.after_free_request(answered=True, now=now)
                )
            await house.step(job)

        assert (await house.load(job)).state is State.DELIVERED
        assert len(house.provider.paid) == 1


async def test_throttling_is_obeyed_to_the_second(tmp_path: Path) -> None:
    """Nobody is let in before `Retry-After` has passed, whichever job was throttled."""
    async with a_house(tmp_path) as house:
        house.provider.takes_it = False
        house.provider.answers = [Throttled("slow down", retry_after_s=30)]
        throttled, other = await house.ask(), await house.ask()
        await house.step(throttled)

        await house.clock.advance(29)
        await house.step(throttled)
        await house.step(other)

        assert house.provider.paid == []
        assert {(await house.load(throttled)).state, (await house.load(other)).state} == {State.QUEUED}


@pytest.mark.parametrize(("about", "code"), [("input", "refused"), ("moderation", "moderation")])
async def test_a_refusal_of_the_input_ends_the_job_free_of_charge(tmp_path: Path, about: str, code: str) -> None:
    """And is never tried elsewhere."""
    backup = FakeProvider("backup")
    async with a_house(tmp_path, providers=[FakeProvider(), backup]) as house:
        house.provider.takes_it = False
        house.provider.answers = [Refused("not this picture", about=about)]

        job = await house.run(await house.ask())

        assert job.state is State.FAILED
        assert job.error is not None
        assert (job.error.code, job.error.charged) == (code, False)
        assert (house.provider.paid, backup.paid, await house.used()) == ([], [], FREE)


async def test_a_refusal_of_the_account_fails_over_once_within_the_hold(tmp_path: Path) -> None:
    """Another provider that costs no more takes it, and the card says so."""
    backup = FakeProvider("backup")
    async with a_house(tmp_path, providers=[FakeProvider(), backup]) as house:
        house.provider.takes_it = False
        house.provider.answers = [Refused("out of credit", about="balance")]
        job = await house.ask()

        await house.step(job)
        moved = await house.load(job)
        job = await house.run(moved)

        assert (moved.provider, moved.failed_over) == ("backup", True)
        assert job.state is State.DELIVERED
        assert (len(backup.paid), await house.used()) == (1, HALF)


async def test_a_dearer_provider_is_no_failover(tmp_path: Path) -> None:
    """The hold is what the person agreed to."""
    dear = FakeProvider("dear")
    dear.rates = {"480p": Money.usd(1), "720p": Money.usd(1), "1080p": Money.usd(1)}
    async with a_house(tmp_path, providers=[FakeProvider(), dear]) as house:
        house.provider.takes_it = False
        house.provider.answers = [Refused("out of credit", about="balance")]

        job = await house.run(await house.ask())

        assert (job.state, dear.paid) == (State.FAILED, [])


async def test_who_finds_a_job_in_submitting_never_sends(tmp_path: Path) -> None:
    """A process that died between the write and the answer leaves an unconfirmed job, not a second request."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        house.provider.answers = [KeyboardInterrupt()]  # type: ignore[list-item]  # stands for the death of the process
        with pytest.raises(KeyboardInterrupt):
            await house.step(job)
        assert (await house.load(job)).state is State.SUBMITTING

        await take_over(house.app)
        await house.step(await house.load(job))

        job = await house.load(job)
        assert job.state is State.UNCONFIRMED
        assert len(house.provider.paid) == 1


async def test_an_engine_that_was_replaced_sends_nothing(tmp_path: Path) -> None:
    """A newer engine took over between the write and the send: the old one learns of it, and keeps silent."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        grant = house.app.stores.submissions.grant

        async def replaced(*arguments: object) -> object:
            granted = await grant(*arguments)  # type: ignore[arg-type]  # passed on as they came
            await take_over(house.app)
            return granted

        object.__setattr__(house.app.stores.submissions, "grant", replaced)
        await house.step(job)

        assert house.provider.paid == []
        assert await outcome(house, job.id) is Outcome.NOT_SENT


async def test_a_process_that_was_held_up_before_sending_sends_nothing(tmp_path: Path) -> None:
    """More than five seconds between the write and the send, a frozen process say, and it goes back in line."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        still_ours = house.app.stores.submissions.still_ours

        async def slow(*arguments: object) -> bool:
            await house.clock.advance(5)
            return await still_ours(*arguments)  # type: ignore[arg-type]  # passed on as they came

        object.__setattr__(house.app.stores.submissions, "still_ours", slow)
        await house.step(job)

        assert house.provider.paid == []
        assert (await house.load(job)).state is State.QUEUED
        assert await outcome(house, job.id) is Outcome.NOT_SENT


async def test_two_engines_with_the_same_job_pay_once(tmp_path: Path) -> None:
    """The grant is one transaction: the second finds the job gone from the line."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        await house.tracker.run(job.id)
        queued = await house.load(job)
        first = await house.app.tracker.run(job.id, turn=True)

        with pytest.raises(Fenced):
            await house.app.stores.submissions.grant(
                queued, (await house.app.stores.submissions.of_job(job.id))[0], house.provider.capacity, 3
            )

        assert len(house.provider.paid) == 1
        assert first is not None


async def test_an_operator_cannot_decide_while_the_answer_may_still_come(tmp_path: Path) -> None:
    """Thirty seconds after the attempt, and not before."""
    async with a_house(tmp_path) as house:
        house.provider.answers = [Unconfirmed("the answer was lost")]
        job = await house.run(await house.ask())

        with pytest.raises(TooLate):
            await house.app.service.actions.resolve(job.id, OPERATOR, decision="lost")

        await house.clock.advance(31)
        await house.app.service.actions.resolve(job.id, OPERATOR, decision="lost")
        job = await house.run(job)
        assert (job.state, await house.used()) == (State.FAILED, FREE)


async def test_late_proof_books_the_charge_and_fetches_the_clip(tmp_path: Path) -> None:
    """An operator thought it lost; the reconciler finds it: the charge is booked and the clip delivered."""
    async with a_house(tmp_path) as house:
        house.provider.answers = [Unconfirmed("the answer was lost")]
        house.provider.found = NotThere()
        job = await house.run(await house.ask())
        await house.clock.advance(31)
        await house.app.service.actions.resolve(job.id, OPERATOR, decision="lost")
        job = await house.run(job)
        assert await house.used() == FREE

        house.provider.found = Found(provider_job_id="judge-1")
        again = await house.tracker.reconcile()
        job = await house.run(job)

        assert again == [job.id]
        assert (job.state, job.charged, await house.used()) == (State.DELIVERED, HALF, HALF)
        assert len(house.provider.paid) == 1
