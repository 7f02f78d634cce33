"""Delete, and forget me: what is erased, what ends first, and what still counts."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

import pytest

from bot.deciding import Decider
from bot.errors import Expired, LimitReached, NotAllowed, NotFound
from bot.jobs.actions import Presser
from bot.jobs.lineage import Changes
from bot.jobs.model import Delivery, Job, Relation, RenderSettings, Requester
from bot.jobs.states import State
from bot.money.amount import Money
from bot.people import Role, TokenScope
from bot.ports import MessageRef, Rendering
from tests.factories import ALICE, BOB, a_request
from tests.house import OPERATOR, House, a_house

HALF = Money.usd("0.50")
SECRET_WORDS = "a secret swordfish"


def make_old(house: House) -> None:
    then = time.time() - 3600
    for path in (house.app.data_dir / "media").glob("??/*"):
        os.utime(path, (then, then))


def files(house: House) -> set[str]:
    return {path.name for path in (house.app.data_dir / "media").glob("??/*")}


def everything_stored(house: House) -> str:
    """Every text in every table."""
    connection = sqlite3.connect(house.app.ground.path)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = [str(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return "\n".join(rows)


async def delivered(house: House, **changes: object) -> Job:
    return await house.run(await house.ask(**{"prompt": SECRET_WORDS, **changes}))


async def forget(house: House, requester: Requester = ALICE) -> object:
    make_old(house)
    return await house.app.service.forgetting.forget(requester.person)


async def test_a_deleted_job_leaves_only_its_bookkeeping(tmp_path: Path) -> None:
    """No words, no files, not in the history, not to be found; the ledger adds up as before."""
    async with a_house(tmp_path) as house:
        job = await delivered(house, settings=RenderSettings(negative_prompt="no swordfish"))
        make_old(house)

        done = await house.app.service.forgetting.delete(job, Presser(person=ALICE.person))

        assert (done.erased, done.under_way, done.files_left) == (1, (), 0)
        assert files(house) == set()
        assert "swordfish" not in everything_stored(house)
        assert (await house.app.stores.history.page()).jobs == []
        with pytest.raises(NotFound):
            await house.app.service.actions.find(job.id)
        left = await house.load(job)
        assert (left.state, left.charged, left.provider_job_id) == (State.DELIVERED, HALF, "judge-1")
        assert await house.app.unequal_sums() == []
        assert await house.used() == HALF


@pytest.mark.parametrize(
    ("presser", "may"),
    [
        (Presser(person=ALICE.person), True),
        (Presser(person=BOB.person), False),
        (Presser(person=BOB.person, is_team_lead=True), True),
        (Presser(person=BOB.person, is_moderator=True), True),
        (OPERATOR, True),
    ],
    ids=["asker", "team-mate", "team-lead", "moderator", "operator"],
)
async def test_who_may_delete(tmp_path: Path, presser: Presser, may: bool) -> None:
    async with a_house(tmp_path) as house:
        job = await delivered(house)

        if may:
            await house.app.service.forgetting.delete(job, presser)
        else:
            with pytest.raises(NotAllowed):
                await house.app.service.forgetting.delete(job, presser)

        assert ((await house.load(job)).erased_at is not None) == may


async def test_a_waiting_job_is_cancelled_free_and_erased(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        job = await house.ask(prompt=SECRET_WORDS)

        done = await forget(house)
        await house.step(job)

        assert done.under_way == (job.id,)  # type: ignore[attr-defined]
        job = await house.load(job)
        assert (job.state, job.erased_at is not None, job.prompt) == (State.CANCELLED, True, "")
        assert house.provider.paid == []


async def test_a_paid_job_ends_is_booked_and_its_result_is_deleted_unposted(tmp_path: Path) -> None:
    """The provider renders on; nothing of the clip is kept or posted, and it is paid once."""
    async with a_house(tmp_path) as house:
        house.provider.honours_cancel = False
        house.provider.checks = [Rendering(), Rendering()]
        job = await house.ask(prompt=SECRET_WORDS)
        await house.step(job)

        await forget(house)
        job = await house.run(job)
        make_old(house)
        await house.app.service.forgetting.finish()

        assert (job.state, job.charged, job.output) == (State.CANCELLED, HALF, None)
        assert (house.courier.posts, len(house.provider.paid)) == ([], 1)
        assert files(house) == set()
        assert "swordfish" not in everything_stored(house)
        assert await house.used() == HALF


async def test_a_process_that_dies_between_the_end_and_the_erasure_is_made_up_for(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        job = await house.ask(prompt=SECRET_WORDS)
        await forget(house)
        house.app.tracker._erase = None
        await house.step(job)
        assert (await house.load(job)).erased_at is None

        await house.app.service.forgetting.finish()

        assert (await house.load(job)).erased_at is not None


async def test_a_forgotten_person_is_in_no_table_and_what_was_spent_still_counts(tmp_path: Path) -> None:
    """Until the month ends: forgetting oneself is no way to a new budget. Then nobody can be told apart."""
    tight = {"limits": {"user_daily_jobs": 2, "confirm_above_usd": "100"}}
    async with a_house(tmp_path, **tight) as house:
        await delivered(house)
        await delivered(house)
        await on_the_page(house)

        await forget(house)

        assert "alice" not in everything_stored(house)
        assert await house.used(ALICE, f"user:{ALICE.person}", "day") == Money(2 * HALF)
        with pytest.raises(LimitReached):
            await house.ask()
        await house.clock.advance(32 * 24 * 3600)
        await house.app.service.sweeper.look_at_clock()
        await house.app.service.sweeper.sweep(everything=True)
        assert "user:forgotten:" not in everything_stored(house)
        assert await house.app.unequal_sums() == []
        assert (await house.ask()).state is State.RECEIVED


async def on_the_page(house: House) -> None:
    """She signed in, has a token, made one for Bob, and an operator gave her a role and a limit."""
    stores, operating = house.app.stores, house.app.service.operating
    olga = Decider(person="api:olga", role=Role.OPERATOR)
    person = "slack:T1:alice"
    await stores.members.sign_in(person, name="alice", role=Role.MEMBER)
    await operating.give_role(olga, person, Role.OPERATOR)
    await operating.make_token(Decider(person=person, role=Role.OPERATOR), "bob", [TokenScope.READ])
    await operating.make_token(olga, person, [TokenScope.READ], label="alice's laptop")
    await operating.block(olga, person)
    await operating.unblock(olga, person)
    await house.app.service.forgetting.forget(person)


async def test_being_forgotten_twice_adds_up(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await delivered(house)
        await forget(house)
        await delivered(house)
        await forget(house)

        assert await house.used(ALICE, f"user:{ALICE.person}", "day") == Money(2 * HALF)
        assert await house.app.unequal_sums() == []


async def test_what_another_persons_job_uses_stays_with_that_job(tmp_path: Path) -> None:
    """Bob pressed Again under Alice's clip: his picture stays, and the answer says that some files do."""
    async with a_house(tmp_path) as house:
        hers = await delivered(house)
        lineage = house.app.service.lineage
        his, _ = await lineage.descend(hers, Relation.AGAIN, BOB, Presser(person=BOB.person), Changes())
        his = await house.run(his)

        done = await forget(house)

        assert done.files_shared > 0  # type: ignore[attr-defined]
        assert any("other people's jobs" in sentence for sentence in done.remains())  # type: ignore[attr-defined]
        assert his.image_asset in files(house)
        his = await house.load(his)
        assert (his.state, his.prompt) == (State.DELIVERED, SECRET_WORDS)


async def test_posts_are_taken_back_where_the_chat_lets_us_and_named_where_not(tmp_path: Path) -> None:
    """One courier can delete, one refuses: the answer says what remains where."""
    async with a_house(tmp_path) as house:
        taken_back: list[str] = []

        async def retract(delivery: Delivery, requester: Requester) -> bool:
            if len(taken_back) == 1:
                raise RuntimeError("permission lost")
            taken_back.append(delivery.id)
            return True

        async def take_down(at: MessageRef, requester: Requester) -> bool:
            return True

        house.courier.retract = retract  # type: ignore[attr-defined]
        house.courier.take_down = take_down  # type: ignore[attr-defined]
        await delivered(house)
        await delivered(house)

        done = await forget(house)

        assert (done.posts_deleted, done.posts_left) == (1, ("room",))  # type: ignore[attr-defined]
        assert any("room" in sentence for sentence in done.remains())  # type: ignore[attr-defined]


async def test_an_erased_job_that_is_woken_stays_erased(tmp_path: Path) -> None:
    """Nothing is asked of the provider again, and nothing fetched."""
    async with a_house(tmp_path) as house:
        job = await delivered(house)
        await forget(house)

        wait = await house.step(job)

        assert wait.until is None
        assert (await house.load(job)).output is None
        assert len(house.provider.paid) == 1


@pytest.mark.parametrize("whole_person", [False, True], ids=["job", "person"])
async def test_a_request_that_is_delivered_once_more_orders_nothing(tmp_path: Path, whole_person: bool) -> None:
    """Platforms deliver events again, also after the job was deleted: it is not made a second time."""
    async with a_house(tmp_path) as house:
        request = a_request(prompt=SECRET_WORDS)
        job, _ = await house.app.service.front_desk.accept(request)
        job = await house.run(job)
        press = {"request_key": "press-2"}
        lineage, presser = house.app.service.lineage, Presser(person=ALICE.person)
        await lineage.descend(job, Relation.AGAIN, ALICE, presser, request_key="press-1")
        again, _ = await lineage.descend(job, Relation.AGAIN, ALICE, presser, **press)
        again = await house.run(again)

        if whole_person:
            await forget(house)
        else:
            for each in (job, again):
                await house.app.service.forgetting.delete(each, OPERATOR)

        with pytest.raises(Expired, match="deleted since"):
            await house.app.service.front_desk.accept(request)
        with pytest.raises(Expired, match="deleted since"):
            await house.app.stores.jobs.accept(
                a_request(request_key="press-2", parent_id=job.id, relation=Relation.AGAIN), HALF, ()
            )
        assert len(house.provider.paid) == 2
        assert ("alice" in everything_stored(house)) is not whole_person
