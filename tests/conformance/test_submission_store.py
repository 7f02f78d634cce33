"""What every submission store promises: capacity is counted where it is granted, and a fact is filled in once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.errors import Fenced
from bot.jobs.model import Job, JobError, Outcome, Submission, WishKind
from bot.jobs.moves import AttemptFact, Release
from bot.jobs.states import State
from bot.ports import Capacity
from tests.conformance.stores import ROOMY, StoreBench
from tests.factories import ALICE, BOB

ONE = Capacity(max_concurrent=1)
LONG_AGO = timedelta(days=-7)


async def grant(bench: StoreBench, job: Job, capacity: Capacity = ROOMY, person_concurrent: int = 3) -> Job | None:
    return await bench.stores.submissions.grant(job, bench.attempt(job), capacity, person_concurrent)


async def attempt_of(bench: StoreBench, job: Job) -> Submission:
    found = await bench.stores.submissions.load(job.attempt_id or "")
    assert found is not None
    return found


async def is_refused(bench: StoreBench, job: Job, capacity: Capacity = ROOMY, person_concurrent: int = 3) -> bool:
    """Whether it is not this job's turn; then nothing may have been written."""
    if await grant(bench, job, capacity, person_concurrent) is not None:
        return False
    assert await bench.load(job) == job
    assert await bench.stores.submissions.of_job(job.id) == []
    return True


# --- granting -----------------------------------------------------------------------------------------------------------


async def test_a_grant_writes_the_attempt_and_the_state_together(bench: StoreBench) -> None:
    job = await bench.queued()
    attempt = bench.attempt(job)

    granted = await bench.stores.submissions.grant(job, attempt, ONE, 3)

    assert granted is not None
    assert await bench.load(job) == granted
    assert (granted.state, granted.version, granted.attempt_id) == (
        State.SUBMITTING,
        job.version + 1,
        attempt.attempt_id,
    )
    assert await bench.stores.submissions.of_job(job.id) == [attempt]
    assert (await bench.stores.jobs.events(job.id))[-1].state is State.SUBMITTING
    assert await bench.stores.submissions.still_ours(granted)
    assert not await bench.stores.submissions.still_ours(job)


async def test_there_is_no_grant_without_room_and_room_comes_back_with_the_end(bench: StoreBench) -> None:
    """Also while the attempt that occupies it has no outcome yet."""
    running, waiting = await bench.submitting(), await bench.queued(requester=BOB)

    assert await is_refused(bench, waiting, ONE)
    running = await bench.render(running)
    assert await is_refused(bench, waiting, ONE)
    await bench.move(running, State.FETCHING, attempt=AttemptFact(attempt_id=running.attempt_id or "", ended=True))

    assert await grant(bench, waiting, ONE) is not None


async def test_accounts_do_not_share_their_capacity(bench: StoreBench) -> None:
    await bench.submitting(provider="other")

    assert await grant(bench, await bench.queued(), ONE) is not None


async def test_many_grants_at_once_never_exceed_the_capacity(bench: StoreBench, elsewhere: StoreBench) -> None:
    """From two processes."""
    jobs = [await bench.queued() for _ in range(8)]
    room = Capacity(max_concurrent=3)

    answers = await asyncio.gather(
        *(grant(each, job, room, 100) for job, each in zip(jobs, (bench, elsewhere) * 4, strict=True))
    )

    assert sum(answer is not None for answer in answers) == 3
    assert len(await bench.stores.jobs.in_state(State.SUBMITTING)) == 3


async def test_it_is_the_turn_of_whoever_the_line_names(bench: StoreBench) -> None:
    first = await bench.queued()
    await bench.clock.advance(1)
    second = await bench.queued(requester=BOB)

    assert await bench.stores.submissions.next_in_line("judge", ONE, 3) == [first.id]
    assert await grant(bench, first, ONE) is not None
    assert await bench.stores.submissions.next_in_line("judge", ONE, 3) == []
    assert await is_refused(bench, second, ONE)


async def test_nobody_gets_beyond_their_own_concurrency(bench: StoreBench) -> None:
    """At whichever provider the others run; a team mate goes on."""
    await bench.submitting(provider="other")
    hers, his = await bench.queued(), await bench.queued(requester=BOB)

    assert await is_refused(bench, hers, ROOMY, person_concurrent=1)
    assert await grant(bench, his, ROOMY, person_concurrent=1) is not None


async def test_a_job_that_waits_for_a_time_has_no_turn_before(bench: StoreBench) -> None:
    job = await bench.queued()
    job = await bench.move(job, State.QUEUED, changes={"next_at": bench.clock.now() + timedelta(seconds=60)})

    assert await is_refused(bench, job)
    await bench.clock.advance(60)
    assert await grant(bench, job) is not None


async def test_a_job_that_is_not_in_line_has_no_turn(bench: StoreBench) -> None:
    assert await is_refused(bench, await bench.accept())
    cancelled = await bench.move(await bench.queued(), State.CANCELLED, money=Release(reason="x"))
    assert await is_refused(bench, cancelled)


@pytest.mark.parametrize("who", ["judge", "*"])
async def test_a_paused_provider_gets_nothing(bench: StoreBench, who: str) -> None:
    job = await bench.queued()
    await bench.stores.health.pause(who, "cli:local")

    assert await is_refused(bench, job)
    assert await bench.stores.submissions.next_in_line("judge", ROOMY, 3) == []
    await bench.stores.health.resume(who)
    assert await grant(bench, job) is not None


async def test_a_resting_provider_gets_nothing_and_an_ambiguous_one_one_at_a_time(bench: StoreBench) -> None:
    first, second = await bench.queued(), await bench.queued(requester=BOB)
    rest = bench.clock.now() + timedelta(seconds=30)
    await bench.stores.health.change("judge", lambda health: replace(health, open_until=rest))
    assert await is_refused(bench, first)

    await bench.stores.health.change("judge", lambda health: replace(health, open_until=None, ambiguous=1))

    assert await bench.stores.submissions.next_in_line("judge", ROOMY, 3) == [first.id]
    alone = await grant(bench, first)
    assert alone is not None
    assert await is_refused(bench, second)
    await bench.render(alone)
    assert await grant(bench, second) is not None


async def test_creates_per_minute_are_counted_whatever_became_of_them(bench: StoreBench) -> None:
    """Sixty seconds later there is room again."""
    twice = Capacity(creates_per_minute=2)
    for _ in range(2):
        job = await grant(bench, await bench.queued(), twice)
        assert job is not None
        not_sent = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.NOT_SENT, ended=True)
        await bench.fail(job, attempt=not_sent, money=Release(reason="x"))
    third = await bench.queued()

    assert await is_refused(bench, third, twice)
    await bench.clock.advance(59)
    assert await is_refused(bench, third, twice)
    await bench.clock.advance(2)
    assert await grant(bench, third, twice) is not None


async def test_attempts_from_a_clock_that_was_ahead_do_not_block(bench: StoreBench) -> None:
    await bench.submitting()
    bench.clock.jump(-86_400)

    assert await grant(bench, await bench.queued(), Capacity(creates_per_minute=1)) is not None


async def test_an_unconfirmed_attempt_occupies_for_thirty_minutes(bench: StoreBench) -> None:
    """Afterwards it counts only towards money."""
    job = await bench.submitting()
    unknown = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.UNCONFIRMED)
    await bench.move(job, State.UNCONFIRMED, attempt=unknown)
    waiting = await bench.queued(requester=BOB)

    await bench.clock.advance(29 * 60)
    assert await is_refused(bench, waiting, ONE)
    await bench.clock.advance(61)
    assert await grant(bench, waiting, ONE) is not None


async def test_no_grant_after_a_cancel_was_wished(bench: StoreBench) -> None:
    """Written before the grant, it wins; one that was answered, or another wish, changes nothing."""
    job = await bench.queued()
    await bench.stores.wishes.add(job.id, WishKind.HINT, "judge")
    wish = await bench.stores.wishes.add(job.id, WishKind.CANCEL, ALICE.person)
    standing = await bench.load(job)

    with pytest.raises(Fenced):
        await grant(bench, job)
    assert await bench.load(job) == standing
    assert await bench.stores.submissions.of_job(job.id) == []

    noted = await bench.move(job, State.QUEUED, taken=(wish,))
    assert await grant(bench, noted) is not None


@pytest.mark.parametrize("lost", ["version", "epoch"])
async def test_no_grant_for_whoever_lost_the_job(bench: StoreBench, lost: str) -> None:
    stale = await bench.queued()
    if lost == "version":
        await bench.move(stale, State.QUEUED, changes={"note": "n"})
    else:
        await bench.stores.jobs.claim_all(await bench.stores.jobs.raise_epoch())
    standing = await bench.load(stale)

    with pytest.raises(Fenced):
        await grant(bench, stale)

    assert await bench.load(stale) == standing
    assert await bench.stores.submissions.of_job(stale.id) == []
    assert not await bench.stores.submissions.still_ours(stale)


# --- facts --------------------------------------------------------------------------------------------------------------


async def test_an_outcome_is_filled_in_once_and_only_unconfirmed_may_change(bench: StoreBench) -> None:
    record = bench.stores.submissions.record
    job, other = await bench.submitting(), await bench.submitting()
    name, another = job.attempt_id or "", other.attempt_id or ""

    await record(AttemptFact(attempt_id=name, outcome=Outcome.UNCONFIRMED, reason="lost"))
    assert (await attempt_of(bench, job)).outcome is Outcome.UNCONFIRMED
    await record(AttemptFact(attempt_id=name, outcome=Outcome.ACCEPTED, provider_job_id="p-1"))
    await record(AttemptFact(attempt_id=another, outcome=Outcome.REFUSED))
    for outcome in Outcome:
        await record(AttemptFact(attempt_id=name, outcome=outcome, provider_job_id="p-2"))
        await record(AttemptFact(attempt_id=another, outcome=outcome))

    attempt = await attempt_of(bench, job)
    assert (attempt.outcome, attempt.provider_job_id) == (Outcome.ACCEPTED, "p-1")
    assert (await attempt_of(bench, other)).outcome is Outcome.REFUSED


async def test_the_end_of_an_attempt_never_changes(bench: StoreBench) -> None:
    job = await bench.rendering()
    ended = AttemptFact(attempt_id=job.attempt_id or "", ended=True)
    await bench.stores.submissions.record(ended)
    end = bench.clock.now()
    await bench.clock.advance(60)

    await bench.stores.submissions.record(ended)
    await bench.stores.submissions.record(AttemptFact(attempt_id=job.attempt_id or ""))

    attempt = await attempt_of(bench, job)
    assert (attempt.ended_at, attempt.outcome, attempt.provider_job_id) == (end, Outcome.ACCEPTED, f"theirs-{job.id}")


async def test_look_ups_are_counted(bench: StoreBench) -> None:
    job = await bench.submitting()

    await asyncio.gather(*(bench.stores.submissions.looked_up(job.attempt_id or "") for _ in range(3)))

    assert (await attempt_of(bench, job)).lookups == 3


async def test_every_attempt_of_a_job_is_listed_oldest_first(bench: StoreBench) -> None:
    job = await bench.submitting()
    back = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.NOT_SENT, ended=True)
    again = await bench.move(job, State.QUEUED, attempt=back, changes={"attempt_id": None})
    await bench.clock.advance(1)
    again = await bench.submit(again)
    await bench.submitting()

    attempts = await bench.stores.submissions.of_job(job.id)

    assert [attempt.attempt_id for attempt in attempts] == [job.attempt_id, again.attempt_id]
    assert again.retries_used == 2


async def test_loose_ends_are_what_ended_jobs_left_open(bench: StoreBench) -> None:
    """A job that goes on, one that was delivered, and an attempt that has ended leave none."""
    await bench.rendering()
    closed = await bench.rendering()
    await bench.fail(closed, attempt=AttemptFact(attempt_id=closed.attempt_id or "", ended=True))
    posted, _ = await bench.delivering()
    await bench.move(posted, State.DELIVERED)
    left = await bench.fail(await bench.submitting(), changes={"error": JobError(code="never_submitted", message="m")})
    stopped = await bench.move(await bench.rendering(), State.CANCELLED)
    given_up = await bench.rendering()
    await bench.fail(
        given_up,
        attempt=AttemptFact(attempt_id=given_up.attempt_id or "", ended=True),
        changes={"error": JobError(code="lost_at_provider", message="m", charged=True)},
    )

    loose = await bench.stores.submissions.loose_ends(bench.clock.now() + LONG_AGO)

    assert {each.job_id for each in loose} == {left.id, stopped.id, given_up.id}
    for job, expected in ((left, [left.attempt_id]), (given_up, [given_up.attempt_id]), (closed, []), (posted, [])):
        found = await bench.stores.submissions.loose_ends_of(job)
        assert [each.attempt_id for each in found] == expected


async def test_loose_ends_are_followed_only_for_a_while(bench: StoreBench) -> None:
    old = await bench.fail(await bench.submitting())
    await bench.clock.advance(8 * 86_400)
    young = await bench.fail(await bench.submitting())

    loose = await bench.stores.submissions.loose_ends(bench.clock.now() + LONG_AGO)

    assert [each.job_id for each in loose] == [young.id]
    assert [each.job_id for each in await bench.stores.submissions.loose_ends_of(old)] == [old.id]
