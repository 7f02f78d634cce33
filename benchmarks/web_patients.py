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
from contextlib import asynccontextmanager
from typing import Any

import structlog

from adapters.chat.web.server import serve
from benchmarks.beside import Report, working
from benchmarks.discord_memory import resident
from bot.cli.serve import around
from tests.fakes.workshop import FakeWorkshop


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[tuple[str, Report]]:
    """The role `web`; with an account at an emulated WaveSpeed the engine and its work, too."""
    workshop = FakeWorkshop() if options.get("decodes_nothing") else None
    async with working(options, {"web": {"port": 0}}, workshop) as (app, of_the_work):
        serving = serve(
            app.service, app.settings, app.data_dir, app.parts, exposition=app.exposition, around=around(app)
        )
        async with serving as address:

            async def report(what: str) -> Any:
                if what == "memory":
                    gc.collect()
                    return resident()
                return await of_the_work(what)

            yield address, report


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
