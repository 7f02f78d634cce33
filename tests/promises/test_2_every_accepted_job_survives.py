"""Promise 2: every accepted job survives (DESIGN §2). Kills and power cuts are `tests/crash`; here: time and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import DiskFull, ProviderUnavailable, RequestKeyReused
from bot.jobs.states import State
from tests.factories import a_picture
from tests.house import a_house, later_tracker, take_over


async def test_a_later_process_goes_on_from_every_step(tmp_path: Path) -> None:
    """After each single step the process is thrown away; the next one finishes the job."""
    async with a_house(tmp_path) as house:
        job = await house.ask()
        seen = [job.state]
        for _ in range(30):
            tracker = later_tracker(house)
            job = await house.load(job)
            if job.is_final:
                break
            turn = job.id in await house.line("judge")
            await tracker.run(job.id, turn=turn)
            await take_over(house.app)
            await house.clock.advance(61)
            seen.append((await house.load(job)).state)

        assert seen[-1] is State.DELIVERED
        assert len(house.provider.paid) == 1


@pytest.mark.parametrize("error", [DiskFull("The disk is full."), ProviderUnavailable("The chat does not answer.")])
async def test_passing_faults_at_intake_are_waited_out(tmp_path: Path, error: Exception) -> None:
    """The job stays `received`, says why, and goes on."""
    async with a_house(tmp_path) as house:
        collect, failures = house.courier.collect, [error, error]

        async def flaky(source: object) -> object:
            if failures:
                raise failures.pop()
            return await collect(source)  # type: ignore[arg-type]  # passed on as it came

        house.courier.collect = flaky  # type: ignore[assignment,method-assign]  # a courier that fails twice
        job = await house.ask()
        await house.step(job)
        waiting = await house.load(job)
        job = await house.run(job)

        assert (waiting.state, waiting.note) == (State.RECEIVED, str(error))
        assert job.state is State.DELIVERED


async def test_the_same_key_is_the_same_job(tmp_path: Path) -> None:
    """Redelivered a hundred times: one row; another request under the key is refused."""
    async with a_house(tmp_path) as house:
        picture = a_picture()
        jobs = [await house.ask(request_key="discord:i:1", image=picture) for _ in range(3)]

        assert len({job.id for job in jobs}) == 1
        with pytest.raises(RequestKeyReused):
            await house.ask(request_key="discord:i:1", image=picture, prompt="something else")
        assert len((await house.app.stores.history.page()).jobs) == 1


async def test_a_repeated_key_is_answered_even_when_the_budget_is_used_up(tmp_path: Path) -> None:
    """The job stands; asking about it again is no new request."""
    async with a_house(tmp_path, limits={"user_daily_jobs": 1, "user_daily_usd": "100"}) as house:
        picture = a_picture()
        job = await house.ask(request_key="k", image=picture)
        await house.run(job)

        assert (await house.ask(request_key="k", image=picture)).id == job.id


@pytest.mark.parametrize("days", [-400, 400])
async def test_a_jump_of_the_wall_clock_loses_nothing(tmp_path: Path, days: int) -> None:
    """Forwards or backwards by a year in the middle of a wait: the job goes on at once, and is delivered."""
    async with a_house(tmp_path) as house:
        house.fetcher.failures = [ProviderUnavailable("not yet")] * 3
        job = await house.ask()
        await house.step(job)
        assert (await house.load(job)).state is State.FETCHING

        house.clock.jump(days * 86400)
        house.fetcher.failures = []
        job = await house.run(job)

        assert job.state is State.DELIVERED


async def test_a_job_nobody_could_start_for_a_day_ends_with_a_reason(tmp_path: Path) -> None:
    """Free, and said."""
    async with a_house(tmp_path) as house:
        await house.app.stores.health.pause("*", "cli:local")
        job = await house.ask()
        wait = await house.step(job)
        assert wait.until is not None  # so that an engine comes back for it without being woken

        await house.clock.advance((wait.until - house.clock.now()).total_seconds() + 1)
        job = await house.run(job)

        assert job.state is State.FAILED
        assert job.error is not None
        assert (job.error.code, job.error.charged) == ("queue_timeout", False)
