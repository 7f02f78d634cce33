"""What every store of reports promises: its sums are those of the ledger, whatever happened, and nothing is counted twice."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from bot.jobs.model import Job, JobError, Requester
from bot.jobs.moves import Release, Settle
from bot.jobs.states import State
from bot.money.amount import Money
from bot.reports import Spending, Spent, total
from tests.conformance.stores import HALF, StoreBench, open_stores
from tests.factories import ALICE, BOB, MALLORY, a_requester

PEOPLE = (ALICE, BOB, MALLORY, a_requester(platform="api", workspace="local", user="admin", channel=None))
MODELS = (("judge", "judge/clip"), ("other", "other/clip"), ("other", "other/long"))
FIRST, LAST = date(2026, 1, 1), date(2026, 1, 31)


async def spending(bench: StoreBench, **more: Any) -> Spending:
    return await bench.stores.reports.spending(more.pop("since", FIRST), more.pop("until", LAST), **more)


async def settled(bench: StoreBench, amount: Money = HALF, **request: Any) -> Job:
    return await bench.move(await bench.rendering(**request), State.FAILED, money=Settle(amount=amount))


async def released(bench: StoreBench, **request: Any) -> Job:
    return await bench.move(await bench.rendering(**request), State.FAILED, money=Release(reason="moderated"))


# --- what is counted ----------------------------------------------------------------------------------------------------


async def test_what_is_taken_held_and_given_back_is_told_apart(bench: StoreBench) -> None:
    """A settle counts at its own price; an open hold is held; a release is neither, and told as not charged."""
    await settled(bench, Money.usd("0.34"))
    await bench.queued()
    await released(bench)

    found = (await spending(bench)).total

    assert found == Spent(settled=Money.usd("0.34"), held=HALF, clips=1, open=1, not_charged=1)
    assert found.counted == Money.usd("0.84")


async def test_a_correction_counts_on_the_day_of_its_job(bench: StoreBench) -> None:
    """An operator's later entry changes the sum of the day on which the money was held, and makes no clip."""
    job = await settled(bench)
    await bench.clock.advance(timedelta(days=3).total_seconds())

    await bench.stores.ledger.correct(job.id, Money.usd("-0.20"), by="api:admin", reason="their bill says so")

    (line,) = (await spending(bench)).days
    assert line.day == FIRST
    assert line.spent == Spent(settled=Money.usd("0.30"), clips=1)


async def test_money_is_found_on_the_day_it_was_held(bench: StoreBench) -> None:
    """A job that is settled after midnight belongs to the day before, as it does for limits."""
    job = await bench.rendering()
    await bench.clock.advance(timedelta(days=1).total_seconds())
    await bench.move(job, State.FAILED, money=Settle(amount=HALF))

    found = await spending(bench)

    assert [(day, total(at.values()).settled) for day, at in found.by_day() if at] == [(FIRST, HALF)]
    assert (await spending(bench, since=FIRST + timedelta(days=1))).days == ()


async def test_days_are_the_installation_s(kind: str, tmp_path: Path) -> None:
    """What is asked for at half past eleven in the evening, UTC, is of the next day in Tokyo."""
    async with open_stores(kind, tmp_path, zone="Asia/Tokyo") as bench:
        await bench.clock.advance(timedelta(hours=23, minutes=30).total_seconds())
        await settled(bench)

        (line,) = (await spending(bench)).days

    assert line.day == date(2026, 1, 2)


async def test_each_is_told_who_spent_most_first(bench: StoreBench) -> None:
    """Persons, channels, workspaces and models, each with what they spent, by how much that is."""
    await settled(bench, requester=BOB, provider="other", model="other/clip")
    await settled(bench, Money.usd(2), requester=ALICE)
    await settled(bench, Money.usd(1), requester=MALLORY)

    found = await spending(bench)

    assert [line.name for line in found.people] == ["judge:team:alice", "judge:elsewhere:mallory", "judge:team:bob"]
    assert [(line.name, line.spent.settled) for line in found.channels] == [
        ("judge:team:room", Money.usd("2.50")),
        ("judge:elsewhere:cellar", Money.usd(1)),
    ]
    assert [(line.name, line.spent.clips) for line in found.workspaces] == [("judge:team", 2), ("judge:elsewhere", 1)]
    assert [(line.provider, line.model, line.spent.settled) for line in found.models] == [
        ("judge", "judge/clip", Money.usd(3)),
        ("other", "other/clip", HALF),
    ]


async def test_of_one_workspace_nothing_of_another_is_told(bench: StoreBench) -> None:
    """What a team lead is shown holds no sum, no name and no model of another workspace."""
    await settled(bench, requester=ALICE)
    await settled(bench, Money.usd(7), requester=MALLORY, provider="other", model="other/clip")

    found = await spending(bench, workspace="judge:team")

    assert found.total.settled == HALF
    assert [line.name for line in (*found.people, *found.channels, *found.workspaces)] == [
        "judge:team:alice",
        "judge:team:room",
        "judge:team",
    ]
    assert [line.provider for line in found.models] == ["judge"]


async def test_where_nothing_was_made_nothing_is_told(bench: StoreBench) -> None:
    """No entries: no lines, and a total of nothing; the days themselves are there all the same."""
    found = await spending(bench)

    assert found.total == Spent()
    assert found.people == found.channels == found.workspaces == ()
    assert len(list(found.by_day())) == 31


# --- the same as a plain sum ----------------------------------------------------------------------------------------------

ACTS = some.lists(
    some.tuples(
        some.sampled_from(range(len(PEOPLE))),
        some.sampled_from(range(len(MODELS))),
        some.sampled_from(["hold", "settle", "release", "late proof", "correct"]),
        some.integers(min_value=0, max_value=3_000_000),
        some.integers(min_value=0, max_value=40 * 3600),
    ),
    max_size=12,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS, seed=some.integers(0, 10))
async def test_its_sums_are_the_ledger_s(kind: str, acts: list[tuple[int, int, str, int, int]], seed: int) -> None:
    """Whatever is held, settled, released and corrected: every sum equals a plain one over the entries themselves."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with open_stores(kind, Path(folder)) as bench:
            jobs = [await _act(bench, *act) for act in acts]
            first = FIRST + timedelta(days=rng.randint(0, 2))
            last = first + timedelta(days=rng.randint(0, 25))
            entries = [entry for job in jobs for entry in await bench.stores.ledger.entries(job.id)]
            of_job = {job.id: (job.provider, job.model) for job in jobs}

            found = await spending(bench, since=first, until=last)

    span = [each for each in entries if first <= date.fromisoformat(each["installation_day"]) <= last]
    assert {line.name: line.spent for line in found.people} == _plain(span, lambda e: _rest(e["user_scope"]))
    assert {line.name: line.spent for line in found.workspaces} == _plain(span, lambda e: _rest(e["workspace_scope"]))
    in_channels = [each for each in span if each["channel_scope"] is not None]
    assert {line.name: line.spent for line in found.channels} == _plain(
        in_channels, lambda e: _rest(e["channel_scope"])
    )
    assert {(f"{line.day}", line.provider, line.model): line.spent for line in found.days} == _plain(
        span, lambda e: (e["installation_day"], *of_job[e["job_id"]])
    )
    assert found.total.counted == sum((each["delta_micro_usd"] for each in span), 0)
    assert found.total.clips + found.total.open == sum(each["delta_jobs"] for each in span)


async def _act(bench: StoreBench, who: int, what: int, how: str, micro_usd: int, later_s: int) -> Job:
    provider, model = MODELS[what]
    job = await bench.rendering(requester=PEOPLE[who], provider=provider, model=model)
    await bench.clock.advance(later_s)
    amount = Money(micro_usd)
    if how == "settle":
        return await bench.move(job, State.FAILED, money=Settle(amount=amount))
    if how == "release":
        return await bench.move(job, State.FAILED, money=Release(reason="cancelled"))
    if how == "late proof":
        given_back = await bench.move(job, State.FAILED, money=Release(reason="lost"))
        return await bench.move(given_back, State.FETCHING, money=Settle(amount=amount))
    if how == "correct":
        await bench.stores.ledger.correct(job.id, amount, by="api:admin", reason="a bill")
    return job


def _plain(entries: Sequence[Mapping[str, Any]], key: Any) -> dict[Any, Spent]:
    """The same by hand, from single entries and the holds they close."""
    closed = {each["hold_id"]: each["kind"] for each in entries if each["hold_id"] is not None}
    sums: dict[Any, Spent] = defaultdict(Spent)
    for each in entries:
        match each["kind"]:
            case "hold" if each["id"] not in closed:
                spent = Spent(held=Money(each["micro_usd"]), open=1)
            case "settle":
                spent = Spent(settled=Money(each["micro_usd"]), clips=1)
            case "release":
                spent = Spent(not_charged=1)
            case "correction":
                spent = Spent(settled=Money(each["micro_usd"]))
            case _:
                spent = Spent()
        sums[key(each)] += spent
    return dict(sums)


def _rest(scope: str) -> str:
    return scope.partition(":")[2]


# --- what waits ---------------------------------------------------------------------------------------------------------


async def undelivered(bench: StoreBench, requester: Requester = ALICE) -> Job:
    job, _ = await bench.delivering(requester=requester)
    error = JobError(code="delivery_refused", message="It may not post there.", charged=True)
    return await bench.move(job, State.UNDELIVERED, changes={"error": error})


async def test_clips_that_were_not_posted_are_counted_and_the_newest_shown(bench: StoreBench) -> None:
    """There may be many: all are counted, and the newest come first."""
    jobs = [await undelivered(bench) for _ in range(3)]

    found = await bench.stores.reports.undelivered(limit=2)

    assert found.count == 3
    assert [job.id for job in found.newest] == [jobs[2].id, jobs[1].id]


async def test_a_workspace_is_told_of_its_own_clips_only(bench: StoreBench) -> None:
    """Counted and shown are those of one workspace, where that is asked for."""
    await undelivered(bench, MALLORY)
    own = await undelivered(bench, ALICE)

    found = await bench.stores.reports.undelivered(workspace="judge:team")

    assert (found.count, [job.id for job in found.newest]) == (1, [own.id])


async def test_what_is_under_way_is_counted_at_each_provider(bench: StoreBench) -> None:
    """Unfinished jobs by provider and state; ended ones are not among them."""
    await bench.queued(provider="other")
    await bench.queued(provider="other")
    await bench.rendering()
    await settled(bench)

    found = await bench.stores.reports.under_way()

    assert [(each.provider, each.state, each.count) for each in found] == [
        ("judge", State.RENDERING, 1),
        ("other", State.QUEUED, 2),
    ]
    assert await bench.stores.reports.under_way(workspace="judge:elsewhere") == []


async def test_pauses_are_told_with_whose_they_are(bench: StoreBench) -> None:
    """Which providers are paused, since when and by whom; a provider that only rests is not."""
    await bench.stores.health.pause("judge", "api:alice")
    await bench.stores.health.change("other", lambda health: health.after_failure(bench.clock.now(), "502"))

    (pause,) = await bench.stores.reports.pauses()

    assert (pause.provider, pause.by, pause.since) == ("judge", "api:alice", bench.clock.now())


async def test_blocked_people_are_told(bench: StoreBench) -> None:
    """Who is refused, the latest first, and no longer once the block was lifted."""
    workspaces = bench.stores.workspaces
    for person in ("discord:1:7", "slack:T1:U2", "slack:T1:U3"):
        await workspaces.block(person)
        await bench.clock.advance(60)
    await workspaces.unblock("slack:T1:U2")

    found = await bench.stores.reports.blocked_people()

    assert [each.person for each in found] == ["slack:T1:U3", "discord:1:7"]


# --- the audit trail ------------------------------------------------------------------------------------------------------


async def test_acts_are_found_by_who_what_and_to_what(bench: StoreBench) -> None:
    """Each filter narrows; together all must be true; a page goes on where the one before ended."""
    audit = bench.stores.audit
    await audit.add("api:admin", "limit.set", "installation", {"usd": "5"})
    await audit.add("slack:T1:U2", "limit.set", "workspace:slack:T1")
    await audit.add("api:admin", "person.blocked", "discord:1:7")

    newest, *older = await audit.page()

    assert (newest.action, newest.subject, newest.at) == ("person.blocked", "discord:1:7", bench.clock.now())
    assert [act.by for act in await audit.page(before=newest.id)] == [act.by for act in older]
    assert [act.subject for act in await audit.page(by="api:admin", action="limit.set")] == ["installation"]
    assert [act.action for act in await audit.page(subject="discord:1:7")] == ["person.blocked"]
    assert await audit.page(by="nobody") == []
    assert older[-1].details == {"usd": "5"}
