"""Placing an order, at most once: from `queued` through `submitting` to what the provider's answer means.

The order of events is the promise (DESIGN §4): open a fresh connection; write the submission; re-read job and epoch;
check that less than five seconds passed since the write; then send, with nothing awaited in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.errors import (
    DiskFull,
    Fenced,
    MediaUnavailable,
    NotFound,
    NotSent,
    ProviderUnavailable,
    Refused,
    Throttled,
    Unconfirmed,
)
from bot.ids import new_id, new_token
from bot.jobs.model import Job, JobError, Outcome, Submission
from bot.jobs.moves import AttemptFact, Move, Release
from bot.jobs.states import State
from bot.languages.said import joined, say
from bot.ports import Accepted, HostedInput, Model, Provider, SubmitRequest
from bot.prompts.check import compose
from bot.tracker.desk import Desk, Next, Wait
from bot.tracker.failover import another_provider
from bot.tracker.intake import not_kept
from bot.tracker.retry import backoff, has_given_up

log = structlog.get_logger(__name__)

PERSONS_OWN = frozenset({"input", "moderation"})
"""Refusals a person can only cure by asking for something else: never tried elsewhere, never held against a provider."""
OPERATORS_OWN = frozenset({"account", "balance"})
"""Refusals only an operator can cure: the jobs in line wait instead of being refused one by one."""


class NotItsTurn(Exception):
    """No room, or another goes first. Nothing was written and nothing was sent."""

    code = "not_its_turn"


@dataclass(slots=True)
class _Attempt:
    """What `about_to_send` did, for the code around `submit` to judge."""

    job: Job
    """As granted, once it is."""
    submission: Submission
    granted: bool = False
    cleared: bool = False
    """Every check passed: from here on bytes may have left."""


async def submit(job: Job, desk: Desk) -> Next:
    """Try to place the order. The move it returns is decided on the job as granted, or on `job` when nothing was."""
    provider = desk.providers.get(job.provider)
    if provider is None:
        return desk.retry(
            job, say("{provider} is not set up on this installation at the moment.", provider=job.provider)
        )
    try:
        hosted = await _host(job, provider, desk)
    except (ProviderUnavailable, DiskFull) as error:
        why = str(error)
        if not isinstance(error, MediaUnavailable):  # which is no trouble of the provider's
            await desk.stores.health.change(job.provider, lambda health: health.after_failure(desk.clock.now(), why))
        return desk.retry(job, why)
    except NotFound as error:
        gone = JobError(code="input_gone", message=str(error))
        released = Release(reason="the picture is gone; nothing was sent")
        return Move(job=job, to=State.FAILED, changes={"error": gone}, money=released)
    attempt = _Attempt(job=job, submission=_submission(job, hosted.image, desk))
    try:
        answer = await _send(attempt, provider, hosted, desk)
    except NotItsTurn:
        return Wait(for_turn=True)
    except Fenced:
        if attempt.granted:
            # Written, then lost to somebody else before the send: the fact helps whoever owns the job now.
            await desk.stores.submissions.record(_not_sent(attempt, "taken over before it was sent"))
        raise
    except asyncio.CancelledError:
        # The process is stopping. If bytes may have left, the row in `submitting` says so and the next engine decides.
        if attempt.granted and not attempt.cleared:
            await asyncio.shield(desk.stores.submissions.record(_not_sent(attempt, "stopped before it was sent")))
        raise
    except Exception as error:
        if not attempt.granted:
            # The connection could not be opened: nothing was written, nothing was sent.
            why = str(error) if isinstance(error, NotSent | ProviderUnavailable) else "the connection failed"
            await desk.stores.health.change(job.provider, lambda health: health.after_failure(desk.clock.now(), why))
            if not isinstance(error, NotSent | ProviderUnavailable):
                log.exception("submit.failed_before_sending", job_id=job.id)
            return desk.retry(job, say("{provider} cannot be reached; trying again.", provider=job.provider))
        return await _judge(attempt, error, desk)
    await desk.stores.health.change(job.provider, lambda health: health.after_success())
    desk.troubles.over(job.provider)
    return _accepted(attempt.job, answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    """What the provider is to read."""

    image: HostedInput
    audio: HostedInput | None = None


async def _host(job: Job, provider: Provider, desk: Desk) -> _Inputs:
    image = await _host_one(job.image_asset or "", "picture", provider, desk)
    if job.audio_asset is None:
        return _Inputs(image=image)
    return _Inputs(image=image, audio=await _host_one(job.audio_asset, "sound", provider, desk))


async def _host_one(asset_id: str, what: str, provider: Provider, desk: Desk) -> HostedInput:
    """A new address for this attempt, that lives long enough; one that does not is renewed once."""
    asset = await desk.stores.assets.load(asset_id)
    if asset is None:
        raise NotFound(not_kept(what))
    for _ in range(2):
        hosting = provider.host(asset)
        hosted = await desk.outside.call(
            "provider.host", hosting, timeout_s=desk.times.transfer_timeout_s, at=provider.name
        )
        if hosted.expires_at is None or hosted.expires_at - desk.clock.now() >= desk.times.input_lives:
            return hosted
    if what == "sound":
        raise ProviderUnavailable(
            say("{provider} keeps the sound for too short a time at the moment.", provider=provider.name)
        )
    raise ProviderUnavailable(
        say("{provider} keeps the picture for too short a time at the moment.", provider=provider.name)
    )


def _submission(job: Job, hosted: HostedInput, desk: Desk) -> Submission:
    return Submission(
        attempt_id=new_id(),
        job_id=job.id,
        provider=job.provider,
        model=job.model,
        token=new_token(),
        input_url=hosted.url,
        started_at=desk.clock.now(),
    )


async def _send(attempt: _Attempt, provider: Provider, inputs: _Inputs, desk: Desk) -> Accepted:
    job, submission = attempt.job, attempt.submission

    async def about_to_send() -> None:
        # From before the write: a process that sleeps while it writes has slept, too.
        written, began = desk.clock.monotonic(), desk.clock.now()
        granting = desk.stores.submissions.grant(job, submission, provider.capacity, desk.person_concurrent)
        if not await _granted(attempt, granting):
            raise NotItsTurn
        granted = attempt.job
        if not await desk.stores.submissions.still_ours(granted):
            raise Fenced(f"job {job.id} was taken over before it was sent")
        # The monotonic clock goes on while a process is frozen, and the wall clock while the machine sleeps: whoever
        # wakes up late by either sends nothing.
        slept = max(desk.clock.monotonic() - written, (desk.clock.now() - began).total_seconds())
        if slept >= desk.times.send_within.total_seconds():
            raise NotSent("The process was held up for too long before sending; nothing was sent.")
        attempt.cleared = True

    request = SubmitRequest(
        attempt_id=submission.attempt_id,
        job_id=job.id,
        model=job.model,
        prompt=compose(job.prompt, job.settings, desk.model(job)),
        settings=job.settings,
        image=inputs.image,
        audio=inputs.audio,
        token=submission.token,
        webhook_url=desk.webhook_url(job.provider, submission.token),
    )
    sending = provider.submit(request, about_to_send)
    return await desk.outside.call("provider.submit", sending, timeout_s=desk.times.call_timeout_s, at=job.provider)


async def _granted(attempt: _Attempt, granting: Awaitable[Job | None]) -> bool:
    """Whether it is this job's turn. Cancelled meanwhile, it is still learnt what was written: it must be taken back."""
    task = asyncio.ensure_future(granting)
    try:
        granted = await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None and (written := task.result()) is not None:
            attempt.job, attempt.granted = written, True
        raise
    if granted is not None:
        attempt.job, attempt.granted = granted, True
    return attempt.granted


def _not_sent(attempt: _Attempt, reason: str) -> AttemptFact:
    return AttemptFact(attempt_id=attempt.submission.attempt_id, outcome=Outcome.NOT_SENT, reason=reason, ended=True)


def _accepted(job: Job, answer: Accepted) -> Move:
    fact = AttemptFact(
        attempt_id=job.attempt_id or "", outcome=Outcome.ACCEPTED, provider_job_id=answer.provider_job_id
    )
    changes = {"provider_job_id": answer.provider_job_id}
    return Move(job=job, to=State.RENDERING, changes=changes, attempt=fact)


async def _judge(attempt: _Attempt, error: Exception, desk: Desk) -> Move:
    """What a failure after the grant means. Whatever is not a proof is `unconfirmed`."""
    job, now, health = attempt.job, desk.clock.now(), desk.stores.health
    if not attempt.cleared and not isinstance(error, NotSent):
        error = NotSent(str(error))
    match error:
        case NotSent():
            await health.change(job.provider, lambda known: known.after_failure(now, str(error)))
            wait = backoff(job.retries_used, first=desk.times.retry_first, longest=desk.times.retry_longest)
            note = say("{provider} was not reached; trying again.", provider=job.provider)
            return again(job, _not_sent(attempt, str(error)), wait, note, desk)
        case Throttled():
            return await _throttled(attempt, error, desk)
        case Refused(about=about):
            if about in PERSONS_OWN:
                desk.troubles.over(job.provider)
                await health.change(job.provider, lambda known: known.after_success())
            elif about in OPERATORS_OWN:
                log.error("provider.account_refused", provider=job.provider, about=about, why=str(error))
                desk.troubles.note(job.provider, "balance" if about == "balance" else "account", str(error))
                await health.change(job.provider, lambda known: known.after_account_refusal(now, str(error)))
            else:
                await health.change(job.provider, lambda known: known.after_failure(now, str(error)))
            return await refused(job, error, desk)
        case _:
            if not isinstance(error, Unconfirmed | ProviderUnavailable):
                log.error("submit.unexpected", job_id=job.id, exc_info=error)
            await health.change(job.provider, lambda known: known.after_ambiguous(now, str(error)))
            likely_refused = isinstance(error, Unconfirmed) and error.likely_refused
            return unconfirmed(job, str(error), desk, likely_refused=likely_refused)


async def _throttled(attempt: _Attempt, error: Throttled, desk: Desk) -> Move:
    """Nothing was created. Over a rate limit: later. Over the credit: elsewhere, else later, but not for ever."""
    job, now = attempt.job, desk.clock.now()
    wait = backoff(0, first=desk.times.throttle_wait, longest=desk.times.throttle_wait)
    if error.retry_after_s is not None:
        wait = backoff(0, first=timedelta(seconds=0.1), longest=timedelta(seconds=0.1), asked_s=error.retry_after_s)
    await desk.stores.health.change(job.provider, lambda known: known.after_throttle(now, wait, str(error)))
    fact = AttemptFact(
        attempt_id=attempt.submission.attempt_id, outcome=Outcome.THROTTLED, reason=str(error), ended=True
    )
    if error.about != "balance":
        busy = say(
            "{provider} is busy; in line again from {time} UTC.", provider=job.provider, time=f"{now + wait:%H:%M}"
        )
        return again(job, fact, wait, busy, desk)
    desk.troubles.note(job.provider, "balance", str(error))
    if (other := another_provider(job, desk)) is not None:
        return _elsewhere(job, other, str(error), fact)
    if has_given_up(job.queued_at or job.state_since, now, desk.times.credit_within):
        topped_up = say("Nothing was charged; an operator has to top the account up.")
        ending = JobError(code="out_of_credit", message=joined((str(error), topped_up)))
        released = Release(reason="the provider's account has no credit")
        return Move(job=job, to=State.FAILED, changes={"error": ending}, attempt=fact, money=released)
    note = say(
        "{provider}'s account is out of credit for now; trying again at {time} UTC.",
        provider=job.provider,
        time=f"{now + wait:%H:%M}",
    )
    return again(job, fact, wait, note, desk)


def _elsewhere(job: Job, other: Model, why: str, fact: AttemptFact) -> Move:
    note = say(
        "{provider} refused ({why}); {other} takes it, within the same price.",
        provider=job.provider,
        why=why,
        other=other.provider,
    )
    settings = job.settings
    price = other.price.price(duration_s=settings.duration_s, resolution=settings.resolution)
    changes: dict[str, object] = {"provider": other.provider, "model": other.slug, "quote": price, "failed_over": True}
    changes |= {"note": note, "attempt_id": None}
    return Move(job=job, to=State.QUEUED, changes=changes, attempt=fact)


def again(job: Job, fact: AttemptFact, wait: timedelta, note: str, desk: Desk) -> Move:
    """Back to `queued`: provably nothing was started. The hold stays."""
    changes = {"note": note, "next_at": desk.clock.now() + wait, "tries": job.tries + 1, "attempt_id": None}
    return Move(job=job, to=State.QUEUED, changes=changes, attempt=fact)


async def refused(job: Job, error: Refused, desk: Desk) -> Move:
    """The provider provably said no: another one within the hold where that can help, else the end, free."""
    fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.REFUSED, reason=str(error), ended=True)
    if error.about not in PERSONS_OWN and (other := another_provider(job, desk)) is not None:
        return _elsewhere(job, other, str(error), fact)
    ending = JobError(code="moderation" if error.about == "moderation" else "refused", message=str(error))
    released = Release(reason=f"refused: {error}")
    return Move(job=job, to=State.FAILED, changes={"error": ending}, attempt=fact, money=released)


def unconfirmed(job: Job, reason: str, desk: Desk, *, likely_refused: bool = False) -> Move:
    """Nobody can know. The hold stays; it is looked up, and a person decides."""
    fact = AttemptFact(
        attempt_id=job.attempt_id or "", outcome=Outcome.UNCONFIRMED, reason=reason, likely_refused=likely_refused
    )
    note = say(
        "Checking with the provider whether it took this; it is not sent again. You may start a new job meanwhile."
    )
    changes = {"note": note, "next_at": desk.clock.now() + desk.times.lookups[0] if desk.times.lookups else None}
    return Move(job=job, to=State.UNCONFIRMED, changes=changes, attempt=fact, details={"reason": reason})


__all__ = ["again", "refused", "submit", "unconfirmed"]
