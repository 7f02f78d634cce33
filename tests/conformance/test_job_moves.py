"""What every move of a job promises: one engine makes it, all of it or none, and facts that nothing can refuse."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.errors import Fenced, LimitReached
from bot.ids import new_id
from bot.jobs.model import AssetKind, Delivery, Job, Outcome, WishKind
from bot.jobs.moves import AttemptFact, DeliveryFact, Hold, Move, Release, Settle
from bot.jobs.states import State
from bot.money.limits import Limit, Period
from tests.conformance.stores import HALF, StoreBench
from tests.factories import ALICE, an_asset


async def test_a_move_saves_what_was_learned_raises_the_version_and_leaves_an_event(bench: StoreBench) -> None:
    job = await bench.accept()
    job = await bench.move(job, State.RECEIVED, changes={"tries": 3, "note": "wait", "next_at": bench.clock.now()})
    wish = await bench.stores.wishes.add(job.id, WishKind.HINT, "judge")
    await bench.clock.advance(60)

    moved = await bench.move(
        job, State.QUEUED, money=Hold(amount=HALF), assets=(("image", an_asset()),), taken=(wish,), details={"why": "x"}
    )

    assert await bench.load(job) == moved
    assert (moved.state, moved.version, moved.held) == (State.QUEUED, job.version + 1, HALF)
    assert (moved.tries, moved.note, moved.next_at, moved.progress) == (0, None, None, None)
    assert moved.state_since == moved.updated_at == bench.clock.now()
    event = (await bench.stores.jobs.events(job.id))[-1]
    assert (event.state, event.details) == (State.QUEUED, {"from": "received", "why": "x"})
    assert await bench.stores.wishes.waiting(job.id) == []
    assert set(await bench.stores.assets.of_job(job.id)) == {"image"}


async def test_whoever_reads_or_moves_a_job_learns_whether_wishes_wait(bench: StoreBench) -> None:
    """Of this job; an answered one, or another job's, does not count."""
    other, job = await bench.accept(), await bench.accept()
    await bench.stores.wishes.add(other.id, WishKind.CANCEL, "bob")
    job = await bench.move(job, State.RECEIVED, changes={"note": "before"})
    before = job.wished

    wish = await bench.stores.wishes.add(job.id, WishKind.CONFIRM, "alice")
    read, moved = await bench.load(job), await bench.move(job, State.RECEIVED, changes={"note": "during"})
    held = await bench.move(moved, State.QUEUED, money=Hold(amount=HALF))
    taken = await bench.move(held, State.QUEUED, taken=(wish,))

    assert (before, read.wished, moved.wished, held.wished) == (False, True, True, True)
    assert (await bench.load(taken)).wished is False


async def test_a_note_raises_the_version_and_is_no_event(bench: StoreBench) -> None:
    job = await bench.accept()
    before = await bench.stores.jobs.events(job.id)

    noted = await bench.move(job, job.state, changes={"note": "waiting", "tries": 1})

    assert (noted.version, noted.note, noted.state_since) == (job.version + 1, "waiting", job.state_since)
    assert await bench.stores.jobs.events(job.id) == before
    assert await bench.stores.jobs.events(job.id, after=before[-1].id) == []


async def test_a_move_the_table_lacks_writes_nothing(bench: StoreBench) -> None:
    job = await bench.submitting()
    fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, ended=True)

    with pytest.raises(ValueError, match="never goes from submitting to delivered"):
        await bench.move(job, State.DELIVERED, attempt=fact)

    assert await bench.load(job) == job
    attempt = await bench.stores.submissions.load(job.attempt_id or "")
    assert attempt is not None
    assert (attempt.outcome, attempt.ended_at) == (None, None)


async def test_a_field_nobody_may_change_is_refused(bench: StoreBench) -> None:
    job = await bench.accept()

    with pytest.raises(KeyError):
        await bench.move(job, job.state, changes={"id": new_id()})

    assert await bench.load(job) == job


@pytest.mark.parametrize("lost", ["version", "epoch"])
async def test_whoever_lost_the_job_writes_only_facts(bench: StoreBench, lost: str) -> None:
    """Moved by somebody, or taken over by a later engine: the attempt and the delivery are written down all the same."""
    stale, delivery = await bench.delivering()
    if lost == "version":
        await bench.move(stale, State.DELIVERING, changes={"note": "somebody was here"})
    else:
        await bench.stores.jobs.claim_all(await bench.stores.jobs.raise_epoch())
    wish = await bench.stores.wishes.add(stale.id, WishKind.RESEND, "x")
    standing, events = await bench.load(stale), await bench.stores.jobs.events(stale.id)
    entries = await bench.stores.ledger.entries(stale.id)

    with pytest.raises(Fenced):
        await bench.move(
            stale,
            State.DELIVERED,
            changes={"note": "mine"},
            money=Settle(amount=HALF),
            attempt=AttemptFact(attempt_id=stale.attempt_id or "", ended=True),
            ended_delivery=DeliveryFact(delivery_id=delivery.id, outcome="posted", method="attachment", place="there"),
            new_delivery=Delivery(id=new_id(), job_id=stale.id, number=2, place="judge:room"),
            assets=(("clip", an_asset(kind=AssetKind.CLIP)),),
            taken=(wish,),
        )

    attempt, posted = (
        (await bench.stores.submissions.of_job(stale.id))[0],
        await bench.stores.deliveries.load(delivery.id),
    )
    assert attempt.ended_at == bench.clock.now()
    assert posted is not None
    assert (posted.outcome, posted.place, posted.posted_at) == ("posted", "there", bench.clock.now())
    assert await bench.load(stale) == standing
    assert await bench.stores.jobs.events(stale.id) == events
    assert await bench.stores.ledger.entries(stale.id) == entries
    assert [each.id for each in await bench.stores.wishes.waiting(stale.id)] == [wish]
    assert len(await bench.stores.deliveries.of_job(stale.id)) == 1
    assert await bench.stores.assets.of_job(stale.id) == {}


async def test_a_hold_without_room_writes_nothing_at_all(bench: StoreBench) -> None:
    """Not even the facts that came with it."""
    await bench.stores.limits.put(Limit(scope="installation", period=Period.MONTH, micro_usd=int(HALF) - 1))
    other, job = await bench.submit(await bench.queued(amount=HALF - HALF)), await bench.accept()
    wish = await bench.stores.wishes.add(job.id, WishKind.HINT, "judge")
    standing = await bench.load(job)

    with pytest.raises(LimitReached) as refusal:
        await bench.move(
            job,
            State.QUEUED,
            changes={"queued_at": bench.clock.now()},
            money=Hold(amount=HALF),
            attempt=AttemptFact(attempt_id=other.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id="x"),
            assets=(("image", an_asset()),),
            taken=(wish,),
        )

    assert refusal.value.scope == "installation"
    assert await bench.load(job) == standing
    assert await bench.stores.ledger.entries(job.id) == []
    assert len(await bench.stores.jobs.events(job.id)) == 1
    assert await bench.stores.assets.load(an_asset().id) is None
    assert len(await bench.stores.wishes.waiting(job.id)) == 1
    attempt = (await bench.stores.submissions.of_job(other.id))[0]
    assert (attempt.outcome, attempt.provider_job_id) == (None, None)


async def test_of_many_moves_from_one_view_one_wins(bench: StoreBench, elsewhere: StoreBench) -> None:
    job = await bench.queued()
    moves = [
        each.stores.jobs.move(Move(job=job, to=State.CANCELLED, money=Release(reason=str(number))))
        for number in range(5)
        for each in (bench, elsewhere)
    ]

    answers = await asyncio.gather(*moves, return_exceptions=True)

    assert sum(isinstance(answer, Job) for answer in answers) == 1
    assert sum(isinstance(answer, Fenced) for answer in answers) == 9
    assert [entry["kind"] for entry in await bench.stores.ledger.entries(job.id)] == ["hold", "release"]


@pytest.mark.parametrize(("wished", "gives_way"), [("cancel", True), ("confirm", True), ("hint", False)])
async def test_a_move_may_give_way_to_what_a_person_wished_meanwhile(
    bench: StoreBench, wished: str, gives_way: bool
) -> None:
    job = await bench.accept()
    wish = await bench.stores.wishes.add(job.id, WishKind(wished), ALICE.person)
    standing = await bench.load(job)
    move = Move(job=job, to=State.RECEIVED, changes={"note": "n"}, unless_wished=True)

    if gives_way:
        with pytest.raises(Fenced):
            await bench.stores.jobs.move(move)
        assert await bench.load(job) == standing

    answered = await bench.stores.jobs.move(replace(move, taken=(wish,)))
    assert answered.note == "n"


async def test_progress_is_written_without_a_transition_and_only_by_the_owner(bench: StoreBench) -> None:
    job = await bench.rendering()

    await bench.stores.jobs.set_progress(job, 0.5)
    shown = await bench.load(job)
    await bench.move(shown, State.RENDERING, changes={"note": "n"})
    await bench.stores.jobs.set_progress(job, 0.9)

    assert shown == replace(job, progress=0.5)
    assert (await bench.load(job)).progress == 0.5
