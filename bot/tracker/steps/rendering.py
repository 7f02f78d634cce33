"""`rendering`: the provider has it. Ask when it is worth asking; a poll that learns nothing writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

import structlog

from bot.errors import KeyRefused, ProviderUnavailable
from bot.jobs.model import Job, JobError, Wish, WishKind
from bot.jobs.moves import AttemptFact, Move, Settle
from bot.jobs.states import State
from bot.languages.said import joined, say
from bot.money.amount import Money
from bot.ports import Cancelled, CheckResult, Failed, Provider, Rendering, Succeeded, Unknown
from bot.tracker.breaker import Health
from bot.tracker.desk import Desk, Next, Wait, first_of, ids, kind_of
from bot.tracker.polls import Moment
from bot.tracker.render_times import Measured
from bot.tracker.retry import backoff, has_given_up
from bot.tracker.schedule import next_poll, slow_from

log = structlog.get_logger(__name__)

PROGRESS_STEP = 0.05
"""Progress is written down when it moved by this much; less tells nobody anything."""
ANSWERED_WITHIN = timedelta(seconds=10)
"""An order whose acceptance was learned later than this after it was sent: nobody knows when the render began."""
SLOW = say("This takes unusually long. Reelbot goes on asking, and delivers the clip if it comes.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at a render: what it is decided on."""

    job: Job
    wishes: Sequence[Wish]
    desk: Desk
    measured: Measured
    """With its windows where the schedule has them."""
    at: Moment
    """When the question was asked."""

    @property
    def age(self) -> timedelta:
        """Since the provider accepted it."""
        return self.at.wall - self.job.state_since

    @property
    def hint(self) -> Wish | None:
        """What told us to look now."""
        return first_of(self.wishes, WishKind.HINT)

    def pause(self) -> timedelta:
        """From this question to the next."""
        job, desk = self.job, self.desk
        if desk.polls.is_hinted(job.id, self.at):
            return desk.times.poll_fastest
        typical_s = None if self.measured.windows else desk.typical_s(job)
        return next_poll(self.age, self.measured, typical_s, desk.times, desk.rng)

    def wait(self, pause: timedelta) -> Wait:
        """Counted from the question, so that a slow answer does not make polls rarer; an answer is digested first."""
        rested = self.desk.clock.now() + self.desk.times.poll_fastest / 2
        return Wait(until=max(self.at.wall + pause, rested))


async def step(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    """One look at the render, after passing on a cancel."""
    measured = desk.polls.adjusted(kind_of(job), await desk.measured(job))
    look = _Look(job=job, wishes=wishes, desk=desk, measured=measured, at=desk.moment())
    provider = desk.providers.get(job.provider)
    if provider is None or job.provider_job_id is None:
        return look.wait(look.pause())
    if first_of(wishes, WishKind.CANCEL) is None:
        if await _has_just_begun(look):
            desk.polls.answered(job.id, look.at)
            return look.wait(look.pause())
        return await _ask(look, provider)
    passed_on = await _ask_to_cancel(job, wishes, provider, desk)
    if passed_on.taken:
        return passed_on
    # The wish waits for its next try; what became of the render meanwhile is not missed over it.
    answer = await _ask(look, provider)
    return answer if isinstance(answer, Move) and answer.to is not job.state else passed_on


async def _has_just_begun(look: _Look) -> bool:
    """Accepted a moment ago, and it is known how long such renders take: asking right now would be for nothing."""
    job, desk = look.job, look.desk
    if look.wishes or not look.measured.windows or desk.polls.is_known(job.id):
        return False
    return timedelta(0) <= look.age < desk.times.poll_fastest and await _began_when_accepted(job, desk)


async def _ask(look: _Look, provider: Provider) -> Next:
    job, desk = look.job, look.desk
    try:
        checking = provider.check(job.provider_job_id or "")
        result = await desk.outside.call(
            "provider.check", checking, timeout_s=desk.times.call_timeout_s, at=job.provider
        )
    except ProviderUnavailable as error:
        if isinstance(error, KeyRefused):
            await _stop_new_jobs(job, error, desk)
        # A hint waits on: nothing answered it yet, and its time is when the render ended.
        return _late(look) or look.wait(_patience(look, error.retry_after_s))
    if isinstance(result, Rendering | Unknown) and look.hint is not None:
        # Their state may lag behind their webhook: what it told is believed for a few seconds.
        desk.polls.hinted(job.id, look.at)
        for wish in look.wishes:
            if wish.kind is WishKind.HINT:
                await desk.stores.wishes.take(wish)
    return await _decide(look, result)


async def _stop_new_jobs(job: Job, error: KeyRefused, desk: Desk) -> None:
    """The key was revoked while paid renders run: they are asked for later, and no new ones are begun. Written once."""
    desk.troubles.note(job.provider, "account", str(error))
    if (await desk.stores.health.load(job.provider)).open_until is not None:
        return
    now = desk.clock.now()
    log.error("provider.key_refused", provider=job.provider, why=str(error))

    def rest(known: Health) -> Health:
        return known if known.open_until is not None else known.after_account_refusal(now, str(error))

    await desk.stores.health.change(job.provider, rest)


async def _decide(look: _Look, result: CheckResult) -> Next:
    job, wishes, desk = look.job, look.wishes, look.desk
    match result:
        case Rendering(progress=progress):
            wait = look.wait(_after_an_answer(look))
            if progress is not None and abs(progress - (job.progress or 0.0)) >= PROGRESS_STEP:
                await desk.stores.jobs.set_progress(job, progress)
                wait = replace(wait, wrote=True)
            if job.tries:
                return Move(job=job, to=job.state, changes={"tries": 0, "note": None, "next_at": wait.until})
            return _late(look) or wait
        case Succeeded(url=url, price=price, flagged=flagged):
            await _measure(look)
            price = job.expected_charge if price is None else price
            changes = {"result_url": url, "flagged": flagged}
            details = {"charged": price.to_usd(), "flagged": flagged}
            return Move(
                job=job, to=State.FETCHING, changes=changes, details=details, money=Settle(amount=price),
                attempt=_ended(job), taken=ids(wishes, WishKind.HINT),
            )  # fmt: skip
        case Failed(code=code, message=message, charged=charged):
            charged = job.expected_charge if charged is None else charged
            error = JobError(code=code, message=message, charged=charged > 0)
            end = _end(job, State.FAILED, error, charged, ids(wishes))
            return replace(end, attempt=_ended(job, refund_expected=True)) if result.refund_expected else end
        case Cancelled(charged=charged):
            charged = job.expected_charge if charged is None else charged
            asked = await desk.stores.wishes.cancel_requested(job.id)
            if asked:
                return _end(job, State.CANCELLED, None, charged, ids(wishes))
            error = JobError(
                code="cancelled_at_provider", message=say("The provider stopped this render."), charged=charged > 0
            )
            return _end(job, State.FAILED, error, charged, ids(wishes))
        case Unknown(reason=reason):
            return _unknown(look, reason)
        case _:
            assert_never(result)


def _ended(job: Job, *, refund_expected: bool | None = None) -> AttemptFact:
    return AttemptFact(attempt_id=job.attempt_id or "", ended=True, refund_expected=refund_expected)


def _end(job: Job, to: State, error: JobError | None, charged: Money, taken: tuple[int, ...]) -> Move:
    settled = Settle(amount=charged)
    return Move(job=job, to=to, changes={"error": error}, money=settled, attempt=_ended(job), taken=taken)


async def _ask_to_cancel(job: Job, wishes: Sequence[Wish], provider: Provider, desk: Desk) -> Move:
    """Pass the wish on once. The render may still finish: then the clip is kept and the person told what it cost."""
    try:
        asking = provider.cancel(job.provider_job_id or "")
        honoured = await desk.outside.call(
            "provider.cancel", asking, timeout_s=desk.times.call_timeout_s, at=job.provider
        )
    except ProviderUnavailable as error:
        return desk.retry(job, say("Asking the provider to stop."), asked_s=error.retry_after_s)
    note = say("The provider was asked to stop.")
    if not honoured:
        note = say("The provider cannot stop this render; the clip will be kept for you, and it is charged.")
    return Move(job=job, to=job.state, changes={"note": note}, taken=ids(wishes))


async def _measure(look: _Look) -> None:
    """Write down how long the render took, where that is known well. A courtesy to later ones; never a condition."""
    job, desk = look.job, look.desk
    desk.polls.learn(kind_of(job), job.id, job.state_since, look.measured)
    hint_at = look.hint.at if look.hint else None
    seconds = desk.polls.taken_s(job.id, job.state_since, look.at, hint_at)
    if seconds is None or not await _began_when_accepted(job, desk):
        return
    settings = job.settings
    desk.metrics.render_seconds.labels(job.provider, job.model).observe(seconds)
    try:
        await desk.stores.render_times.add(job.provider, job.model, settings.duration_s, settings.resolution, seconds)
    except Exception:
        # Whatever is wrong with the database, the clip is more important; what follows will say so itself.
        log.warning("render.not_measured", job_id=job.id, exc_info=True)


async def _began_when_accepted(job: Job, desk: Desk) -> bool:
    """Whether the job came to `rendering` by its own order's answer; one found by a look-up began at some time before."""
    submission = await desk.stores.submissions.load(job.attempt_id or "")
    return submission is not None and job.state_since - submission.started_at <= ANSWERED_WITHIN


def _unknown(look: _Look, reason: str) -> Next:
    """The provider does not know the id, for now. Ten minutes of that, and the render is lost there.

    The first time is written down (`tries`, and with it `updated_at`); the following ones only wait.
    """
    job, desk = look.job, look.desk
    desk.polls.heard(job.id)
    if job.tries == 0:
        return desk.retry(job, say("The provider does not know this render at the moment; still asking."))
    if has_given_up(job.updated_at, desk.clock.now(), desk.times.unknown_within):
        message = say(
            "The provider lost this render ({reason}). Its id there is {id}.", reason=reason, id=job.provider_job_id
        )
        return _end(
            job, State.FAILED, JobError(code="lost_at_provider", message=message, charged=True), job.expected_charge, ()
        )
    return look.wait(look.pause())


def _late(look: _Look) -> Move | None:
    """A render that takes too long: said so, capacity freed, asked ever more rarely; seven days, and it is lost."""
    job, desk = look.job, look.desk
    now = desk.clock.now()
    if has_given_up(job.state_since, now, desk.times.render_within):
        message = say("The provider never finished this render. Its id there is {id}.", id=job.provider_job_id)
        return _end(
            job, State.FAILED, JobError(code="lost_at_provider", message=message, charged=True), job.expected_charge, ()
        )
    told = job.note or ""
    if has_given_up(job.state_since, now, slow_from(look.measured, desk.times)) and SLOW not in told:
        changes = {"note": joined((told, SLOW)), "next_at": look.wait(look.pause()).until}
        return Move(job=job, to=job.state, changes=changes, attempt=_ended(job))
    return None


def _after_an_answer(look: _Look) -> timedelta:
    """The wait after a poll that found it rendering; the first one gives this process's polls a rhythm of their own.

    After a start all renders are asked about at once; they must not stay together.
    """
    job, desk = look.job, look.desk
    apart = timedelta(0) if desk.polls.is_known(job.id) else desk.rng.random() * desk.times.poll_fastest
    desk.polls.answered(job.id, look.at)
    return look.pause() + apart


def _patience(look: _Look, asked_s: float | None) -> timedelta:
    """The wait after a poll that failed: longer each time in a row, at least what they ask, at most a quarter of an hour."""
    times, failures = look.desk.times, look.desk.polls.failed(look.job.id)
    longest = min(times.retry_longest, 6 * times.poll_slowest)
    wait = backoff(failures - 1, first=times.poll_fastest, longest=longest, asked_s=asked_s, rng=look.desk.rng)
    return max(wait, look.pause())
