"""What every engine promises: each job is run, once at a time, whoever wrote it and whenever the last process ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app import App
from bot.errors import AlreadyRunning, Unconfirmed
from bot.jobs.actions import Presser
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import FREE
from bot.ports import Cancelled, CheckResult, Found, Rendering
from tests.conformance.engines import ENGINES, QUICK, EngineBench, ask, engine_of, is_in, load, until

OPERATOR = Presser(person="cli:local", is_operator=True)
HOUR = timedelta(hours=1)
PATIENT = replace(QUICK, poll_fastest=HOUR, poll_slowest=HOUR, retry_first=HOUR, retry_longest=HOUR)
"""Whatever waits, waits for longer than any test."""


@pytest.fixture(params=ENGINES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> EngineBench:
    return EngineBench(request.param, tmp_path)


@pytest.fixture
def alone(tmp_path: Path) -> EngineBench:
    """The engine of which there can be only one."""
    return EngineBench("embedded", tmp_path)


def still_rendering() -> list[CheckResult | Exception]:
    """What the provider says until a test clears it."""
    return [Rendering() for _ in range(10_000)]


# --- starting and waking ------------------------------------------------------------------------------------------------


async def test_starting_twice_is_harmless(bench: EngineBench) -> None:
    """At the same moment, and while it is under way: one submission, one post."""
    bench.gate("check").close()
    async with bench.running() as (app, engine):
        job = await ask(app)
        await asyncio.gather(*(engine.start(job.id) for _ in range(10)), *(engine.wake(job.id) for _ in range(10)))
        await until(lambda: bench.gate("check").waiting)
        await asyncio.gather(*(engine.start(job.id) for _ in range(10)))
        assert bench.gate("check").waiting == 1
        bench.gate("check").open()

        await until(lambda: bench.delivered(app, job))
        await engine.start(job.id)

    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)


async def test_waking_ends_a_wait(bench: EngineBench) -> None:
    """Of the job that is woken, and of no other."""
    bench.provider.checks = still_rendering()
    async with bench.running(PATIENT) as (app, engine), bench.process(PATIENT) as other:
        woken, asleep = await ask(other), await ask(other)
        await until(lambda: bench.outside.calls.count("check") == 2 and not bench.outside.under_way)
        bench.provider.checks.clear()

        await engine.wake(woken.id)

        await until(lambda: bench.delivered(app, woken))
        assert await is_in(app, asleep, State.RENDERING)


async def test_waking_a_job_at_its_step_is_not_forgotten(bench: EngineBench) -> None:
    """What the step did not yet see is looked at right after it."""
    bench.provider.checks = [Rendering()]
    bench.gate("check").close()
    async with bench.running(PATIENT) as (app, engine), bench.process(PATIENT) as other:
        job = await ask(other)
        await until(lambda: bench.gate("check").waiting)

        await engine.wake(job.id)
        bench.gate("check").open()

        await until(lambda: bench.delivered(app, job))


async def test_a_job_nobody_knows_is_harmless(bench: EngineBench) -> None:
    async with bench.running() as (app, engine):
        for word in ("", "nothing", "' OR 1=1"):
            await engine.start(word)
            await engine.wake(word)

        job = await ask(app)
        await until(lambda: bench.delivered(app, job))


# --- other processes ----------------------------------------------------------------------------------------------------


async def test_a_job_that_another_process_wrote_is_picked_up(bench: EngineBench) -> None:
    async with bench.running() as (app, _), bench.process() as other:
        jobs = [await ask(other) for _ in range(3)]

        await until(lambda: bench.delivered(app, *jobs))

    assert len(bench.provider.paid) == 3


async def test_a_wish_that_another_process_wrote_is_picked_up(bench: EngineBench) -> None:
    """In the middle of a long wait."""
    bench.provider.checks = still_rendering()
    async with bench.running(PATIENT) as (app, _), bench.process(PATIENT) as other:
        job = await ask(other)
        await until(lambda: bench.outside.calls.count("check") and is_in(app, job, State.RENDERING))
        bench.provider.checks = [Cancelled(charged=FREE)]

        await other.service.actions.cancel(job.id, OPERATOR)

        await until(lambda: is_in(app, job, State.CANCELLED))
    assert len(bench.provider.cancels) == 1


async def test_a_pause_that_another_process_lifted_is_noticed(bench: EngineBench) -> None:
    async with bench.running() as (app, _), bench.process() as other:
        await other.stores.health.pause("*", "cli:local")
        job = await ask(app)
        await until(lambda: is_in(app, job, State.QUEUED))

        await other.stores.health.resume("*")

        await until(lambda: bench.delivered(app, job))


# --- earlier processes --------------------------------------------------------------------------------------------------


async def left_at(bench: EngineBench, gate: str, state: State) -> Job:
    """A process ended in the middle of this call."""
    bench.gate(gate).close()
    async with bench.process(PATIENT) as app, engine_of(app):
        job = await ask(app)
        await until(lambda: bench.gate(gate).waiting)
        assert await is_in(app, job, state)
    bench.gate(gate).open()
    return job


async def left_asleep(bench: EngineBench, state: State) -> Job:
    """A process ended while the job waited in this state."""
    async with bench.process(PATIENT) as app, engine_of(app):
        job = await ask(app)
        await until(lambda: is_in(app, job, state))
        await until(lambda: not bench.outside.under_way)
    return job


async def left_paused(bench: EngineBench) -> Job:
    async with bench.process() as app:
        await app.stores.health.pause("judge", "cli:local")
        job = await left_asleep(bench, State.QUEUED)
        await app.stores.health.resume("judge")
    return job


async def left_unconfirmed(bench: EngineBench) -> Job:
    bench.provider.answers = [Unconfirmed("the answer was lost")]
    job = await left_asleep(bench, State.UNCONFIRMED)
    bench.provider.found = Found(provider_job_id="judge-1")
    return job


async def left_sent(bench: EngineBench) -> Job:
    """The request had arrived, and its answer was never read."""
    job = await left_at(bench, "sent", State.SUBMITTING)
    bench.provider.found = Found(provider_job_id="judge-1")
    return job


LEFT: dict[str, Callable[[EngineBench], object]] = {
    "received": lambda bench: left_at(bench, "collect", State.RECEIVED),
    "queued": left_paused,
    "hosting": lambda bench: left_at(bench, "host", State.QUEUED),
    "connecting": lambda bench: left_at(bench, "connect", State.QUEUED),
    "submitting": left_sent,
    "unconfirmed": left_unconfirmed,
    "rendering": lambda bench: left_at(bench, "check", State.RENDERING),
    "fetching": lambda bench: left_at(bench, "fetch", State.FETCHING),
    "delivering": lambda bench: left_at(bench, "deliver", State.DELIVERING),
}


@pytest.mark.parametrize("where", LEFT)
async def test_what_an_earlier_process_left_is_gone_on_with(bench: EngineBench, where: str) -> None:
    """From wherever it was cut off; it is paid once and posted once."""
    leaving = LEFT[where](bench)
    assert asyncio.iscoroutine(leaving)
    job = await leaving

    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))

    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)


async def test_everything_that_was_left_is_gone_on_with_at_once(bench: EngineBench) -> None:
    """Forty jobs, more than are ever at a step together, and none of them ever started by name."""
    async with bench.process() as app:
        jobs = [await ask(app) for _ in range(40)]

    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, *jobs))

    assert (len(bench.provider.paid), len(set(bench.courier.posts))) == (40, 40)


async def test_a_wish_from_when_nobody_ran_is_answered(bench: EngineBench) -> None:
    """Of a job that goes on, and of one that had ended."""
    async with bench.running() as (app, _):
        ended = await ask(app)
        await until(lambda: bench.delivered(app, ended))
        await app.stores.health.pause("*", "cli:local")
        waiting = await ask(app)
        await until(lambda: is_in(app, waiting, State.QUEUED))
    async with bench.process() as app:
        await app.service.actions.resend(ended.id, OPERATOR)
        await app.service.actions.cancel(waiting.id, OPERATOR)

    async with bench.running() as (app, _):
        await until(lambda: len(bench.courier.posts) == 2 and is_in(app, waiting, State.CANCELLED))
        await until(lambda: bench.delivered(app, ended))


async def test_the_engine_that_was_thought_dead_writes_nothing_more(alone: EngineBench) -> None:
    """It wakes up in the middle of a poll; the job is another's by now, and is delivered once."""
    alone.gate("check").close()
    async with alone.process() as old, engine_of(old, drain_s=20.0):
        job = await ask(old)
        await until(lambda: alone.gate("check").waiting)
        async with alone.running() as (new, _):
            await until(lambda: alone.gate("check").waiting == 2)
            alone.gate("check").open()

            await until(lambda: alone.delivered(new, job))

    assert (len(alone.provider.paid), len(alone.courier.posts)) == (1, 1)


# --- one among many -----------------------------------------------------------------------------------------------------


async def test_one_jobs_fault_does_not_stop_the_others(bench: EngineBench) -> None:
    """And it is tried again by itself."""
    bench.provider.checks = [RuntimeError("nobody thought of this") for _ in range(2)]
    async with bench.running() as (app, _):
        unlucky = await ask(app)
        await until(lambda: len(bench.provider.checks) < 2)

        others = [await ask(app) for _ in range(3)]
        await until(lambda: bench.delivered(app, *others))

        await until(lambda: bench.delivered(app, unlucky))
    assert len(bench.provider.paid) == 4


async def test_at_most_so_many_are_at_a_step_at_once(bench: EngineBench) -> None:
    """Whichever step it is; and all of them have their turn."""
    bench.gate("check").close()
    async with bench.process() as app, engine_of(app, concurrent_steps=3, drain_s=20.0):
        jobs = [await ask(app) for _ in range(12)]
        await until(lambda: bench.gate("check").waiting == 3)
        bench.gate("check").open()

        await until(lambda: bench.delivered(app, *jobs))

    assert bench.outside.most == 3


async def test_a_job_is_never_at_two_steps_at_once(bench: EngineBench) -> None:
    """However often it is woken, from here and by wishes from elsewhere."""
    bench.provider.checks = [Rendering() for _ in range(10)]
    async with bench.running() as (app, engine), bench.process() as other:
        job = await ask(app)
        while not await bench.delivered(app, job):
            await engine.wake(job.id)
            if await is_in(other, job, State.RENDERING):
                await other.service.actions.confirm(job.id, OPERATOR)
            await asyncio.sleep(0.005)

    assert bench.outside.most == 1
    assert (len(bench.provider.paid), len(bench.courier.posts)) == (1, 1)


# --- stopping -----------------------------------------------------------------------------------------------------------


async def test_stopping_lets_a_step_finish_and_begins_nothing(bench: EngineBench) -> None:
    """What the step learned is saved; what waits, or comes meanwhile, is for the next process."""
    bench.gate("sent").close()
    async with bench.process() as app, AsyncExitStack() as stack:
        engine = await stack.enter_async_context(app.run_engine("run"))
        busy = await ask(app)
        await until(lambda: bench.gate("sent").waiting)

        engine.stop()
        late = await ask(app)
        await engine.wake(late.id)
        async with bench.process() as other:
            later = await ask(other)
        bench.gate("sent").open()
        await stack.aclose()

        busy = await load(app, busy)
        assert busy.provider_job_id == "judge-1"
        assert [(await load(app, job)).version for job in (late, later)] == [1, 1]
    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, busy, late, later))
    assert len(bench.provider.paid) == 3


async def test_a_drain_that_takes_too_long_is_cut_off_and_the_job_goes_on_later(bench: EngineBench) -> None:
    """Wherever it was: the answer that never came is looked up, never asked for again."""
    bench.gate("sent").close()
    async with bench.process() as app:
        async with engine_of(app, drain_s=0.1):
            job = await ask(app)
            await until(lambda: bench.gate("sent").waiting)
        assert await is_in(app, job, State.SUBMITTING)
        assert not bench.outside.under_way
    bench.provider.found = Found(provider_job_id="judge-1")
    bench.gate("sent").open()

    async with bench.running() as (app, _):
        await until(lambda: bench.delivered(app, job))

    assert len(bench.provider.paid) == 1


async def test_stopping_an_idle_engine_is_stopping(bench: EngineBench) -> None:
    """Twice, and before it did anything; afterwards it takes nothing on."""
    async with bench.process() as app:
        async with app.run_engine("run") as engine:
            engine.stop()
            engine.stop()
        job = await ask(app)
        await engine.start(job.id)
        assert (await load(app, job)).version == 1


# --- one at a time ------------------------------------------------------------------------------------------------------


async def start_and_stop(app: App, kind: str) -> None:
    async with app.run_engine(kind):
        pass


async def test_a_second_run_is_refused_and_told_who_runs(alone: EngineBench) -> None:
    """The first goes on."""
    async with alone.running() as (app, _), alone.process() as other:
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            await start_and_stop(other, "run")
        with pytest.raises(AlreadyRunning):
            await start_and_stop(other, "animate")

        job = await ask(other)
        await until(lambda: alone.delivered(app, job))


async def test_an_animate_hands_over_to_a_run(alone: EngineBench) -> None:
    """Its job goes on there, in the middle of a render."""
    alone.provider.checks = still_rendering()
    async with alone.process() as short, short.run_engine("animate") as animate:
        job = await ask(short)
        await until(lambda: is_in(short, job, State.RENDERING))

        async with alone.running() as (app, _):
            assert animate.handed_over
            alone.provider.checks.clear()
            await until(lambda: alone.delivered(app, job))

    assert (len(alone.provider.paid), len(alone.courier.posts)) == (1, 1)


async def test_a_start_that_fails_lets_the_lock_go(alone: EngineBench) -> None:
    """Another may run then; and the same one, once it can."""
    async with alone.process() as app:

        async def broken() -> int:
            raise RuntimeError("the database went away")

        raise_epoch, app.stores.jobs.raise_epoch = app.stores.jobs.raise_epoch, broken  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="went away"):
            await start_and_stop(app, "run")
        assert app.ground.lock("observer").holder() is None

        app.stores.jobs.raise_epoch = raise_epoch  # type: ignore[method-assign]
        await start_and_stop(app, "run")


async def test_stopping_does_not_begin_what_waits_for_a_free_place(bench: EngineBench) -> None:
    bench.gate("check").close()
    async with bench.process() as app:
        async with engine_of(app, concurrent_steps=1, drain_s=20.0) as engine:
            busy = await ask(app)
            await until(lambda: bench.gate("check").waiting)
            waiting = await ask(app)
            await engine.start(waiting.id)

            engine.stop()
            bench.gate("check").open()

        assert (await load(app, busy)).state is State.FETCHING, "the step is finished, and no other begun"
        assert (await load(app, waiting)).version == 1
