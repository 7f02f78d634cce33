"""`unconfirmed`: nobody knows whether the provider took it. Looked up on a timetable; only an operator decides."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import ProviderUnavailable
from bot.jobs.model import EvidenceKind, Job, JobError, Outcome, Submission, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move, Release, Settle
from bot.jobs.states import State
from bot.languages.said import joined, say
from bot.ports import CannotTell, FindResult, Found, NotThere
from bot.tracker.desk import Desk, Next, Wait, first_of, ids
from bot.tracker.retry import has_given_up
from bot.tracker.schedule import next_lookup

MOST_CANDIDATES = 5
"""Ids named in the note; the event has them all."""


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """Proof by id goes to `rendering`; an operator's decision ends it; after seven days it counts as submitted."""
    now, submission = desk.clock.now(), await desk.stores.submissions.load(job.attempt_id or "")
    if submission is None:
        return _lost(job, say("nothing was ever written down for it"), ())
    if submission.provider_job_id is not None:
        return _proven(job, submission.provider_job_id)
    if submission.outcome is Outcome.NOT_SENT:
        return _lost(job, say("it is now proven that nothing was sent"), ())
    decision = first_of(wishes, WishKind.RESOLVE)
    if decision is not None:
        return _resolved(job, decision, ids(wishes, WishKind.RESOLVE))
    if has_given_up(submission.started_at, now, desk.times.unconfirmed_within):
        never_told = say("No one could tell within 7 days whether the provider took it; it counts as taken.")
        return _charged(job, never_told, ())
    due = next_lookup(submission.started_at, submission.lookups, now, desk.times)
    if job.next_at is not None and now < job.next_at <= now + desk.times.lookup_afterwards:
        return Wait(until=job.next_at)
    if submission.lookups < len(desk.times.lookups) and due > now:
        return Wait(until=due)
    return await _look_up(job, submission, desk)


async def _look_up(job: Job, submission: Submission, desk: Desk) -> Next:
    now, provider = desk.clock.now(), desk.providers.get(job.provider)
    found: FindResult = CannotTell(reason=say("it is not set up here at the moment"))
    if provider is not None:
        try:
            finding = provider.find(submission)
            found = await desk.outside.call(
                "provider.find", finding, timeout_s=desk.times.call_timeout_s, at=job.provider
            )
        except ProviderUnavailable as error:
            found = CannotTell(reason=str(error))
    if isinstance(found, Found):
        return _proven(job, found.provider_job_id)
    was_read = await _input_was_read(submission, desk)
    if isinstance(found, NotThere) and submission.likely_refused and not was_read:
        return _refused_before_it(job)
    await desk.stores.submissions.looked_up(submission.attempt_id, empty=isinstance(found, NotThere))
    later = next_lookup(submission.started_at, submission.lookups + 1, now, desk.times)
    details = {"candidates": list(found.candidates)} if isinstance(found, CannotTell) and found.candidates else {}
    return Move(
        job=job,
        to=job.state,
        changes={"next_at": later, "note": _told(found, submission, desk, was_read=was_read)},
        details=details,
    )


async def _input_was_read(submission: Submission, desk: Desk) -> bool:
    """Somebody outside read the input from our own address: it was very probably taken. No reading proves nothing."""
    told = await desk.stores.evidence.of_attempt(submission.attempt_id)
    return any(each.kind is EvidenceKind.INPUT_FETCH for each in told)


def _told(found: CannotTell | NotThere, submission: Submission, desk: Desk, *, was_read: bool) -> str:
    """What a look-up without proof means, for the person and the operator. It never says more than is known."""
    if was_read and isinstance(found, NotThere):
        return say(
            "Not found at the provider so far, but its picture was read there: probably taken. An operator decides."
        )
    if isinstance(found, CannotTell):
        note = say("The provider cannot tell ({reason}); an operator decides.", reason=found.reason)
        shown = joined(found.candidates[:MOST_CANDIDATES], ", ")
        return joined((note, say("It may be one of these there: {ids}.", ids=shown))) if shown else note
    looked, empty = submission.lookups + 1, submission.lookups_empty + 1
    if looked >= len(desk.times.lookups) and empty == looked:
        return say("Not found at the provider in any look-up: probably not taken. An operator confirms it.")
    return say("Not found at the provider so far; an operator decides.")


def _proven(job: Job, provider_job_id: str) -> Move:
    fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id=provider_job_id)
    return Move(job=job, to=State.RENDERING, changes={"provider_job_id": provider_job_id}, attempt=fact)


def _resolved(job: Job, wish: Wish, taken: tuple[int, ...]) -> Move:
    if wish.details.get("as") == "lost":
        return _lost(job, say("{who} found that the provider never took it", who=wish.by), taken)
    provider_job_id = wish.details.get("provider_job_id")
    if provider_job_id:
        fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id=provider_job_id)
        changes = {"provider_job_id": provider_job_id}
        return Move(job=job, to=State.RENDERING, changes=changes, attempt=fact, taken=taken)
    not_known = say("{who} found that the provider took it, but its result is not known.", who=wish.by)
    return _charged(job, not_known, taken)


def _refused_before_it(job: Job) -> Move:
    """Something before the provider said no, and the provider does not know the attempt: that is enough (a risk we take)."""
    fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.REFUSED)
    message = say(
        "Something before the provider refused the request, and the provider never saw it; nothing was charged."
    )
    released = Release(reason="refused before it reached the provider")
    error = JobError(code="refused", message=message)
    return Move(job=job, to=State.FAILED, changes={"error": error}, attempt=fact, money=released)


def _lost(job: Job, reason: str, taken: tuple[int, ...]) -> Move:
    error = JobError(
        code="never_submitted", message=say("Nothing was charged: {reason}. Please start it again.", reason=reason)
    )
    # The attempt stays open in the facts: the reconciler goes on looking, in case the person was wrong.
    released = Release(reason=reason)
    return Move(job=job, to=State.FAILED, changes={"error": error}, money=released, taken=taken)


def _charged(job: Job, message: str, taken: tuple[int, ...]) -> Move:
    error = JobError(code="lost_at_provider", message=message, charged=True)
    settled = Settle(amount=job.expected_charge)
    return Move(job=job, to=State.FAILED, changes={"error": error}, money=settled, taken=taken)
