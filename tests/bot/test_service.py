"""What front ends are given: inputs are copied at once, by whoever can."""

from __future__ import annotations

from pathlib import Path

from bot.jobs.states import State
from tests.factories import ALICE
from tests.house import House, a_house
from tests.journeys.calling import Ear


async def copied(house: House) -> list[str]:
    """Roles of the newest job's files."""
    job = await house.ask()
    await house.app.service.copy_inputs(job)
    return sorted(await house.app.stores.assets.of_job(job.id))


async def test_where_no_engine_runs_the_front_end_copies_inputs_itself(tmp_path: Path) -> None:
    """Addresses of attachments do not live long; the engine then takes what was copied, and asks the chat no more."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        await house.app.service.copy_inputs(job)
        assert "original" in await house.app.stores.assets.of_job(job.id)

        ended = await house.run(job)

        assert ended.state is State.DELIVERED
        assert len(house.courier.collected) == 1


async def test_beside_the_engine_it_leaves_that_to_the_engine(tmp_path: Path) -> None:
    """Which copies them at once, too; twice would be once too often."""
    async with a_house(tmp_path) as house:
        house.app.switchboard.engine = Ear()

        assert await copied(house) == []
        assert house.courier.collected == []


async def test_a_chat_that_does_not_answer_holds_nothing_up(tmp_path: Path) -> None:
    """It is a courtesy: the engine tries again, for an hour."""
    async with a_house(tmp_path) as house:

        async def collect(source: object) -> None:
            raise OSError("no connection")

        house.courier.collect = collect  # type: ignore[assignment,method-assign]

        assert await copied(house) == []


async def test_what_was_forgotten_meanwhile_is_not_kept(tmp_path: Path) -> None:
    """No file comes back to a job that its person deleted while it was being copied."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        await house.app.service.forgetting.forget(ALICE.person)

        await house.app.service.copy_inputs(job)

        assert await house.app.stores.assets.of_job(job.id) == {}
