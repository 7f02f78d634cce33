"""The step of a job at its provider: when it asks, what it measures, how it takes a hint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import ProviderUnavailable
from bot.jobs.actions import Presser
from bot.jobs.model import Job, WishKind
from bot.jobs.states import State
from bot.ports import CheckResult, Failed, Rendering, Succeeded, Unknown
from bot.tracker.ownership import OneEngine
from bot.tracker.render_times import Measured
from bot.tracker.steps.rendering import SLOW
from tests.factories import ALICE
from tests.house import House, a_house, later_tracker

DONE = Succeeded(url="fake://done")
ASKER = Presser(person=ALICE.person)


class Render:
    """A render of a given length: what `check` answers, and when it was asked."""

    def __init__(self, house: House, seconds: float, result: CheckResult = DONE) -> None:
        self._house = house
        self._seconds = seconds
        self._result = result
        self.accepted = house.clock.monotonic()
        self.asked: list[float] = []
        self.down = False
        house.provider.check = self.check  # type: ignore[method-assign]

    async def check(self, _provider_job_id: str) -> CheckResult:
        age = self._house.clock.monotonic() - self.accepted
        self.asked.append(age)
        if self.down:
            raise ProviderUnavailable("no answer")
        return self._result if age >= self._seconds else Rendering()


async def measured(house: House) -> Measured:
    """What the house knows of Alice's kind of render."""
    return await house.app.stores.render_times.of("judge", "judge/clip", 5, "720p")


async def teach(house: House, *seconds: float) -> None:
    """So many renders were measured before."""
    for each in seconds:
        await house.app.stores.render_times.add("judge", "judge/clip", 5, "720p", each)


async def hint(house: House, job: Job) -> None:
    """A webhook came in."""
    await house.app.stores.wishes.add(job.id, WishKind.HINT, "judge")


async def waiting(house: House, job: Job) -> list[WishKind]:
    """Wishes nobody answered."""
    return [wish.kind for wish in await house.app.stores.wishes.waiting(job.id)]


async def test_a_render_is_measured_when_its_end_is_known_well(tmp_path: Path) -> None:
    """From the provider's yes to the middle between the last two polls."""
    async with a_house(tmp_path) as house:
        for _ in range(5):
            job = await house.ask()
            Render(house, 60.0)
            assert (await house.run(job)).state is State.DELIVERED

        known = await measured(house)
        assert known.count == 5
        assert known.p50_s == pytest.approx(60, abs=4)


async def test_what_was_measured_makes_polls_few(tmp_path: Path) -> None:
    """No question right after the order; each second once an end is plausible; and that render is measured as well."""
    async with a_house(tmp_path) as house:
        await teach(house, *(58 + number % 5 for number in range(20)))
        render = Render(house, 60.3)

        job = await house.run(await house.ask())

        assert job.state is State.DELIVERED
        assert 4 <= render.asked[0] <= 6
        assert len(render.asked) <= 15
        assert render.asked[-1] - 60.3 <= 1
        assert (await measured(house)).count == 21


async def test_no_measurement_where_the_end_is_not_known_well(tmp_path: Path) -> None:
    """At once; after a gap; by a process that never asked before; by a look-up that found an old order."""
    async with a_house(tmp_path) as house:
        await house.run(await house.ask())

        gap = await house.ask()
        Render(house, 60.0)
        await house.step(gap)
        await house.clock.advance(61)
        await house.step(gap)

        restarted = await house.ask()
        Render(house, 60.0)
        await house.step(restarted)
        await house.clock.advance(59.5)
        await house.step(restarted)
        await house.clock.advance(1)
        await later_tracker(house).run(restarted.id)

        for job in (gap, restarted):
            assert (await house.load(job)).state is not State.RENDERING
        assert (await measured(house)).count == 0


async def test_an_order_that_was_only_found_later_is_not_measured(tmp_path: Path) -> None:
    """Nobody knows when the provider began with it; and it is asked about at once, however much was measured."""
    async with a_house(tmp_path) as house:
        await teach(house, *[60.0] * 20)
        render = Render(house, 20.0)
        house.provider.on_the_wire = lambda: house.clock.jump(15)  # an answer that took fifteen seconds

        job = await house.ask()
        await house.step(job)
        asked_at_once = list(render.asked)
        job = await house.run(job)

        assert job.state is State.DELIVERED
        assert asked_at_once == [0.0]
        assert (await measured(house)).count == 20


async def test_a_failed_render_is_not_measured(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        Render(house, 30.0, Failed(code="provider_failed", message="model error"))

        assert (await house.run(await house.ask())).state is State.FAILED
        assert (await measured(house)).count == 0


async def test_a_measurement_that_cannot_be_kept_holds_up_nothing(tmp_path: Path) -> None:
    """The clip is more important."""
    async with a_house(tmp_path) as house:

        async def add(*_: object) -> None:
            raise RuntimeError("no room")

        house.app.stores.render_times.add = add  # type: ignore[method-assign]
        Render(house, 60.0)

        assert (await house.run(await house.ask())).state is State.DELIVERED


# --- hints ----------------------------------------------------------------------------------------------------------


async def test_a_hint_is_asked_about_at_once_and_measured_exactly(tmp_path: Path) -> None:
    """In the middle of a long pause, to the second."""
    async with a_house(tmp_path) as house:
        await teach(house, *[60.0] * 20)
        render = Render(house, 31.5)
        job = await house.ask()
        wait = await house.step(job)
        assert wait.until is not None
        await house.clock.advance(31.5)
        await hint(house, job)

        await house.step(job)

        assert (await house.load(job)).state is State.DELIVERED
        assert render.asked == [31.5]
        assert await waiting(house, job) == []
        stored = await house.app.stores.render_times.all()
        assert [known.count for known in stored.values()] == [21]


async def test_a_hint_that_came_before_the_providers_own_state_is_answered_and_believed_for_a_while(
    tmp_path: Path,
) -> None:
    """Taken although the render goes on; asked each second for a few seconds, then by the schedule; never in circles."""
    async with a_house(tmp_path) as house:
        await teach(house, *[60.0] * 20)
        render = Render(house, 1000.0)
        job = await house.ask()
        await house.step(job)
        await house.clock.advance(10)
        for _ in range(3):
            await hint(house, job)

        for _ in range(12):
            before = len(render.asked)
            wait = await house.step(job)
            assert len(render.asked) == before + 1
            assert await waiting(house, job) == []
            assert wait.until is not None
            pause = (wait.until - house.clock.now()).total_seconds()
            assert pause >= 1
            await house.clock.advance(pause)

        assert [round(age) for age in render.asked[:8]] == list(range(10, 18))
        assert render.asked[9] - render.asked[8] > 15


async def test_a_hint_waits_for_an_answer_when_the_provider_does_not_give_one(tmp_path: Path) -> None:
    """Polls that fail become rarer all the same; the hint's own time is when the render ended."""
    async with a_house(tmp_path) as house:
        render = Render(house, 20.0)
        job = await house.ask()
        await house.step(job)
        await house.clock.advance(20)
        await hint(house, job)
        render.down = True

        pauses = []
        for _ in range(6):
            wait = await house.step(job)
            assert wait.until is not None
            pauses.append((wait.until - house.clock.now()).total_seconds())
            await house.clock.advance(pauses[-1])
        assert await waiting(house, job) == [WishKind.HINT]
        assert pauses[-1] > 20

        render.down = False
        await house.step(job)
        assert (await house.load(job)).state is State.DELIVERED
        assert (await measured(house)).count == 1


async def test_a_hint_for_an_id_the_provider_does_not_know_yet_is_taken(tmp_path: Path) -> None:
    """Written down once, as ever."""
    async with a_house(tmp_path) as house:
        house.provider.checks = [Rendering(), Unknown(reason="404"), Unknown(reason="404")]
        job = await house.ask()
        await house.step(job)
        await hint(house, job)

        wait = await house.step(job)

        assert await waiting(house, job) == []
        assert wait.until is not None
        assert (await house.load(job)).tries == 1


# --- failures, restarts, slowness -----------------------------------------------------------------------------------


async def test_polls_that_fail_become_rarer_and_write_nothing(tmp_path: Path) -> None:
    """Doubling, up to a minute; back to the schedule with the first answer."""
    async with a_house(tmp_path) as house:
        render = Render(house, 10_000.0)
        job = await house.ask()
        await house.step(job)
        before = await house.load(job)
        render.down = True

        pauses = []
        for _ in range(12):
            wait = await house.step(job)
            assert wait.until is not None
            pauses.append((wait.until - house.clock.now()).total_seconds())
            await house.clock.advance(pauses[-1])

        assert pauses[0] < 3
        assert all(48 <= pause <= 72 for pause in pauses[8:])
        assert await house.load(job) == before

        render.down = False
        wait = await house.step(job)
        assert wait.until is not None
        assert (wait.until - house.clock.now()).total_seconds() <= 11


async def test_a_provider_that_asks_for_patience_gets_it(tmp_path: Path) -> None:
    """`Retry-After`, up to a quarter of an hour."""
    async with a_house(tmp_path) as house:
        asked = [ProviderUnavailable("busy", retry_after_s=seconds) for seconds in (90, 7200)]
        house.provider.checks = [Rendering(), *asked]
        job = await house.ask()
        await house.step(job)

        waits = [await house.step(job) for _ in range(2)]

        pauses = [(wait.until - house.clock.now()).total_seconds() for wait in waits if wait.until]
        assert pauses == [90, 900]


async def test_after_a_start_renders_do_not_stay_together(tmp_path: Path) -> None:
    """All are asked about at once then; each goes on at a moment of its own."""
    async with a_house(tmp_path) as house:
        await teach(house, *[60.0 + number % 9 for number in range(20)])
        jobs = []
        for _ in range(8):
            jobs.append(await house.ask(requester=replace(ALICE, user=f"alice{len(jobs)}")))
            await house.step(jobs[-1])
        Render(house, 1000.0)
        await house.clock.advance(62)

        tracker = later_tracker(house)
        nexts = [(await tracker.run(job.id)).until for job in jobs]

        assert len({each.microsecond // 10_000 for each in nexts if each}) >= 6


async def test_nothing_is_remembered_of_jobs_that_moved_on(tmp_path: Path) -> None:
    """Delivered, failed, deleted by another engine's epoch: the log holds renders only."""
    async with a_house(tmp_path) as house:
        polls = house.app.desk.polls
        house.provider.checks = [Rendering(), ProviderUnavailable("no answer"), Rendering()]
        done = await house.ask()
        await house.step(done)
        assert len(polls) == 1
        await house.run(done)
        assert len(polls) == 0

        house.provider.checks = [Rendering(), Rendering()]
        lost = await house.ask()
        await house.step(lost)
        house.provider.checks = [Failed(code="provider_failed", message="model error")]
        await house.clock.advance(20)
        await house.step(lost)
        assert (await house.load(lost)).state is State.FAILED
        assert len(polls) == 0


async def test_a_slow_model_is_not_called_slow(tmp_path: Path) -> None:
    """Renders that take twenty minutes: after fifty nothing is said, after more than an hour it is, once."""
    async with a_house(tmp_path) as house:
        await teach(house, *[1200.0] * 20)
        Render(house, 1e9)
        job = await house.ask()
        await house.step(job)

        await house.clock.advance(50 * 60)
        await house.step(job)
        assert (await house.load(job)).note is None

        await house.clock.advance(11 * 60)
        wait = await house.step(job)
        told = await house.load(job)
        assert told.note == SLOW
        assert wait.until == house.clock.now() + timedelta(minutes=10)

        await house.clock.advance(601)
        await house.step(job)
        assert await house.load(job) == told


async def test_slowness_is_said_beside_what_was_said_before(tmp_path: Path) -> None:
    """A cancel that the provider cannot honour keeps its sentence, and capacity is freed all the same."""
    async with a_house(tmp_path) as house:
        house.provider.honours_cancel = False
        Render(house, 1e9)
        job = await house.ask()
        await house.step(job)
        await house.app.service.actions.cancel(job.id, ASKER)
        await house.step(job)
        before = (await house.load(job)).note
        assert before

        await house.clock.advance(31 * 60)
        await house.step(job)

        assert (await house.load(job)).note == f"{before} {SLOW}"
        (submission,) = await house.app.stores.submissions.of_job(job.id)
        assert submission.ended_at is not None


async def test_a_cancel_that_cannot_be_passed_on_does_not_hide_the_end_of_the_render(tmp_path: Path) -> None:
    """The clip that is done meanwhile is fetched and kept."""
    async with a_house(tmp_path) as house:

        async def cancel(_provider_job_id: str) -> bool:
            raise ProviderUnavailable("no answer")

        house.provider.cancel = cancel  # type: ignore[method-assign]
        render = Render(house, 30.0)
        job = await house.ask()
        await house.step(job)
        await house.app.service.actions.cancel(job.id, ASKER)

        await house.step(job)
        waiting_for_it = await house.load(job)
        assert (waiting_for_it.state, waiting_for_it.note) == (State.RENDERING, "Asking the provider to stop.")
        job = await house.run(job, hours=1)

        assert job.state is State.CANCELLED
        assert job.output is not None
        assert len(render.asked) < 12


async def test_the_setting_for_the_fastest_poll_is_heeded(tmp_path: Path) -> None:
    """`REELBOT_POLL__FASTEST_SECONDS`."""
    async with a_house(tmp_path, poll={"fastest_seconds": 4.0}) as house:
        await teach(house, *[60.0] * 20)
        render = Render(house, 200.0)

        await house.run(await house.ask())

        pauses = [after - before for before, after in zip(render.asked, render.asked[1:], strict=False)]
        assert min(pauses) >= 4
        assert any(pause < 4.5 for pause in pauses)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path) as opened:
        yield opened


async def test_a_poll_that_learns_nothing_asks_the_database_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When only its time has come. Whoever wakes the job has it read again, and so does progress that was written."""
    house.provider.checks = [Rendering()] * 4 + [Rendering(progress=0.5)] * 9
    job = await house.ask()
    await house.step(job)
    loads = 0
    load = house.app.stores.jobs.load

    async def counted(job_id: str) -> Job | None:
        nonlocal loads
        loads += 1
        return await load(job_id)

    monkeypatch.setattr(house.app.stores.jobs, "load", counted)
    for expected in (0, 0, 0, 0, 1, 1):
        await house.clock.advance(20)
        await house.tracker.run(job.id, woken=False)
        assert loads == expected
    await house.tracker.run(job.id)
    assert loads == 2
    assert (await house.load(job)).progress == 0.5


async def test_a_render_somebody_else_moved_is_read_again_before_it_is_moved(house: House) -> None:
    """What is remembered of it is old: the database refuses, and the facts of the day decide."""
    house.provider.checks = [Rendering()]
    job = await house.ask()
    await house.step(job)
    other = later_tracker(house)
    other.ownership, _ = await OneEngine.begin(house.app.stores.jobs)
    done = await house.load(job)
    while not done.is_final:
        await other.run(job.id)
        done = await house.load(job)

    await house.tracker.run(job.id, woken=False)

    assert await house.load(job) == done
    assert len(house.provider.paid) == 1
