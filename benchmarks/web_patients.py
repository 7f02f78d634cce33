"""The Reelbot that is measured over HTTP: the role `web`, with the engine and its work beside it.

    python -m benchmarks.web_patients reelbot OPTIONS

Started by `benchmarks.web`: one line of JSON when ready, one for every line on standard input, until that ends.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog

from adapters.chat.web.server import serve
from benchmarks.discord_memory import resident
from benchmarks.discord_patients import EACH_SECOND, MANY, Report, settings_of, transfers
from benchmarks.paid import order
from bot.app import Parts, open_app
from bot.cli.serve import around
from bot.jobs.states import State
from bot.tracker.schedule import Times
from tests.fakes.workshop import FakeWorkshop


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[tuple[str, Report]]:
    """The role `web`; with an account at an emulated WaveSpeed the engine, too, polling once a second."""
    more: dict[str, Any] = {"web": {"port": 0}}
    if service := options.get("service"):
        account = {"api_key": "test-key", "base_url": service, "max_concurrent": MANY, "creates_per_minute": MANY}
        more |= {"wavespeed": account, "default_provider": "wavespeed"}
    settings = settings_of(Path(options["data_dir"]), **more)
    workshop = FakeWorkshop() if options.get("decodes_nothing") else None
    parts = Parts(workshop=workshop, times=Times(poll_fastest=EACH_SECOND, poll_slowest=EACH_SECOND))
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, parts))
        if service:
            await stack.enter_async_context(app.run_engine("run"))
        serving = serve(
            app.service, app.settings, app.data_dir, app.parts, exposition=app.exposition, around=around(app)
        )
        address = await stack.enter_async_context(serving)
        moving = [
            asyncio.create_task(transfers(app, options["line"], number))
            for number in range(options.get("transfers", 0))
        ]

        async def report(what: str) -> Any:
            match what.split():
                case ["order", number]:
                    return len(await order(app, app.data_dir, ["a storm [stuck][no-webhook]"] * int(number)))
                case ["rendering"]:
                    return len(await app.stores.jobs.in_state(State.RENDERING))
                case ["moving"]:
                    return [repr(task.exception()) for task in moving if task.done()]
                case ["memory"]:
                    gc.collect()
                    return resident()
            raise ValueError(what)

        yield address, report
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)


async def main(options: Mapping[str, Any]) -> None:
    """Be it until standard input ends."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with reelbot(options) as (address, report):
        print(json.dumps({"url": address}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await report(line.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[2])))
