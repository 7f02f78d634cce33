"""Who asks, and what they press: everything goes through the product's own front desk and actions."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from bot.errors import DatabaseUnavailable, Fenced, LimitReached, NotFound, TooLate
from bot.jobs.accept import FrontDesk
from bot.jobs.actions import Actions, Presser
from bot.jobs.model import Evidence, EvidenceKind, InputRef, Job, JobRequest, RenderSettings, Requester
from bot.jobs.states import State
from bot.stores import Stores
from tests.simulation.chance import Chances
from tests.simulation.cluster import Cluster
from tests.simulation.loop import NOBODY, Process, VirtualLoop
from tests.simulation.vendors import Render, Vendor

PER_SECOND = 2.4
"""Requests, on average; they come in waves."""
LONGEST_LINE = 250
"""Nobody asks while so many wait: a provider that rests for half an hour would be asked for hours."""
OPERATOR = Presser(person="cli:local", is_operator=True)


class People:
    """Everybody, by way of one front end that is never down."""

    def __init__(
        self,
        *,
        loop: VirtualLoop,
        process: Process,
        stores: Stores,
        front_desk: FrontDesk,
        actions: Actions,
        cluster: Cluster,
        vendors: dict[str, Vendor],
        chances: Chances,
        rng: random.Random,
        jobs: int,
        happened: Counter[str],
        line: Callable[[], int],
    ) -> None:
        """`line` says how many jobs wait for their turn."""
        self._line = line
        self._loop, self._process, self._stores = loop, process, stores
        self._front_desk, self._actions, self._cluster, self._vendors = front_desk, actions, cluster, vendors
        self._chances, self._rng, self._jobs, self._happened = chances, rng, jobs, happened
        self.accepted: dict[str, str] = {}
        """What everybody was told: request key → job."""
        self.contradictions: list[str] = []
        self.wrongly_resolved: set[str] = set()
        self._crowd = [
            Requester(platform="sim", workspace=f"team-{n // 40}", user=str(n), channel="cellar" if n % 3 else "room")
            for n in range(max(20, jobs // 9))
        ]

    async def ask_for_clips(self) -> None:
        """Until enough were accepted, or everybody has reached their limits."""
        asked = 0
        while len(self.accepted) < self._jobs and asked < 2 * self._jobs:
            wave = 1.8 if self._loop.time() % 600 < 240 else 0.5
            await _pause(self._loop, self._rng.expovariate(PER_SECOND * wave))
            while self._line() > LONGEST_LINE:
                await _pause(self._loop, 30.0)
            asked += 1
            request = self._request(asked)
            self._soon(0.0, self._ask, request)
            if self._rng.random() < self._chances.asks_twice:
                self._soon(self._rng.random(), self._ask, request)

    def _request(self, number: int) -> JobRequest:
        rng = self._rng
        resolution, seconds = rng.choices((("720p", 5), ("720p", 10), ("1080p", 5)), weights=(85, 8, 7))[0]
        vendor = rng.choice(("alpha", "beta"))
        return JobRequest(
            requester=self._crowd[int(len(self._crowd) * rng.random() ** 1.2)],
            request_key=f"sim:{number}",
            prompt="the leaves start to move",
            provider=vendor,
            model=f"{vendor}/clip",
            image=InputRef(source="sim", locator=str(number)),
            settings=RenderSettings(duration_s=seconds, resolution=resolution),
        )

    async def _ask(self, request: JobRequest) -> None:
        for _ in range(5):
            try:
                job, is_new = await self._front_desk.accept(request)
            except DatabaseUnavailable:
                await _pause(self._loop, 2.0)
                continue
            except LimitReached:
                self._happened["refused at the door"] += 1
                return
            key = request.request_key or ""
            if self.accepted.setdefault(key, job.id) != job.id:
                self.contradictions.append(f"{key} was told to be {self.accepted[key]} and {job.id}")
            if is_new and self._rng.random() < self._chances.cancels:
                self._soon(self._rng.expovariate(1 / 20), self._press, "cancel", job)
            return

    # --- what they do when something happens -------------------------------------------------------------------------

    def notice(self, before: Job, job: Job) -> None:
        """A job moved."""
        rng, chances = self._rng, self._chances
        match job.state:
            case State.QUOTED if before.state is not State.QUOTED or before.quote != job.quote:
                drawn = rng.random()
                if drawn < 0.85:
                    self._soon(rng.uniform(1, 300), self._press, "confirm", job)
                if drawn > 0.8:
                    self._soon(rng.uniform(1, 300), self._press, "cancel", job)
            case State.DELIVERED | State.UNDELIVERED if rng.random() < chances.resends:
                self._soon(rng.uniform(1, 600), self._press, "resend", job)
            case State.UNCONFIRMED if before.state is not State.UNCONFIRMED and rng.random() < chances.resolves:
                self._soon(rng.uniform(31, 400), self._resolve, job)

    async def _press(self, button: str, job: Job) -> None:
        presser = Presser(person=job.requester.person)
        for _ in range(2):
            try:
                await getattr(self._actions, button)(job.id, presser)
            except DatabaseUnavailable:
                await _pause(self._loop, 2.0)
            except (TooLate, NotFound):
                self._happened[f"{button} too late"] += 1
                return
            else:
                self._happened[button] += 1
                return

    async def _resolve(self, job: Job) -> None:
        """Operators look at the provider's own page; some look badly, and some cannot see any id there."""
        render = self._vendors[job.provider].of_attempt.get(job.attempt_id or "")
        was_taken = render is not None
        if self._rng.random() < self._chances.resolves_wrongly:
            was_taken = not was_taken
        shown = render.id if render is not None and was_taken and self._rng.random() < 0.7 else None
        try:
            decision = "submitted" if was_taken else "lost"
            await self._actions.resolve(job.id, OPERATOR, decision=decision, provider_job_id=shown)
        except (DatabaseUnavailable, TooLate, NotFound):
            return
        self._happened[f"resolved as {decision}"] += 1
        if was_taken != (render is not None):
            self.wrongly_resolved.add(job.id)

    # --- webhooks ----------------------------------------------------------------------------------------------------

    def called_back(self, vendor: Vendor, render: Render) -> None:
        """A vendor says that a render is over: usually at once, sometimes late, twice or never."""
        rng, chances = self._rng, self._chances
        if rng.random() >= chances.webhook:
            return
        self._soon(0.05 + (rng.expovariate(1 / 60) if rng.random() < 0.05 else 0.0), self._webhook, vendor, render)
        if rng.random() < chances.webhook_twice:
            self._soon(rng.uniform(0.0, 120.0), self._webhook, vendor, render)

    async def _webhook(self, vendor: Vendor, render: Render) -> None:
        for _ in range(3):
            try:
                attempt = await self._stores.submissions.by_token(render.token)
                if attempt is None:
                    self.contradictions.append(f"{render.id} was made for an attempt that was never written down")
                    return
                evidence = Evidence(
                    attempt_id=attempt.attempt_id,
                    kind=EvidenceKind.WEBHOOK,
                    provider_job_id=render.id,
                    status=render.status,
                )
                is_new = await self._stores.evidence.receive(attempt, evidence)
            except DatabaseUnavailable:
                await _pause(self._loop, 5.0)
                continue
            except Fenced as error:
                self._happened[f"webhook: {error}"] += 1
                return
            self._happened["webhook" if is_new else "webhook repeated"] += 1
            if is_new:
                await self._cluster.wake(attempt.job_id)
            return

    def _soon(self, seconds: float, deed: Any, *args: Any) -> None:
        self._loop.call_later(seconds, self._do, deed, args, context=NOBODY)

    def _do(self, deed: Any, args: tuple[Any, ...]) -> None:
        self._loop.create_task(deed(*args), context=self._process.context.copy())


async def _pause(loop: VirtualLoop, seconds: float) -> None:
    done = loop.create_future()
    loop.call_later(seconds, done.set_result, None)
    await done
