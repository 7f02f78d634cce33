"""The paid path in one process, before an emulated WaveSpeed on a socket: a webhook's way, and 1,000 renders in flight.

    python -m benchmarks.paid

The app, the engine, the database (`synchronous=FULL`), the HTTP client and the web server are the product's own. Nothing
is decoded: the emulator's clips are a few bytes, and a fake workshop believes them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx

from adapters.chat.web.server import serve
from adapters.providers.wavespeed.webhook import signature
from benchmarks.table import Row, cpu_s, median, p95, play
from bot.app import App, Parts, open_app
from bot.cli.session import ME
from bot.jobs.model import Job, JobRequest
from bot.jobs.states import State
from bot.settings import load_settings
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.processes import VendorProcess, vendor_emulator
from tests.fakes.workshop import FakeWorkshop

CALLS = 30
JOBS = 1_000
RENDER_S = 150
"""Long enough for all of them to be placed before the first one ends."""
WATCHED_S = 10.0
PATIENCE_S = 300.0
SECRET = "whsec_test-secret"


@asynccontextmanager
async def reelbot(folder: Path, service: VendorProcess, **settings: object) -> AsyncIterator[tuple[App, str]]:
    """The whole of it, running; and its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    chosen = {
        "data_dir": folder / "data",
        "wavespeed": {
            "api_key": "test-key", "base_url": service.url, "webhook_secret": SECRET,
            "max_concurrent": 10 * JOBS, "creates_per_minute": 100 * JOBS,
        },
        "web": {"port": port, "public_url": f"http://127.0.0.1:{port}", "admin_token": "a benchmark's own token"},
        "limits": {
            "user_daily_jobs": "none", "user_daily_usd": "none", "workspace_monthly_usd": "none",
            "installation_monthly_usd": "none", "user_concurrent": 10 * JOBS,
        },
    }  # fmt: skip
    loaded = load_settings(chosen | settings, environ={}, cwd=folder)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(loaded, Parts(workshop=FakeWorkshop())))
        await stack.enter_async_context(app.run_engine("run"))
        address = await stack.enter_async_context(serve(app.service, app.settings, app.data_dir, app.parts))
        yield app, address


async def order(app: App, folder: Path, prompts: list[str]) -> list[str]:
    """Accept so many jobs of one person, all with one picture; their ids."""
    source = folder / "picture.png"
    source.write_bytes(PICTURE_MAGIC + b"of a benchmark")
    model = app.service.front_desk.model("wavespeed", None)
    picture = await app.service.take_picture(source, model)
    ids = []
    for prompt in prompts:
        request = JobRequest(
            requester=ME, request_key=None, prompt=prompt, provider=model.provider, model=model.slug, image=picture.ref
        )
        job, _ = await app.service.front_desk.accept(request, picture.assets)
        ids.append(job.id)
    return ids


async def until(app: App, count: int, *states: State) -> list[Job]:
    """Wait until so many jobs stand there."""
    deadline = time.monotonic() + PATIENCE_S
    while len(jobs := await app.stores.jobs.in_state(*states)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(jobs)} of {count} came to {states}")
        await asyncio.sleep(1)
    return jobs


async def fetching_at(app: App, job_id: str) -> float:
    """When the job's move to `fetching` was committed, by the wall clock."""
    while True:
        for event in await app.stores.jobs.events(job_id):
            if event.state is State.FETCHING:
                return event.at.timestamp()
        await asyncio.sleep(0.005)


async def webhooks(folder: Path, service: VendorProcess) -> list[float]:
    """Seconds from the first byte of a call to the committed move to `fetching`, one call after the other."""
    taken = []
    async with reelbot(folder, service, poll={"fastest_seconds": 60}) as (app, address), httpx.AsyncClient() as calls:
        await order(app, folder, ["a storm [no-webhook][takes:2]"] * CALLS)
        await until(app, CALLS, State.RENDERING)
        await asyncio.sleep(4)  # until all are finished there, and nobody has told us
        for job in await until(app, CALLS, State.RENDERING):
            [attempt] = await app.stores.submissions.of_job(job.id)
            body = json.dumps({"id": attempt.provider_job_id, "status": "completed"}).encode()
            call_id, begun = uuid.uuid4().hex, time.time()
            headers = {"webhook-id": call_id, "webhook-timestamp": str(int(begun))}
            headers["webhook-signature"] = signature(SECRET, call_id, str(int(begun)), body)
            begun = time.time()
            url = f"{address}/webhooks/wavespeed/{attempt.token}"
            (await calls.post(url, content=body, headers=headers)).raise_for_status()
            taken.append(await fetching_at(app, job.id) - begun)
    return taken


async def in_flight(folder: Path, service: VendorProcess) -> dict[str, float]:
    """Place them, watch them while all are in flight, and see every one of them home."""
    async with reelbot(folder, service) as (app, _address):
        begun, cpu = time.monotonic(), cpu_s()
        await order(app, folder, [f"a storm [takes:{RENDER_S}][no-webhook]"] * JOBS)
        flying = len(await until(app, JOBS, State.RENDERING))
        placed_s, placed_cpu = time.monotonic() - begun, cpu_s() - cpu
        polled, cpu = service.counts()["poll"], cpu_s()
        await asyncio.sleep(WATCHED_S)
        share, polls = (cpu_s() - cpu) / WATCHED_S, (service.counts()["poll"] - polled) / WATCHED_S
        delivered = len(await until(app, JOBS, State.DELIVERED))
    bills = service.events("accepted")
    return {
        "flying": flying, "placed_s": placed_s, "placed_cpu": placed_cpu, "share": share, "polls": polls,
        "delivered": delivered, "bills": len(bills), "renders": len({bill["input_url"] for bill in bills}),
    }  # fmt: skip


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calls").mkdir()
        (folder / "flight").mkdir()
        with vendor_emulator(folder, "wavespeed", "calls", clips="magic") as service:
            taken = asyncio.run(webhooks(folder / "calls", service))
        with vendor_emulator(folder, "wavespeed", "flight", clips="magic") as service:
            seen = asyncio.run(in_flight(folder / "flight", service))
    whole = seen["flying"] == seen["delivered"] == seen["bills"] == seen["renders"] == JOBS
    return [
        Row(
            what="from a webhook's arrival to `fetching`, over HTTP, the provider asked in between",
            measured=f"{median(taken) * 1000:.0f} ms, p95 {p95(taken) * 1000:.0f} ms",
            reach="≤ 100 ms",
            reached=p95(taken) <= 0.1,
        ),
        Row(
            what="paid renders in flight in one process",
            measured=(
                f"{seen['flying']:,.0f} at once, {seen['delivered']:,.0f} delivered, {seen['bills']:,.0f} billed; "
                f"{seen['polls']:.0f} polls/s at {seen['share']:.0%} of a core meanwhile"
            ),
            reach="1,000",
            reached=whole,
        ),
        Row(
            what="for information: placing them, each over a connection of its own, at most two at once",
            measured=f"{JOBS / seen['placed_s']:.0f} jobs/s, {seen['placed_cpu'] * 1000 / JOBS:.0f} ms CPU each",
        ),
    ]


if __name__ == "__main__":
    play(measure)
