"""The product's rules, broken on purpose. A simulation that stays green under any of these proves nothing.

no-epoch-in-the-fence           a write names the version it was decided on, and not who owns the job
no-version-in-the-fence         … and the other way round
claim-without-raising           a worker takes a job over and leaves its epoch as it was
unconfirmed-is-sent-again       no answer counts for "not sent"
submitting-is-sent-again        whoever finds a job in `submitting` sends it again
grant-without-counting          what is under way at a provider is not counted
unclear-is-posted-again         a chat that cannot tell is posted to once more
frozen-and-sent                 how long ago the order was written down does not matter
hold-without-asking             the limits are not asked before money is held
two-runs-in-one-worker          a job that comes back to a worker is begun beside the run that it still has there
evidence-is-forgotten           whoever finds `submitting` does not look at what was written down of the attempt
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

from bot.jobs.model import Job, Outcome, Wish
from bot.jobs.moves import AttemptFact, Move
from bot.jobs.states import State
from bot.tracker import tracker
from bot.tracker.capacity import BATCH
from bot.tracker.desk import Desk, Next
from bot.tracker.steps import delivering, submit, submitting
from tests.simulation import run
from tests.simulation.books import Books
from tests.simulation.cluster import Cluster
from tests.simulation.tables import Tables
from tests.simulation.worker import Row, Worker


def _same_version(self: Tables, job: Job) -> bool:
    return self.jobs[job.id].version == job.version


def _same_epoch(self: Tables, job: Job) -> bool:
    return self.jobs[job.id].epoch == job.epoch


def _claim_without_raising(self: Tables, job_id: str, by: Any) -> Job:
    self.witness.claimed(self.jobs[job_id], by)
    return self.load(job_id)


def _send_again(job: Job, reason: str, desk: Desk, *, likely_refused: bool = False) -> Move:
    fact = AttemptFact(attempt_id=job.attempt_id or "", outcome=Outcome.NOT_SENT, reason=reason, ended=True)
    return submit.again(job, fact, desk.times.retry_first, "once more", desk)


async def _post_again(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    following = await delivering.step(job, wishes, desk)
    if isinstance(following, Move) and (fact := following.ended_delivery) is not None and fact.outcome == "unclear":
        await desk.stores.deliveries.save_checkpoint(job, fact.delivery_id, {"stage": "ready"})
        return desk.retry(job, "once more")
    return following


async def _without_evidence(job: Job, wishes: Sequence[Wish], desk: Desk) -> Next:
    following = await submitting.step(job, wishes, desk)
    if isinstance(following, Move) and following.to is State.RENDERING:
        return _send_again(job, "nobody knows", desk)
    return following


async def _nobody_waits(self: Worker, job_id: str) -> None:
    """Both are begun."""


_assign = Cluster._assign


def _assign_twice(self: Cluster, row: Row) -> None:
    """It comes back to whoever has it, every time: else this happens once in a hundred thousand jobs."""
    _assign(self, row)
    assert row.worker is not None
    self.loop.call_later(5.0, row.worker.begin, row, context=row.worker.process.context.copy())


def _patches(mutation: str) -> list[Any]:

    def steps(changed: dict[State, Any]) -> dict[State, Any]:
        return {**tracker.STEPS, **changed}

    match mutation:
        case "no-epoch-in-the-fence":
            return [mock.patch.object(Tables, "stands", _same_version)]
        case "no-version-in-the-fence":
            return [mock.patch.object(Tables, "stands", _same_epoch)]
        case "claim-without-raising":
            return [mock.patch.object(Tables, "take_over", _claim_without_raising)]
        case "unconfirmed-is-sent-again":
            return [mock.patch.object(submit, "unconfirmed", _send_again)]
        case "submitting-is-sent-again":
            return [mock.patch.object(submitting, "unconfirmed", _send_again)]
        case "grant-without-counting":
            return [mock.patch.object(Tables, "room", return_value=BATCH)]
        case "unclear-is-posted-again":
            return [mock.patch.object(tracker, "STEPS", steps({State.DELIVERING: _post_again}))]
        case "hold-without-asking":
            return [mock.patch.object(Books, "standings", return_value=[])]
        case "evidence-is-forgotten":
            return [mock.patch.object(tracker, "STEPS", steps({State.SUBMITTING: _without_evidence}))]
        case "frozen-and-sent":
            return [mock.patch.object(run, "TIMES", replace(run.TIMES, send_within=timedelta(days=1)))]
        case "two-runs-in-one-worker":
            return [
                mock.patch.object(Worker, "_follow", _nobody_waits),
                mock.patch.object(Cluster, "_assign", _assign_twice),
            ]
        case _:
            raise ValueError(f"there is no mutation {mutation!r}")


MUTATIONS = {
    "no-epoch-in-the-fence": "zombies write nothing",
    "no-version-in-the-fence": "every move is in the table",
    "claim-without-raising": "a claim raises the epoch",
    "unconfirmed-is-sent-again": "never sent twice",
    "submitting-is-sent-again": "never sent twice",
    "grant-without-counting": "capacity",
    "unclear-is-posted-again": "posted at most once",
    "frozen-and-sent": "sent at once",
    "hold-without-asking": "no decision exceeds a limit",
    "evidence-is-forgotten": "never sent twice",
    "two-runs-in-one-worker": "posted at most once",
}
"""And the rule that each of them breaks."""


@contextmanager
def applied(mutation: str | None) -> Iterator[None]:
    """Break one rule, in this process only."""
    patches = [] if mutation is None else _patches(mutation)
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()
