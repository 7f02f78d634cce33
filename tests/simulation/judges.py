"""What must be true at every write; what must be true in the end is in `verdicts.py`. Each can fail: see `mutations.py`."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable

from bot.jobs.model import Job
from bot.jobs.moves import Hold, Move
from bot.jobs.states import RUNNING, TRANSITIONS, State
from bot.ports import Parcel
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.people import People
from tests.simulation.rooms import Chat
from tests.simulation.tables import Tables, Witness
from tests.simulation.vendors import Order, Render, Vendor
from tests.simulation.verdicts import ENDS
from tests.simulation.wire import SkewedClock

MOST_TOLD = 20
"""Of each kind; a broken rule breaks thousands of times."""
SURE = frozenset({"throttled", "refused"})
"""Answers after which an order may be placed once more."""
FORGOTTEN_AFTER_S = 29 * 60.0
"""A render that nobody vouched for, or that takes too long, gives its place away after half an hour; clocks differ."""
SENT_WITHIN_S = 9.0
"""Five, and two clocks that are two seconds off each."""
MINUTE_S = 45.0
"""Of the minute that creates are counted in, by clocks two seconds off, for orders that may be five on their way."""


class Judges(Witness):
    """Looks on as things are written, and remembers what should not have been."""

    def __init__(self, loop: VirtualLoop, clock: SkewedClock, most_running: int) -> None:
        """`clock` is the true one."""
        self._loop = loop
        self._clock = clock
        self._most_running = most_running
        self.tables: Tables
        self.people: People
        self.rings: Callable[[], None]
        self.alarm: Callable[[], None] = lambda: None
        """Called when a rule was broken."""
        self.found: defaultdict[str, list[str]] = defaultdict(list)
        self.zombies: Counter[str] = Counter()
        """Writes refused because the job had changed hands, by kind."""
        self.overtaken: Counter[str] = Counter()
        """Writes refused because the job had been moved meanwhile."""
        self.moves: Counter[str] = Counter()
        self.zombie_orders = 0
        """Orders that left a process whose job was another's by then. Allowed: the next owner knows that he cannot know."""
        self._owner: dict[str, Process | None] = {}
        self._epoch: dict[str, int] = {}
        self._stands: dict[str, State] = {}
        self._running: defaultdict[str, set[str]] = defaultdict(set)
        self._orders_of: defaultdict[str, list[Order]] = defaultdict(list)
        self._accepted_of: dict[str, Render] = {}
        self._sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._read = 0
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    def blame(self, rule: str, what: str) -> None:
        """A rule was broken."""
        if len(self.found[rule]) < MOST_TOLD:
            self.found[rule].append(f"{self._loop.time():.1f} s: {what}")
        self.alarm()

    # --- as it is written --------------------------------------------------------------------------------------------

    def claimed(self, job: Job, by: Process | None) -> None:
        if job.epoch <= self._epoch.get(job.id, -1):
            self.blame("a claim raises the epoch", f"job {job.id} was taken over with epoch {job.epoch}")
        self._epoch[job.id] = job.epoch
        self._owner[job.id] = by

    def moved(self, before: Job, after: Job, move: Move, by: Process | None) -> None:
        self._is_the_owners(after, "moved", by)
        self._is_in_the_table(before, after, move)
        if isinstance(move.money, Hold):
            self._is_within_limits(after)
        self.people.notice(before, after)

    def granted(self, job: Job, by: Process | None) -> None:
        self._is_the_owners(job, "granted", by)
        self._stands[job.id] = State.SUBMITTING
        self.moves["queued → submitting"] += 1
        own = self._running[job.requester.person]
        own.add(job.id)
        if len(own) > self._most_running:
            self.blame("a person's own", f"{job.requester.person} has {len(own)} running, with {job.id}")

    def saved(self, job: Job, by: Process | None) -> None:
        self._is_the_owners(job, "checkpointed", by)

    def refused(self, what: str, job: Job, stands: Job, by: Process | None) -> None:
        (self.zombies if job.epoch != stands.epoch else self.overtaken)[what] += 1

    def _is_the_owners(self, job: Job, what: str, by: Process | None) -> None:
        if self._owner.get(job.id) is not by:
            self.blame("zombies write nothing", f"job {job.id} was {what} by {by}, and is {self._owner.get(job.id)}'s")

    def _is_in_the_table(self, before: Job, after: Job, move: Move) -> None:
        was = self._stands.get(after.id, State.RECEIVED)
        if move.job.state is not was or before.state is not was or after.state not in TRANSITIONS[was] | {was}:
            decided = f"{move.job.state} → {after.state}"
            self.blame("every move is in the table", f"job {after.id} stood at {was} and was moved {decided}")
        if after.state is not was:
            self.moves[f"{was} → {after.state}"] += 1
            own = self._running[after.requester.person]
            (own.add if after.state in RUNNING else own.discard)(after.id)
            if after.state is State.QUEUED:
                self.rings()
        self._stands[after.id] = after.state

    def _is_within_limits(self, job: Job) -> None:
        """By the entries alone: the sums that were kept beside them are judged in the end."""
        books = self.tables.books
        while self._read < len(books.entries):
            entry = books.entries[self._read]
            self._read += 1
            for key in entry.booking.sums():
                self._sums[key][0] += entry.delta.money
                self._sums[key][1] += entry.delta.jobs
        entry = books.of_job[job.id][-1]
        limits, booking = books.limits, entry.booking
        rules = (
            (booking.user_scope, booking.day, limits.user_daily_usd, limits.user_daily_jobs),
            (booking.workspace_scope, booking.month, limits.workspace_monthly_usd, None),
            ("installation", booking.installation_month, limits.installation_monthly_usd, None),
        )
        for scope, period, most_usd, most_jobs in rules:
            usd, jobs = self._sums[(scope, period)]
            if (most_usd is not None and usd > most_usd) or (most_jobs is not None and jobs > most_jobs):
                self.blame(
                    "no decision exceeds a limit", f"a hold of {job.id} brought {scope} to {usd} and {jobs} jobs"
                )

    # --- as it is paid -----------------------------------------------------------------------------------------------

    def sent(self, order: Order) -> None:
        """An order left a process."""
        for earlier in self._orders_of[order.job_id]:
            if earlier.answer not in SURE:
                self.blame("never sent twice", f"job {order.job_id} was ordered again {earlier.answer or 'in doubt'}")
        self._orders_of[order.job_id].append(order)
        attempt = self.tables.attempts.get(order.attempt_id)
        if attempt is None:
            self.blame("written before it was sent", f"attempt {order.attempt_id} was never written down")
        elif (now := (self._clock.now() - attempt.started_at).total_seconds()) > SENT_WITHIN_S:
            self.blame("sent at once", f"attempt {order.attempt_id} was sent {now:.1f} s after it was written down")

    def posted(self, parcel: Parcel, seen: int) -> None:
        """People see a post."""
        if seen > 1:
            self.blame("posted at most once", f"{parcel.filename} is there {seen} times")

    def sender(self, order: Order, by: Process | None) -> None:
        """Whose it was when it left."""
        self.zombie_orders += self._owner.get(order.job_id) is not by

    def taken(self, vendor: Vendor, render: Render) -> None:
        """A provider took one, and will be paid."""
        before = self._accepted_of.setdefault(render.job_id, render)
        if before is not render:
            self.blame("paid once", f"job {render.job_id} is paid for as {before.id} and as {render.id}")
        now, capacity = self._loop.time(), vendor.capacity
        running = sum(now - vendor.renders[each].accepted_at < FORGOTTEN_AFTER_S for each in vendor.rendering)
        if capacity.max_concurrent is not None and running > capacity.max_concurrent:
            self.blame("capacity", f"{vendor.name} renders {running} at once")
        recent = self._recent[vendor.name]
        recent.append(now)
        while recent[0] < now - MINUTE_S:
            recent.popleft()
        if capacity.creates_per_minute is not None and len(recent) > capacity.creates_per_minute:
            self.blame("capacity", f"{vendor.name} was ordered {len(recent)} within {MINUTE_S:.0f} s")

    # --- in the end --------------------------------------------------------------------------------------------------

    def close(self, vendors: dict[str, Vendor], chat: Chat) -> None:
        """Everything has ended."""
        for rule, check in ENDS.items():
            for what in check(self, vendors, chat):
                self.blame(rule, what)
