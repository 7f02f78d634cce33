"""The tables in memory keep the rules of the database: both are played the same, and answer the same.

A play is seven hundred transactions, drawn from a seed: of jobs as they stand and as they stood a while ago, so that
fences refuse; against limits and capacities that are reached.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import ReelbotError
from bot.ids import new_id
from bot.jobs.model import Delivery, Evidence, EvidenceKind, Job, JobError, Outcome, Submission, WishKind
from bot.jobs.moves import AttemptFact, DeliveryFact, Hold, Move, Release, Settle
from bot.jobs.states import TRANSITIONS, State
from bot.money.amount import Money
from bot.money.limits import DefaultLimits
from bot.ports import Capacity
from bot.tracker.breaker import Health
from tests.conformance.stores import HALF, StoreBench, open_stores
from tests.factories import ALICE, BOB, a_request
from tests.simulation.tables import Tables, Witness

TIGHT = DefaultLimits(
    user_daily_jobs=3,
    user_daily_usd=Money.usd(3),
    workspace_monthly_usd=Money.usd(9),
    installation_monthly_usd=Money.usd(10),
)
CAPACITY = Capacity(max_concurrent=4, creates_per_minute=6, creates_at_once=3)
MOST = 3
MONEY: dict[tuple[State, State], Callable[[random.Random], Any]] = {
    (old, new): money
    for old, new, money in (
        (State.RECEIVED, State.QUEUED, lambda rng: Hold(amount=HALF)),
        (State.QUOTED, State.QUEUED, lambda rng: Hold(amount=Money.usd("0.75"))),
        (State.QUEUED, State.QUOTED, lambda rng: Release(reason="dearer")),
        (State.QUEUED, State.FAILED, lambda rng: Release(reason="too late")),
        (State.QUEUED, State.CANCELLED, lambda rng: Release(reason="cancelled")),
        (State.SUBMITTING, State.FAILED, lambda rng: Release(reason="refused")),
        (State.UNCONFIRMED, State.FAILED, lambda rng: rng.choice((Release(reason="lost"), Settle(amount=HALF)))),
        (State.RENDERING, State.FETCHING, lambda rng: Settle(amount=rng.choice((HALF, Money.usd(1))))),
        (State.RENDERING, State.FAILED, lambda rng: Settle(amount=Money(0))),
        (State.RENDERING, State.CANCELLED, lambda rng: Settle(amount=Money(0))),
        (State.FAILED, State.FETCHING, lambda rng: Settle(amount=HALF)),
        (State.CANCELLED, State.FETCHING, lambda rng: Settle(amount=HALF)),
    )
}


class Play:
    """The database and the tables, side by side."""

    def __init__(self, bench: StoreBench, seed: int) -> None:
        self.bench, self.clock = bench, bench.clock
        self.tables = Tables(TIGHT, Witness())
        self.rng = random.Random(seed)
        self.jobs: list[str] = []
        self.views: list[Job] = []
        """Jobs as they stood when somebody looked."""
        self.attempts: list[Submission] = []
        self.refusals: set[str] = set()

    async def step(self) -> None:
        """One transaction on both, and both say the same."""
        acts = (self.accept, *[self.move] * 6, self.grant, self.grant, self.grant, self.look, self.look)
        acts += (
            self.take_over,
            self.fact,
            self.wish,
            self.take,
            self.receive,
            self.checkpoint,
            self.look_up,
            self.health,
        )
        self.clock.jump(self.rng.choice((0.0, 0.5, 3.0, 40.0) * 6 + (9000.0,)))
        act = self.rng.choice(acts) if len(self.jobs) > 5 else self.accept
        await act()
        if self.rng.random() < 0.25:
            await self.lists()

    async def both(self, ask: Any, answer: Callable[[], Any]) -> Any:
        """The database's answer, when it is the tables', too."""
        theirs: Any
        ours: Any
        try:
            theirs = await ask
        except ReelbotError as error:
            theirs = type(error).__name__
            self.refusals.add(theirs)
        try:
            ours = answer()
        except ReelbotError as error:
            ours = type(error).__name__
        assert ours == theirs
        if isinstance(theirs, Job):
            assert ours.wished == theirs.wished
            self.views.append(theirs)
        return theirs

    # --- what is played ----------------------------------------------------------------------------------------------

    async def accept(self) -> None:
        request = a_request(requester=self.rng.choice((ALICE, BOB)))
        job, _ = await self.bench.stores.jobs.accept(request, HALF, ())
        ours, is_new = self.tables.accept(request, HALF, (), job.id, self.clock.now())
        assert (ours, is_new) == (job, True)
        self.jobs.append(job.id)
        self.views.append(job)

    async def look(self) -> None:
        job_id = self.rng.choice(self.jobs)
        await self.both(self.bench.stores.jobs.load(job_id), lambda: self.tables.load(job_id))

    async def take_over(self) -> None:
        job_id = self.rng.choice(self.jobs)
        await self.both(self.bench.stores.jobs.take_over(job_id), lambda: self.tables.take_over(job_id, None))

    async def move(self) -> None:
        rng, job = self.rng, self.rng.choice(self.views[-12:])
        to = rng.choice(sorted((TRANSITIONS[job.state] | {job.state}) - {State.SUBMITTING}))
        if job.state in (State.RECEIVED, State.QUOTED) and rng.random() < 0.5:
            to = State.QUEUED
        changes: dict[str, Any] = {"note": rng.choice(("why", None)), "tries": rng.randrange(3)}
        if to is State.QUEUED:
            changes["queued_at"] = self.clock.now()
        if to is State.FAILED:
            changes["error"] = JobError(code=rng.choice(("lost_at_provider", "refused")), message="It did not work.")
        if rng.random() < 0.2:
            changes["next_at"] = self.clock.now() + timedelta(seconds=rng.randrange(60))
        more: dict[str, Any] = {"unless_wished": rng.random() < 0.3}
        if (money := MONEY.get((job.state, to))) is not None and to is not job.state:
            more["money"] = money(rng)
        if job.attempt_id is not None and rng.random() < 0.7:
            more["attempt"] = self._fact(job.attempt_id)
        if job.delivery_id is not None and job.state is State.DELIVERING:
            more["ended_delivery"] = DeliveryFact(
                delivery_id=job.delivery_id, outcome=rng.choice(("posted", "unclear"))
            )
        if to is State.DELIVERING and job.state is not to:
            number = len(self.tables.deliveries_of.get(job.id, ())) + 1
            more["new_delivery"] = Delivery(id=new_id(), job_id=job.id, number=number, place="judge:room")
            changes["delivery_id"] = more["new_delivery"].id
        more["taken"] = tuple(wish.id for wish in self.tables.wishes.get(job.id, ()) if rng.random() < 0.5)
        move = Move(job=job, to=to, changes=changes, **more)
        await self.both(self.bench.stores.jobs.move(move), lambda: self.tables.move(move, self.clock.now(), None))

    async def grant(self) -> None:
        queued = [job for job in self.views[-30:] if job.state is State.QUEUED]
        if not queued:
            return
        job = self.rng.choice(queued)
        attempt = self.bench.attempt(job)
        granting = self.bench.stores.submissions.grant(job, attempt, CAPACITY, MOST)
        granted = await self.both(
            granting, lambda: self.tables.grant(job, attempt, CAPACITY, MOST, self.clock.now(), None)
        )
        if isinstance(granted, Job):
            self.attempts.append(attempt)

    async def fact(self) -> None:
        if self.attempts:
            fact = self._fact(self.rng.choice(self.attempts).attempt_id)
            recording = self.bench.stores.submissions.record(fact)
            await self.both(recording, lambda: self.tables.write_fact(fact, self.clock.now()))

    def _fact(self, attempt_id: str) -> AttemptFact:
        rng = self.rng
        return AttemptFact(
            attempt_id=attempt_id,
            outcome=rng.choice((None, *Outcome)),
            provider_job_id=f"theirs-{attempt_id}" if rng.random() < 0.4 else None,
            ended=rng.random() < 0.4,
            likely_refused=rng.random() < 0.2,
            refund_expected=rng.choice((None, None, True, False)),
        )

    async def wish(self) -> None:
        job_id, kind = self.rng.choice(self.jobs), self.rng.choice((WishKind.CANCEL, WishKind.CONFIRM, WishKind.RESEND))
        adding = self.bench.stores.wishes.add(job_id, kind, "alice")
        await self.both(adding, lambda: self.tables.wish(job_id, kind, "alice", None, self.clock.now()))

    async def take(self) -> None:
        waiting = [wish for wishes in self.tables.wishes.values() for wish in wishes]
        if waiting:
            wish = self.rng.choice(waiting)
            await self.both(self.bench.stores.wishes.take(wish), lambda: self.tables.take(wish.job_id, (wish.id,)))

    async def receive(self) -> None:
        if not self.attempts:
            return
        attempt, other = self.rng.choice(self.attempts), self.rng.choice(self.attempts)
        evidence = Evidence(
            attempt_id=attempt.attempt_id,
            kind=self.rng.choice(tuple(EvidenceKind)),
            provider_job_id=f"theirs-{self.rng.choice((attempt, attempt, other)).attempt_id}",
            status="completed",
        )
        receiving = self.bench.stores.evidence.receive(attempt, evidence)
        await self.both(receiving, lambda: self.tables.receive(attempt, evidence, self.clock.now()))

    async def checkpoint(self) -> None:
        posting = [job for job in self.views if job.state is State.DELIVERING]
        if posting:
            job, stage = self.rng.choice(posting), {"stage": self.rng.choice(("posting", "ready"))}
            saving = self.bench.stores.deliveries.save_checkpoint(job, job.delivery_id or "", stage)
            await self.both(saving, lambda: self.tables.save_checkpoint(job, job.delivery_id or "", stage, None))

    async def look_up(self) -> None:
        if self.attempts:
            attempt_id, empty = self.rng.choice(self.attempts).attempt_id, self.rng.random() < 0.5
            counting = self.bench.stores.submissions.looked_up(attempt_id, empty=empty)
            await self.both(counting, lambda: self.tables.looked_up(attempt_id, empty=empty))

    async def health(self) -> None:
        now, drawn = self.clock.now(), self.rng.random()

        def change(health: Health) -> Health:
            return health.after_ambiguous(now, "lost") if drawn < 0.3 else health.after_success()

        changing = self.bench.stores.health.change("judge", change)
        await self.both(changing, lambda: self.tables.change_health("judge", change))

    # --- what must be the same afterwards ----------------------------------------------------------------------------

    async def lists(self) -> None:
        """Who is next, what is loose, what is to be done."""
        submissions, now = self.bench.stores.submissions, self.clock.now()
        line = await submissions.next_in_line("judge", CAPACITY, MOST)
        assert self.tables.next_in_line("judge", CAPACITY, MOST, now) == line
        since = now - timedelta(minutes=10)
        loose = {each.attempt_id for each in await submissions.loose_ends(since)}
        assert {each.attempt_id for each in self.tables.loose_ends(since)} == loose
        assert set(self.tables.unattended()) == set(await self.bench.stores.jobs.unattended())

    async def everything(self) -> None:
        """Every row."""
        stores, tables = self.bench.stores, self.tables
        for job_id in self.jobs:
            job = await stores.jobs.load(job_id)
            assert job is not None
            assert (tables.load(job_id), tables.load(job_id).wished) == (job, job.wished)
            entries = [
                (e["kind"], e["micro_usd"], e["delta_micro_usd"], e["hold_id"])
                for e in await stores.ledger.entries(job_id)
            ]
            ours = [(e.kind.value, e.amount, e.delta.money, e.hold_id) for e in tables.books.of_job.get(job_id, ())]
            assert ours == entries
            assert tables.wishes.get(job_id, []) == await stores.wishes.waiting(job_id)
            assert (job_id in tables.cancels) == await stores.wishes.cancel_requested(job_id)
            assert tables.loose_ends_of(job_id) == await stores.submissions.loose_ends_of(job)
            for delivery in await stores.deliveries.of_job(job_id):
                assert tables.deliveries[delivery.id] == delivery
        for attempt in self.attempts:
            assert tables.attempts[attempt.attempt_id] == await stores.submissions.load(attempt.attempt_id)
            assert tables.evidence.get(attempt.attempt_id, []) == await stores.evidence.of_attempt(attempt.attempt_id)
        for requester in (ALICE, BOB):
            limited = [
                each
                for each in await stores.ledger.standings(requester)
                if (each.limit_usd, each.limit_jobs) != (None, None)
            ]
            assert {replace(each) for each in tables.books.standings(requester, self.clock.now())} == set(limited)


@pytest.mark.parametrize("seed", range(2))
async def test_both_answer_the_same(tmp_path: Path, seed: int) -> None:
    """Whatever is asked of the tables in memory, they answer and keep what the database does."""
    async with open_stores("sqlite", tmp_path, limits=TIGHT) as bench:
        play = Play(bench, seed)

        for _ in range(700):
            await play.step()

        await play.everything()
    assert {"Fenced", "LimitReached"} <= play.refusals
    assert len(play.attempts) >= 5
