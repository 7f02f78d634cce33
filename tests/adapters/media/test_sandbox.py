"""Decoding happens in a process that can be killed, and always is."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from adapters.media import sandbox
from adapters.media.processes import worker_environment
from adapters.media.sandbox import Bounds
from adapters.media.workshop import Workshop
from bot.errors import BadInput
from bot.ports import ImageLimits
from tests.adapters.media.pictures import saved, scene


class Started:
    """Every process the sandbox starts."""

    def __init__(self) -> None:
        self.processes: list[asyncio.subprocess.Process] = []
        self._any = asyncio.Event()

    def add(self, process: asyncio.subprocess.Process) -> None:
        self.processes.append(process)
        self._any.set()

    async def first(self) -> asyncio.subprocess.Process:
        await self._any.wait()
        return self.processes[0]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    seen = Started()
    create = asyncio.create_subprocess_exec

    async def remember(*args: object, **options: object) -> asyncio.subprocess.Process:
        process = await create(*args, **options)
        seen.add(process)
        return process

    monkeypatch.setattr(sandbox.asyncio, "create_subprocess_exec", remember)
    return seen


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture that takes a second or more to prepare."""
    gradient = Image.linear_gradient("L").resize((6000, 5000)).convert("RGB")
    return saved(gradient, tmp_path / "large.png", compress_level=1)


async def test_a_picture_that_takes_too_long_is_refused_and_its_process_is_gone(large: Path, started: Started):
    workshop = Workshop(bounds=Bounds(timeout_s=0.2))

    with pytest.raises(BadInput, match=r"longer than 0\.2 seconds"):
        await workshop.prepare_image(large, ImageLimits(), large.with_name("out.jpg"))

    assert not is_alive(started.processes[0].pid)


async def test_a_picture_that_needs_too_much_memory_is_refused(large: Path):
    workshop = Workshop(bounds=Bounds(memory_bytes=120 * 1024**2))

    with pytest.raises(BadInput, match="memory"):
        await workshop.prepare_image(large, ImageLimits(), large.with_name("out.jpg"))


async def test_a_cancelled_call_leaves_no_process_and_no_file(large: Path, started: Started):
    call = asyncio.create_task(Workshop().prepare_image(large, ImageLimits(), large.with_name("out.jpg")))
    process = await started.first()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert not is_alive(process.pid)
    assert [path.name for path in large.parent.iterdir()] == ["large.png"]


async def test_a_decoder_that_crashes_is_the_pictures_fault(large: Path, started: Started):
    call = asyncio.create_task(Workshop().prepare_image(large, ImageLimits(), large.with_name("out.jpg")))
    process = await started.first()

    os.kill(process.pid, signal.SIGSEGV)

    with pytest.raises(BadInput, match="decoding it failed"):
        await call


async def test_only_so_many_decode_at_once(tmp_path: Path, started: Started):
    source = saved(scene(400, 400), tmp_path / "p.png")
    workshop = Workshop(max_concurrent=1)
    calls = [
        asyncio.create_task(workshop.prepare_image(source, ImageLimits(), tmp_path / f"{number}.jpg"))
        for number in range(3)
    ]

    while not all(call.done() for call in calls):
        assert sum(process.returncode is None for process in started.processes) <= 1
        await asyncio.sleep(0.005)

    assert len(started.processes) == 3
    assert all(call.result().width == 400 for call in calls)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another process."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # another process sets no event of ours
            await asyncio.sleep(0.01)


async def test_a_process_that_is_ready_does_one_picture_and_another_takes_its_place(tmp_path: Path, started: Started):
    source = saved(scene(400, 400), tmp_path / "p.png")
    workshop = Workshop()
    workshop.keep_ready()

    made = [await workshop.prepare_image(source, ImageLimits(), tmp_path / f"{number}.jpg") for number in range(3)]

    await until(lambda: len(started.processes) == 4)
    assert [each.width for each in made] == [400] * 3
    assert [is_alive(process.pid) for process in started.processes] == [False, False, False, True]
    await workshop.rest()
    assert not is_alive(started.processes[3].pid)


async def test_what_is_ready_says_what_any_other_says(tmp_path: Path):
    """The same bytes for a picture, the same sentence for what is none."""
    source, wrong = saved(scene(300, 200), tmp_path / "p.png"), tmp_path / "wrong.png"
    wrong.write_bytes(b"not a picture")
    plain, ready = Workshop(), Workshop()
    ready.keep_ready()

    found = [await each.prepare_image(source, ImageLimits(), tmp_path / "a.jpg") for each in (plain, ready)]
    content = (tmp_path / "a.jpg").read_bytes()
    await plain.prepare_image(source, ImageLimits(), tmp_path / "b.jpg")
    said = []
    for each in (plain, ready):
        with pytest.raises(BadInput) as refused:
            await each.prepare_image(wrong, ImageLimits(), tmp_path / "c.jpg")
        said.append(str(refused.value))

    assert found[0] == found[1]
    assert content == (tmp_path / "b.jpg").read_bytes()
    assert said[0] == said[1]
    await ready.rest()


async def test_one_that_died_while_it_waited_is_replaced(tmp_path: Path, started: Started):
    source = saved(scene(400, 400), tmp_path / "p.png")
    workshop = Workshop()
    workshop.keep_ready()
    os.kill((await started.first()).pid, signal.SIGKILL)
    await until(lambda: started.processes[0].returncode is not None)

    made = await workshop.prepare_image(source, ImageLimits(), tmp_path / "out.jpg")

    assert made.width == 400
    await workshop.rest()


async def test_a_cancelled_call_kills_the_one_that_was_ready(large: Path, started: Started):
    workshop = Workshop()
    workshop.keep_ready()
    process = await started.first()
    call = asyncio.create_task(workshop.prepare_image(large, ImageLimits(), large.with_name("out.jpg")))
    await asyncio.sleep(0.3)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert not is_alive(process.pid)
    await workshop.rest()
    assert [path.name for path in large.parent.iterdir()] == ["large.png"]


def test_a_worker_is_not_told_our_secrets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REELBOT_DISCORD__TOKEN", "secret")
    monkeypatch.setenv("WAVESPEED_API_KEY", "secret")

    assert "secret" not in worker_environment().values()
