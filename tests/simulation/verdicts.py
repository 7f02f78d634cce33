"""What must be true in the end, when everything has ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bot.jobs.model import Job
from bot.jobs.states import FINAL, State
from bot.money.ledger import EntryKind
from tests.simulation.rooms import Chat
from tests.simulation.vendors import Render, Vendor

if TYPE_CHECKING:
    from tests.simulation.judges import Judges

HOLDING = frozenset({State.QUEUED, State.SUBMITTING, State.UNCONFIRMED, State.RENDERING})


def nobody_was_told_otherwise(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    yield from judges.people.contradictions
    for key, job_id in judges.people.accepted.items():
        if job_id not in judges.tables.jobs:
            yield f"{key} was accepted as {job_id}, and is gone"


def every_job_ended(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    for job in judges.tables.jobs.values():
        if job.state not in FINAL | {State.QUOTED, State.UNCONFIRMED}:
            yield f"job {job.id} stopped at {job.state}: {job.note}"
        if job.state in (State.FAILED, State.UNDELIVERED) and job.error is None:
            yield f"job {job.id} is {job.state} without a reason"
        if job.state is State.UNCONFIRMED and judges.tables.attempts[job.attempt_id or ""].provider_job_id is not None:
            yield f"job {job.id} is unconfirmed, and its id is known"
        if judges.tables.wishes.get(job.id):
            yield f"job {job.id} is {job.state}, and a wish was never answered"


def posted_at_most_once(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    for delivery in judges.tables.deliveries.values():
        posts = chat.posts.get(delivery.id, [])
        what = f"delivery {delivery.number} of job {delivery.job_id} ({delivery.outcome})"
        output = judges.tables.jobs[delivery.job_id].output
        if len(posts) > 1:
            yield f"{what} was posted {len(posts)} times"
        if any(output is None or post != output.asset_id for post in posts):
            yield f"{what} is another job's clip"
        if (delivery.outcome == "posted" and not posts) or (delivery.outcome == "refused" and posts):
            yield f"{what} was posted {len(posts)} times"
        if delivery.outcome is None:
            yield f"{what} has no outcome"


def delivered_is_posted(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    tables = judges.tables
    for job in tables.jobs.values():
        if job.state is State.DELIVERED:
            outcomes = [tables.deliveries[each].outcome for each in tables.deliveries_of.get(job.id, ())]
            if "posted" not in outcomes:
                yield f"job {job.id} is delivered, its deliveries are {outcomes}"


def sums_are_entries(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    added: defaultdict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for entry in judges.tables.books.entries:
        for key in entry.booking.sums():
            money, jobs = added[key]
            added[key] = (money + int(entry.delta.money), jobs + entry.delta.jobs)
    kept = judges.tables.books.sums
    for key in added.keys() | kept.keys():
        if added.get(key, (0, 0)) != kept.get(key, (0, 0)):
            yield f"{key} should be {added.get(key)}, is {kept.get(key)}"


def holds_are_closed_once(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    for job in judges.tables.jobs.values():
        entries = judges.tables.books.of_job.get(job.id, ())
        closed = Counter(entry.hold_id for entry in entries if entry.hold_id is not None)
        yield from (f"a hold of job {job.id} was closed {times} times" for times in closed.values() if times > 1)
        open_holds = sum(entry.kind is EntryKind.HOLD and not closed[entry.id] for entry in entries)
        if open_holds != (job.state in HOLDING):
            yield f"job {job.id} is {job.state} with {open_holds} open holds"


def what_was_charged_is_booked(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    renders = _renders(vendors)
    for job in judges.tables.jobs.values():
        if job.state not in FINAL:
            continue
        owed, net = _owed(job, renders.get(job.id), judges), judges.tables.books.net(job.id)
        if net != owed:
            code = job.error and job.error.code
            yield f"job {job.id} ({job.state}, {code}) is booked at {net}, and the provider kept {owed}"


def _owed(job: Job, render: Render | None, judges: Judges) -> int:
    code = job.error.code if job.error else ""
    if code == "lost_at_provider":
        return int(job.expected_charge)
    if render is None or (code == "never_submitted" and _was_overlooked(job, render, judges)):
        return 0
    return int(job.expected_charge if render.fate == "fails silently" and render.status == "failed" else render.kept)


def _was_overlooked(job: Job, render: Render, judges: Judges) -> bool:
    """An operator said that it was never taken, and no look-up can tell."""
    return job.id in judges.people.wrongly_resolved and not render.can_tell


def paid_clips_are_kept(judges: Judges, vendors: dict[str, Vendor], chat: Chat) -> Iterator[str]:
    renders = _renders(vendors)
    for job in judges.tables.jobs.values():
        render, code = renders.get(job.id), job.error.code if job.error else ""
        if job.output is not None and (render is None or job.output.asset_id != render.id):
            yield f"job {job.id} has a clip that nobody made for it"
        if render is None or render.status != "succeeded" or job.output is not None or job.state not in FINAL:
            continue
        if code not in ("result_gone", "lost_at_provider") and not _was_overlooked(job, render, judges):
            yield f"job {job.id} ({job.state}, {code}) has no clip, and {render.id} is paid for"
        if code == "lost_at_provider" and render.can_tell:
            yield f"job {job.id} is given up, and {render.id} could be found"


def _renders(vendors: dict[str, Vendor]) -> dict[str, Render]:
    return {render.job_id: render for vendor in vendors.values() for render in vendor.renders.values()}


ENDS: dict[str, Callable[[Judges, dict[str, Vendor], Chat], Iterator[str]]] = {
    "no job is lost": nobody_was_told_otherwise,
    "every job ends": every_job_ended,
    "posted at most once": posted_at_most_once,
    "delivered is posted": delivered_is_posted,
    "sums are entries": sums_are_entries,
    "holds are closed once": holds_are_closed_once,
    "what was charged is booked": what_was_charged_is_booked,
    "paid clips are kept": paid_clips_are_kept,
}
