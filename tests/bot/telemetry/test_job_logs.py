"""Whatever is logged while a job is worked on says for which, and no traceback gives away what it was worked on with."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from adapters.http.client import HttpClient
from bot.jobs.model import Asset, InputRef
from bot.ports import Rendering
from bot.telemetry.logs import hide, set_up_logs
from tests.house import House, a_house

S = "TERCES"[::-1] * 4
"""What must not be found. It stands nowhere in this file: tracebacks show lines of source."""
TOKEN = f"rbt_0123456789ab_{S}{S}"
LINK = f"https://clips.example.net/out.mp4?X-Amz-Credential={S}%2F2026&X-Amz-Signature={S}"
HOOK = f"https://ops.example.net/hook/{S}"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    before = (logging.getLogger().handlers[:], logging.getLogger().level, structlog.get_config())
    yield io.StringIO()
    logging.getLogger().handlers[:], level, config = before
    logging.getLogger().setLevel(level)
    structlog.configure(**config)
    logging.captureWarnings(capture=False)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_everything_logged_in_a_jobs_run_names_the_job(tmp_path: Path, stream: io.StringIO) -> None:
    """Also what a library says from within, which knows nothing of jobs; and after the run nobody does."""
    async with a_house(tmp_path) as house:
        set_up_logs(stream=stream, shape="json")
        house.provider.on_the_wire = lambda: logging.getLogger("library").warning("something odd")
        job = await house.run(await house.ask())
        logging.getLogger("library").warning("afterwards")

    told = lines(stream)
    within = [line for line in told if line["event"] in ("job.moved", "something odd")]
    assert len(within) > 3
    assert {(line["job_id"], line["provider"], line["platform"]) for line in within} == {(job.id, "judge", "judge")}
    [after] = [line for line in told if line["event"] == "afterwards"]
    assert not {"job_id", "provider", "platform"} & set(after)


async def test_jobs_at_once_are_not_mixed_up(tmp_path: Path, stream: io.StringIO) -> None:
    """Each run has a context of its own, whoever goes on first."""
    async with a_house(tmp_path) as house:
        set_up_logs(stream=stream, shape="json")
        really = house.courier.collect

        async def collect(source: InputRef) -> Asset:
            found = await really(source)
            logging.getLogger("library").warning(source.locator)
            return found

        house.courier.collect = collect  # type: ignore[method-assign]
        jobs = [await house.ask() for _ in range(5)]
        await asyncio.gather(*(asyncio.create_task(house.tracker.run(job.id)) for job in jobs))

    told = {line["event"]: line["job_id"] for line in lines(stream) if line["logger"] == "library"}
    assert told == {job.image.locator: job.id for job in jobs}


def _fails_deep_inside(address: str) -> None:
    try:
        raise OSError(f"GET {address} failed; cookie: reelbot_session={S}.{S}")
    except OSError as error:
        raise RuntimeError({"authorization": f"Bearer {TOKEN}", "url": LINK}) from error


@pytest.mark.parametrize("shape", ["json", "console"])
async def test_a_real_traceback_holds_no_secret_in_either_shape(
    tmp_path: Path, stream: io.StringIO, shape: str
) -> None:
    """Neither in the message, nor in what it was caused by, nor in the lines of source: and it is still a traceback."""

    async def breaks(_job_id: str) -> Rendering:
        _fails_deep_inside(f"{HOOK}?code={S}&state={S}")
        raise AssertionError("unreachable")

    async with a_house(tmp_path) as house:
        set_up_logs(stream=stream, shape=shape)
        hide([HOOK])
        job = await house.ask()
        await house.step(job)
        house.provider.check = breaks  # type: ignore[method-assign]
        await _run_as_an_engine_does(house, job.id)
        logging.getLogger("uvicorn.error").error("Exception in ASGI application", exc_info=_caught())

    written = stream.getvalue()
    assert S[:6] not in written
    assert "Traceback" in written
    assert "_fails_deep_inside" in written
    assert "RuntimeError" in written
    assert "OSError" in written
    assert job.id in written


async def _run_as_an_engine_does(house: House, job_id: str) -> None:
    for _ in range(3):
        await house.clock.advance(60)
        try:
            await house.tracker.run(job_id)
        except RuntimeError:
            structlog.get_logger("engine").exception("job.step_failed", job_id=job_id, token=TOKEN, url=LINK)


def _caught() -> Any:
    try:
        _fails_deep_inside(LINK)
    except RuntimeError:
        return sys.exc_info()


@pytest.mark.parametrize("shape", ["json", "console"])
async def test_an_address_that_cannot_be_reached_is_not_given_away(stream: io.StringIO, shape: str) -> None:
    """The client's own errors, with everything they were made from."""
    set_up_logs(stream=stream, shape=shape)
    http = HttpClient()
    try:
        await http.ask("GET", f"http://127.0.0.1:9/x?sig={S}&token={S}", home="http://127.0.0.1:9")
    except Exception:
        structlog.get_logger().exception("asked")
    finally:
        await http.aclose()

    assert "Traceback" in stream.getvalue()
    assert S[:6] not in stream.getvalue()
