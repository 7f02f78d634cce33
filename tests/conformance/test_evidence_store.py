"""What every evidence store promises: what comes from outside is written once, with all that follows from it or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from bot.errors import Fenced
from bot.jobs.model import AssetKind, Evidence, EvidenceKind, Job, Outcome, Submission, WishKind
from bot.jobs.moves import AttemptFact
from tests.conformance.stores import HALF, ROOMY, StoreBench
from tests.factories import a_request, an_asset


async def attempt_of(bench: StoreBench, job: Job) -> Submission:
    found = await bench.stores.submissions.load(job.attempt_id or "")
    assert found is not None
    return found


def call(submission: Submission, provider_job_id: str = "theirs-1", status: str = "completed") -> Evidence:
    return Evidence(
        attempt_id=submission.attempt_id,
        kind=EvidenceKind.WEBHOOK,
        provider_job_id=provider_job_id,
        status=status,
    )


# --- webhooks -----------------------------------------------------------------------------------------------------------


async def test_a_webhook_gives_the_attempt_its_id_and_leaves_a_hint(bench: StoreBench, elsewhere: StoreBench) -> None:
    """What became of the attempt is not for it to say, and the job is not touched."""
    job = await bench.submitting()
    attempt = await attempt_of(bench, job)

    assert await bench.stores.evidence.receive(attempt, call(attempt)) is True

    assert await elsewhere.stores.evidence.of_attempt(attempt.attempt_id) == [call(attempt)]
    assert await elsewhere.stores.submissions.load(attempt.attempt_id) == replace(attempt, provider_job_id="theirs-1")
    (hint,) = await elsewhere.stores.wishes.waiting(job.id)
    assert (hint.kind, hint.by, hint.at) == (WishKind.HINT, "judge", bench.clock.now())
    assert hint.details == {"provider_job_id": "theirs-1", "status": "completed"}
    assert await bench.load(job) == job


async def test_the_same_webhook_twice_is_written_once(bench: StoreBench, elsewhere: StoreBench) -> None:
    """Also when both come at the same moment, to different processes. Another status is another webhook."""
    job = await bench.submitting()
    attempt = await attempt_of(bench, job)

    answers = await asyncio.gather(
        *(each.stores.evidence.receive(attempt, call(attempt)) for each in (bench, elsewhere, bench, elsewhere))
    )
    later = await bench.stores.evidence.receive(attempt, call(attempt, status="failed"))

    assert sorted(answers) == [False, False, False, True]
    assert later is True
    assert len(await bench.stores.wishes.waiting(job.id)) == 2
    found = await bench.stores.evidence.of_attempt(attempt.attempt_id)
    assert [each.status for each in found] == ["completed", "failed"]


async def test_an_attempt_whose_id_is_known_keeps_it(bench: StoreBench) -> None:
    job = await bench.rendering()
    attempt = await attempt_of(bench, job)

    assert await bench.stores.evidence.receive(attempt, call(attempt, f"theirs-{job.id}"))

    assert await attempt_of(bench, job) == attempt
    assert len(await bench.stores.wishes.waiting(job.id)) == 1


async def test_a_webhook_that_names_another_id_than_the_attempts_changes_nothing(bench: StoreBench) -> None:
    """Not even when the view it was decided on is old."""
    job = await bench.submitting()
    old = await attempt_of(bench, job)
    await bench.render(job)
    before = await attempt_of(bench, job)

    for seen in (old, before):
        with pytest.raises(Fenced):
            await bench.stores.evidence.receive(seen, call(seen, "somebody-elses"))

    assert await attempt_of(bench, job) == before
    assert await bench.stores.evidence.of_attempt(before.attempt_id) == []
    assert await bench.stores.wishes.waiting(job.id) == []


async def test_an_id_belongs_to_one_attempt(bench: StoreBench) -> None:
    """Of one provider: two of them may use the same words."""
    hers, his = await bench.rendering(), await bench.submitting()
    his_attempt = await attempt_of(bench, his)
    other = await bench.submitting(provider="other")
    other_attempt = await attempt_of(bench, other)

    with pytest.raises(Fenced):
        await bench.stores.evidence.receive(his_attempt, call(his_attempt, f"theirs-{hers.id}"))
    await bench.stores.evidence.receive(other_attempt, call(other_attempt, f"theirs-{hers.id}"))

    assert (await attempt_of(bench, his)).provider_job_id is None
    assert await bench.stores.evidence.of_attempt(his_attempt.attempt_id) == []
    assert await bench.stores.wishes.waiting(his.id) == []
    assert (await attempt_of(bench, other)).provider_job_id == f"theirs-{hers.id}"


async def test_two_attempts_that_claim_one_id_at_once_do_not_both_get_it(
    bench: StoreBench, elsewhere: StoreBench
) -> None:
    attempts = [await attempt_of(bench, await bench.submitting()) for _ in range(2)]

    answers = await asyncio.gather(
        bench.stores.evidence.receive(attempts[0], call(attempts[0])),
        elsewhere.stores.evidence.receive(attempts[1], call(attempts[1])),
        return_exceptions=True,
    )

    assert sorted(str(type(each).__name__) for each in answers) == ["Fenced", "bool"]
    ids = [(await bench.stores.submissions.load(each.attempt_id)).provider_job_id for each in attempts]  # type: ignore[union-attr]
    assert sorted(ids, key=str) == [None, "theirs-1"]


async def test_an_outcome_that_is_known_stays(bench: StoreBench) -> None:
    """An attempt counted as unconfirmed gets its id, and its outcome from whoever looks next."""
    job = await bench.submitting()
    attempt = await attempt_of(bench, job)
    await bench.stores.submissions.record(
        AttemptFact(attempt_id=attempt.attempt_id, outcome=Outcome.UNCONFIRMED, reason="no answer")
    )

    await bench.stores.evidence.receive(attempt, call(attempt))

    found = await attempt_of(bench, job)
    assert (found.outcome, found.provider_job_id, found.ended_at) == (Outcome.UNCONFIRMED, "theirs-1", None)


# --- inputs -------------------------------------------------------------------------------------------------------------


async def test_a_fetched_input_is_noted_once_and_moves_nothing(bench: StoreBench) -> None:
    job = await bench.submitting()
    attempt = await attempt_of(bench, job)
    fetched = Evidence(attempt_id=attempt.attempt_id, kind=EvidenceKind.INPUT_FETCH)

    answers = [await bench.stores.evidence.receive(attempt, fetched) for _ in range(2)]

    assert answers == [True, False]
    assert await bench.stores.evidence.of_attempt(attempt.attempt_id) == [fetched]
    assert await attempt_of(bench, job) == attempt
    assert await bench.stores.wishes.waiting(job.id) == []


async def test_evidence_of_an_attempt_that_never_was_is_refused(bench: StoreBench) -> None:
    unknown = bench.attempt(await bench.queued())

    with pytest.raises(IntegrityError):
        await bench.stores.evidence.receive(
            unknown, Evidence(attempt_id=unknown.attempt_id, kind=EvidenceKind.INPUT_FETCH)
        )

    assert await bench.stores.evidence.of_attempt(unknown.attempt_id) == []


async def test_an_attempt_is_found_by_the_address_of_its_input(bench: StoreBench) -> None:
    """Two jobs with one picture are told apart by their addresses."""
    attempts = []
    for number in range(2):
        accepted, _ = await bench.stores.jobs.accept(a_request(), HALF, [("image", an_asset())])
        queued = await bench.queue(accepted)
        attempt = replace(bench.attempt(queued), input_url=f"https://reelbot.example/media/{number}")
        assert await bench.stores.submissions.grant(queued, attempt, ROOMY, 1000)
        attempts.append(attempt)
    find = bench.stores.evidence.attempt_of_input

    assert [await find(an_asset().id, each.input_url) for each in attempts] == attempts
    assert await find(an_asset().id, "https://reelbot.example/media/2") is None
    assert await find("ff" * 32, attempts[0].input_url) is None


# --- looking attempts up ------------------------------------------------------------------------------------------------


async def test_an_attempt_is_found_by_its_token_and_by_nothing_like_it(bench: StoreBench) -> None:
    job = await bench.submitting()
    attempt = await attempt_of(bench, job)

    assert await bench.stores.submissions.by_token(attempt.token) == attempt
    for token in ("", attempt.token[:-1], attempt.token.swapcase(), attempt.attempt_id, "%"):
        assert await bench.stores.submissions.by_token(token) is None


async def test_ids_at_a_provider_that_are_ours_are_told_from_others(bench: StoreBench) -> None:
    jobs = [await bench.rendering() for _ in range(3)]
    await bench.submitting()
    ours = {f"theirs-{job.id}" for job in jobs}
    known_ids = bench.stores.submissions.known_ids

    assert await known_ids("judge", [*ours, "a-strangers"]) == ours
    assert await known_ids("judge", [min(ours)] * 2) == {min(ours)}
    assert await known_ids("judge", []) == set()
    assert await known_ids("other", ours) == set()
    assert await known_ids("judge", [str(number) for number in range(2000)]) == set()


# --- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_an_original_that_equals_its_stripped_copy_counts_as_the_copy(
    bench: StoreBench, order: tuple[int, int]
) -> None:
    """It has nothing left to strip; else it could never be handed to a provider."""
    original = an_asset(kind=AssetKind.ORIGINAL, content_type="application/octet-stream", width=None, height=None)
    files = [("original", original), ("image", an_asset())]

    job, _ = await bench.stores.jobs.accept(a_request(), HALF, [files[each] for each in order])

    assert await bench.stores.assets.load(an_asset().id) == an_asset()
    assert await bench.stores.assets.of_job(job.id) == {"original": an_asset(), "image": an_asset()}
