"""Promise 7: nobody sees, does or spends what is not theirs (DESIGN §2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import NotAllowed
from bot.jobs.actions import Presser
from bot.jobs.states import State
from bot.workspaces import Permission
from tests.factories import ALICE, BOB, MALLORY
from tests.house import a_house


async def test_a_new_workspace_cannot_spend_until_an_operator_allows_it(tmp_path: Path) -> None:
    """The refusal says who must do what, and `local` works meanwhile."""
    async with a_house(tmp_path, allowed_workspaces="") as house:
        with pytest.raises(NotAllowed, match="workspaces allow judge:team"):
            await house.ask()

        await house.app.stores.workspaces.put("judge", "team", Permission.ALLOWED)

        assert (await house.run(await house.ask())).state is State.DELIVERED


async def test_a_blocked_person_is_refused_and_her_team_mate_is_not(tmp_path: Path) -> None:
    """A block is a person's, not a workspace's."""
    async with a_house(tmp_path) as house:
        await house.app.stores.workspaces.block(ALICE.person)

        with pytest.raises(NotAllowed):
            await house.ask()
        assert (await house.ask(requester=BOB)).state is State.RECEIVED


@pytest.mark.parametrize("presser", [Presser(person=BOB.person), Presser(person=MALLORY.person, is_team_lead=False)])
async def test_only_the_asker_or_a_team_lead_cancels(tmp_path: Path, presser: Presser) -> None:
    """A button checks who pressed it."""
    async with a_house(tmp_path) as house:
        job = await house.ask()

        with pytest.raises(NotAllowed):
            await house.app.service.actions.cancel(job.id, presser)

        await house.app.service.actions.cancel(job.id, Presser(person=BOB.person, is_team_lead=True))
        assert await house.app.stores.wishes.cancel_requested(job.id)


async def test_a_team_lead_cannot_start_what_another_pays_for(tmp_path: Path) -> None:
    """Start is the asker's alone."""
    async with a_house(tmp_path, limits={"confirm_above_usd": "0"}) as house:
        job = await house.run(await house.ask())

        with pytest.raises(NotAllowed):
            await house.app.service.actions.confirm(job.id, Presser(person=BOB.person, is_team_lead=True))


async def test_only_operators_resolve(tmp_path: Path) -> None:
    """Not even the asker decides that money was not spent."""
    async with a_house(tmp_path) as house:
        job = await house.ask()

        with pytest.raises(NotAllowed):
            await house.app.service.actions.resolve(job.id, Presser(person=ALICE.person), decision="lost")


async def test_history_of_a_person_shows_only_hers(tmp_path: Path) -> None:
    """Also when the words match another's."""
    async with a_house(tmp_path) as house:
        hers, _his = await house.ask(), await house.ask(requester=BOB)

        found = await house.app.stores.history.page(q="leaves", person=ALICE.person)

        assert [job.id for job in found.jobs] == [hers.id]


async def test_over_her_own_concurrency_a_job_waits_and_her_team_mates_goes_first(tmp_path: Path) -> None:
    """Fair order: the person with the fewest running jobs."""
    async with a_house(tmp_path, limits={"user_concurrent": 2}) as house:
        hers = [await house.ask() for _ in range(4)]
        his = await house.ask(requester=BOB)
        for job in (*hers, his):
            await house.tracker.run(job.id)

        line = await house.line("judge")

        assert set(line) == {hers[0].id, hers[1].id, his.id}
        assert line[0] == hers[0].id
        assert line[1] == his.id
