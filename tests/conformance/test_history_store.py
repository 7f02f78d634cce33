"""What every history promises: newest first, by every word and filter, and each job on exactly one page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from bot.errors import BadPrompt
from bot.ids import new_id
from bot.jobs.model import Delivery, Job
from bot.jobs.moves import Release, Settle
from bot.jobs.states import State
from bot.money.amount import Money
from storage import history
from tests.conformance.stores import StoreBench
from tests.factories import ALICE, BOB, MALLORY, a_requester


async def found(bench: StoreBench, **filters: Any) -> list[str]:
    """Ids on one page."""
    return [job.id for job in (await bench.stores.history.page(limit=100, **filters)).jobs]


async def prompts(bench: StoreBench, q: str, **filters: Any) -> list[str]:
    return [job.prompt for job in (await bench.stores.history.page(q=q, limit=100, **filters)).jobs]


# --- words --------------------------------------------------------------------------------------------------------------


async def test_newest_first_and_as_they_stand(bench: StoreBench) -> None:
    jobs = [await bench.accept() for _ in range(3)]
    jobs[0] = await bench.queue(jobs[0])

    page = await bench.stores.history.page()

    assert page.jobs == jobs[::-1]
    assert page.next_cursor is None
    assert (await bench.stores.history.page(q="leaves", person=ALICE.person)).jobs == jobs[::-1]


async def test_all_words_are_required_in_any_order(bench: StoreBench) -> None:
    await bench.accept(prompt="the leaves fall on the lake")
    await bench.accept(prompt="the leaves fly over the sea")

    assert await prompts(bench, "lake leaves") == ["the leaves fall on the lake"]
    assert len(await prompts(bench, "LEAVES the")) == 2
    assert await prompts(bench, "lake sea") == []
    assert len(await prompts(bench, "")) == len(await prompts(bench, "   ")) == 2


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("the leaves are moving", "move"),
        ("they move", "moving"),
        ("she walked", "walks"),
        ("a café at noon", "cafe"),
        ("a cafe at noon", "CAFÉ"),
        ("Ärger im Garten", "ärger"),
        ("das Wasser fließt", "fließt"),
        ("волны на море", "море"),
        ("at 1080p, seed 42", "42"),
        ("the-well-known view", "well-known"),
        ("a snake_case word", "snake_case"),
    ],
)
async def test_a_word_is_found_in_any_of_its_forms(bench: StoreBench, said: str, asked: str) -> None:
    await bench.accept(prompt="something else entirely")
    await bench.accept(prompt=said)

    assert await prompts(bench, asked) == [said]


async def test_a_word_is_found_whole(bench: StoreBench) -> None:
    """The beginning of a word is another word."""
    await bench.accept(prompt="the waterfall")

    assert await prompts(bench, "water") == []


async def test_a_model_is_found_by_its_name(bench: StoreBench) -> None:
    await bench.accept(model="judge/clip")
    job = await bench.accept(model="judge/long")

    assert await found(bench, q="long") == [job.id]


@pytest.mark.parametrize(
    "q",
    [
        'the"lake', 'lake"', '"lake', '"the lake"', "lake*", "lak*", "* lake", "lake OR sea", "lake AND", "NOT lake",
        "-lake", "lake -sea", "NEAR(lake sea)", "words:lake", "tokens:lake", "state:received", "lake^", "{lake}", "(lake",
        "lake)", "lake + sea", "lake'; DROP TABLE jobs; --", "' OR 1=1 --", "lake%", "l_ke", "person:alice", "la\x00ke",
        "lake\\", "🌊 lake", "lake " * 400,
    ],
)  # fmt: skip
async def test_no_syntax_breaks_or_widens_a_search(bench: StoreBench, q: str) -> None:
    """Whatever is written is words: all of them required, and nothing more is found than what has them all."""
    said = [
        "the lake",
        "the sea",
        "state received words tokens person alice near not or and drop table jobs 1 lak l ke",
    ]
    for prompt in said:
        await bench.accept(prompt=prompt)
    plain = "".join(letter if letter.isalnum() else " " for letter in q).lower().split()
    if q == "l_ke":
        plain = ["l", "ke"]

    answer = await prompts(bench, q)

    assert set(answer) == {prompt for prompt in said if set(plain) <= set(prompt.split())}


@pytest.mark.parametrize("mark", ["-", "_", "🌊", "…", "'", "‿", "²", "̈"])
async def test_marks_beside_a_word_change_nothing(bench: StoreBench, mark: str) -> None:
    await bench.accept(prompt="the sea")
    await bench.accept(prompt=f"the lake {mark}")

    assert await prompts(bench, f"lake {mark}") == [f"the lake {mark}"]


# --- filters ------------------------------------------------------------------------------------------------------------


async def test_people_workspaces_and_channels_are_exact(bench: StoreBench) -> None:
    """Nobody's name is the beginning, another spelling or a part of somebody else's."""
    hers = await bench.accept()
    for stranger in (
        a_requester(user="alice2"), a_requester(user="Alice"), a_requester(user="ali"), a_requester(user="al ice"),
        a_requester(workspace="team2", channel="room"), a_requester(platform="judge2"),
        a_requester(user="alice", workspace="Team"),
    ):  # fmt: skip
        await bench.accept(requester=stranger)
    other_room = await bench.accept(requester=a_requester(channel="room2"))
    nowhere = await bench.accept(requester=a_requester(channel=None))

    for words in ({}, {"q": "leaves"}):
        assert await found(bench, person=ALICE.person, **words) == [nowhere.id, other_room.id, hers.id]
        assert await found(bench, person=ALICE.person, channel="judge:team:room", **words) == [hers.id]
        assert await found(bench, channel="judge:team:room2", **words) == [other_room.id]
        assert len(await found(bench, workspace="judge:team", **words)) == 7
        assert len(await found(bench, channel="judge:team:room", **words)) == 5
        assert await found(bench, workspace="judge", **words) == await found(bench, person="alice", **words) == []


@pytest.mark.parametrize("name", ['x" OR tokens:"y', "x*", "x y", "x'", "ünï", "💡", "x:y", "x" * 300])
async def test_no_name_breaks_a_filter(bench: StoreBench, name: str) -> None:
    await bench.accept()
    job = await bench.accept(requester=a_requester(user=name, workspace=name, channel=name))

    assert await found(bench, person=f"judge:{name}:{name}") == [job.id]
    assert await found(bench, workspace=f"judge:{name}") == [job.id]
    assert await found(bench, channel=f"judge:{name}:{name}", q="leaves") == [job.id]


async def test_a_name_is_no_word_and_a_word_no_name(bench: StoreBench) -> None:
    hers, his = await bench.accept(), await bench.accept(requester=BOB, prompt=f"alice {ALICE.person} delivered")

    assert await found(bench, q="alice") == [his.id]
    assert await found(bench, person=ALICE.person) == [hers.id]
    assert await found(bench, q="delivered", state=State.DELIVERED) == []
    assert await found(bench, q="unfinished") == []


async def test_a_workspace_sees_nothing_of_another(bench: StoreBench) -> None:
    await bench.accept(requester=MALLORY)
    hers = await bench.accept()

    assert await found(bench, workspace="judge:team", q="leaves") == [hers.id]
    assert await found(bench, workspace="judge:team", person=MALLORY.person) == []


# --- states -------------------------------------------------------------------------------------------------------------


async def is_listed_as(bench: StoreBench, job: Job, state: State) -> bool:
    """Under this state and no other, alone, with words, and with a filter."""
    for filters in ({}, {"q": "leaves"}, {"person": ALICE.person}, {"q": "moving", "channel": "judge:team:room"}):
        states = [each for each in State if job.id in await found(bench, state=each, **filters)]
        if states != [state]:
            return False
    return True


async def test_a_job_is_listed_under_its_state_wherever_it_goes(bench: StoreBench) -> None:
    """Also when Send again, or late proof, leads it out of the end and back."""
    await bench.fail(await bench.accept())
    job, _ = await bench.delivering()
    path = [State.DELIVERED, State.DELIVERING, State.UNDELIVERED, State.DELIVERING, State.DELIVERED]

    assert await is_listed_as(bench, job, State.DELIVERING)
    for number, state in enumerate(path, 2):
        more: dict[str, Any] = {}
        if state is State.DELIVERING:
            more["new_delivery"] = Delivery(id=new_id(), job_id=job.id, number=number, place="judge:room")
        job = await bench.move(job, state, **more)
        assert await is_listed_as(bench, job, state)


async def test_late_proof_leads_a_failed_job_back(bench: StoreBench) -> None:
    job = await bench.rendering()
    for state in (State.FAILED, State.FETCHING, State.CANCELLED, State.FETCHING, State.FAILED):
        job = await bench.move(job, state)
        assert await is_listed_as(bench, job, state)


async def test_every_unfinished_state_is_told_apart(bench: StoreBench) -> None:
    jobs = [await bench.accept(), await bench.queued(), await bench.submitting(), await bench.rendering()]

    for job in jobs:
        assert await is_listed_as(bench, job, job.state)


# --- pages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "filters",
    [{}, {"q": "leaves"}, {"person": ALICE.person}, {"state": State.RECEIVED}, {"q": "leaves", "state": State.FAILED}],
    ids=["all", "words", "person", "state", "words-and-state"],
)
async def test_pages_visit_every_job_once_while_new_ones_arrive(bench: StoreBench, filters: dict[str, Any]) -> None:
    """What came after the first page is not on any later one."""
    jobs = []
    for number in range(23):
        await bench.accept(requester=BOB, prompt="something else")
        job = await bench.accept(prompt=f"the leaves, number {number}")
        if filters.get("state") is State.FAILED:
            job = await bench.fail(job)
        jobs.append(job.id)
    if set(filters) <= {"state"}:
        jobs = (await found(bench, **filters))[::-1]

    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await bench.stores.history.page(limit=5, cursor=cursor, **filters)
        seen += [job.id for job in page.jobs]
        late = await bench.accept(prompt="the leaves came late")
        if filters.get("state") is State.FAILED:
            await bench.fail(late)
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.jobs) == 5

    assert seen == jobs[::-1]


@pytest.mark.parametrize("limit", [4, 5])
async def test_the_last_page_says_so(bench: StoreBench, limit: int) -> None:
    """Also when it is exactly full."""
    for _ in range(4):
        await bench.accept()

    assert (await bench.stores.history.page(limit=limit)).next_cursor is None


async def test_a_page_is_never_empty_nor_endless(bench: StoreBench) -> None:
    """A length that makes no sense becomes the nearest that does."""
    for _ in range(101):
        await bench.accept()

    assert [len((await bench.stores.history.page(limit=limit)).jobs) for limit in (-1, 0, 1, 100000)] == [1, 1, 1, 100]


@pytest.mark.parametrize(
    "cursor", ["", "7", "s", "s-1", "s1x", "x1", "s1 OR 1=1", "s" + "9" * 19, "s１", "s1\n", "ſ1", "null"]
)
async def test_a_cursor_that_is_none_of_ours_is_refused(bench: StoreBench, cursor: str) -> None:
    for words in (None, "leaves"):
        with pytest.raises(BadPrompt):
            await bench.stores.history.page(cursor=cursor, q=words)


async def test_letters_are_the_same_however_they_are_composed(bench: StoreBench) -> None:
    """A Mac's keyboard may send an accented letter as two characters; prompts are stored composed."""
    await bench.accept(prompt="a r\u00e9sum\u00e9")

    assert await prompts(bench, "re\u0301sume\u0301") == ["a r\u00e9sum\u00e9"]


# --- days and costs -----------------------------------------------------------------------------------------------------


DAYS = [0, 0, 1, 20, 31, 32, 60, 364, 365, 800]


async def test_a_range_of_days_holds_both_its_ends_and_nothing_else(bench: StoreBench) -> None:
    """Compared with looking at every job, for every pair of days there are and their neighbours."""
    jobs, gone = [], 0
    for day in DAYS:
        await bench.clock.advance((day - gone) * 86_400)
        gone = day
        jobs.append(await bench.accept())
    days = sorted({job.created_at.date() + timedelta(days=by) for job in jobs for by in (-1, 0, 1)})
    ends: list[date | None] = [None, *days]

    for since in ends:
        for until in ends:
            expected = [
                job.id
                for job in reversed(jobs)
                if (since is None or job.created_at.date() >= since)
                and (until is None or job.created_at.date() <= until)
            ]
            assert await found(bench, since=since, until=until) == expected, (since, until)


COSTS = ["0", "0.004", "0.005", "0.34", "0.345", "0.50", "0.99", "1", "1.01", "7.77", "49.99", "50", "51.5", "900"]


@pytest.mark.parametrize("named", [200, 2], ids=["amounts-named", "too-many-amounts"])
async def test_a_range_of_costs_is_exact_to_the_micro_dollar(
    bench: StoreBench, named: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared with looking at every job; jobs that have not ended, or cost nothing known, have no cost."""
    monkeypatch.setattr(history, "MOST_AMOUNTS", named)
    await bench.accept()
    await bench.fail(await bench.queued(), money=Release(reason="refused"))
    charged = {}
    for text in COSTS:
        job = await bench.fail(await bench.rendering(), money=Settle(amount=Money.usd(text)))
        charged[job.id] = Money.usd(text)
    ends: list[Money | None] = [None, *(Money(amount + by) for amount in charged.values() for by in (-1, 0, 1))]

    for least in ends:
        for most in ends:
            if least is None and most is None:
                continue
            expected = [
                job_id
                for job_id, amount in reversed(charged.items())
                if (least is None or amount >= least) and (most is None or amount <= most)
            ]
            assert await found(bench, cost_min=least, cost_max=most) == expected, (least, most)


async def test_what_is_booked_late_is_found_by_what_it_cost_in_the_end(bench: StoreBench) -> None:
    job = await bench.fail(await bench.rendering(), money=Release(reason="refunded"))
    assert await found(bench, cost_min=Money.usd("0.01")) == []

    await bench.move(job, State.FAILED, money=Settle(amount=Money.usd("0.50")))

    assert await found(bench, cost_min=Money.usd("0.50"), cost_max=Money.usd("0.50")) == [job.id]


async def test_every_filter_narrows_every_other(bench: StoreBench) -> None:
    """Word, person, state, day and cost together."""
    job = await bench.fail(await bench.rendering(prompt="a red kite"), money=Settle(amount=Money.usd("0.34")))
    await bench.fail(await bench.rendering(prompt="a red kite", requester=BOB), money=Settle(amount=Money.usd("0.34")))
    today = job.created_at.date()
    filters = {
        "q": "kites", "person": ALICE.person, "state": State.FAILED, "since": today, "until": today,
        "cost_min": Money.usd("0.30"), "cost_max": Money.usd("0.40"),
    }  # fmt: skip
    wrong = {
        "q": "plane", "person": MALLORY.person, "state": State.DELIVERED, "since": today + timedelta(days=1),
        "until": today - timedelta(days=1), "cost_min": Money.usd("0.35"), "cost_max": Money.usd("0.33"),
    }  # fmt: skip

    assert await found(bench, **filters) == [job.id]
    for name, value in wrong.items():
        assert await found(bench, **{**filters, name: value}) == [], name
