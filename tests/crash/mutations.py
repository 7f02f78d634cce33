"""The product, broken on purpose. A suite that stays green under any of these proves nothing.

write-after-send         the submission is written only after the provider has answered
release-on-read-timeout  no answer is taken for "not charged": the hold is given back
resubmit-on-submitting   whoever finds a job in `submitting` sends it again
post-without-checkpoint  the courier does not say that it is about to post
settle-the-quote         what the provider says it charged is ignored
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bot.errors import Refused, Unconfirmed
from bot.jobs.model import Job, Wish
from bot.jobs.moves import AttemptFact, Move, Settle
from bot.jobs.states import State
from bot.ports import Accepted, Checkpoint, Parcel, Receipt, SubmitRequest
from bot.tracker import tracker
from bot.tracker.desk import Desk, Next
from bot.tracker.steps import rendering, submit, submitting
from tests.fakes.judge_courier import JudgeCourier
from tests.fakes.judge_provider import JudgeProvider

MUTATIONS = (
    "write-after-send",
    "release-on-read-timeout",
    "resubmit-on-submitting",
    "post-without-checkpoint",
    "settle-the-quote",
)


class WriteAfterSend(JudgeProvider):
    """Sends first and says so afterwards."""

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        async def nothing() -> None:
            pass

        accepted = await super().submit(request, nothing)
        await about_to_send()
        return accepted


class PostWithoutCheckpoint(JudgeCourier):
    """Begins every delivery anew."""

    async def deliver(self, parcel: Parcel, save: Callable[[Checkpoint], Awaitable[None]]) -> Receipt:
        async def forget(checkpoint: Checkpoint) -> None:
            pass

        nonce = f"{parcel.delivery_id}-{id(parcel)}"
        return await super().deliver(replace(parcel, checkpoint={"stage": "ready", "nonce": nonce}), forget)


def provider_class(mutation: str | None) -> type[JudgeProvider]:
    """The provider's client, broken where the mutation says so."""
    return WriteAfterSend if mutation == "write-after-send" else JudgeProvider


def courier_class(mutation: str | None) -> type[JudgeCourier]:
    """The courier, broken where the mutation says so."""
    return PostWithoutCheckpoint if mutation == "post-without-checkpoint" else JudgeCourier


@contextmanager
def applied(mutation: str | None) -> Iterator[None]:
    """Patch the product's own code, in this process only."""
    if mutation is not None and mutation not in MUTATIONS:
        raise ValueError(f"there is no mutation {mutation!r}")
    if mutation == "release-on-read-timeout":
        judge = submit._judge

        async def release(attempt: Any, error: Exception, desk: Desk) -> Move:
            return await judge(attempt, Refused(str(error)) if isinstance(error, Unconfirmed) else error, desk)

        submit._judge = release
    if mutation == "resubmit-on-submitting":
        step = submitting.step

        async def resubmit(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
            following = await step(job, wishes, desk)
            if isinstance(following, Move) and following.to is State.UNCONFIRMED:
                fact = AttemptFact(attempt_id=job.attempt_id or "", ended=True)
                return submit.again(job, fact, desk.times.retry_first, "once more", desk)
            return following

        tracker.STEPS = {**tracker.STEPS, State.SUBMITTING: resubmit}
    if mutation == "settle-the-quote":
        decide = rendering._decide

        async def settle(look: Any, result: Any) -> Next:
            following = await decide(look, result)
            if isinstance(following, Move) and isinstance(following.money, Settle):
                return replace(following, money=Settle(amount=look.job.held))
            return following

        rendering._decide = settle
    yield
