"""The Reelbot that is measured before the emulated Slack: the role `slack` over HTTP, with the engine and its work beside it.

    python -m benchmarks.slack_patients OPTIONS

Started by `benchmarks.slack`: one line of JSON when ready, one for every line on standard input, until that ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from adapters.chat.slack.role import slack_role
from adapters.chat.web.server import serve, serve_app
from benchmarks.discord_patients import EACH_SECOND, MANY, Report, settings_of, transfers
from benchmarks.paid import order
from bot.app import Parts, open_app
from bot.cli.serve import slack_courier
from bot.jobs.states import State
from bot.tracker.schedule import Times
from tests.fakes.workshop import FakeWorkshop


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[tuple[str, Report]]:
    """The role `slack`; with an account at an emulated WaveSpeed the engine, too, polling once a second."""
    slack = {
        "bot_token": options["token"], "signing_secret": options["secret"], "api_url": options["url"],
    }  # fmt: skip
    more: dict[str, Any] = {"slack": slack, "web": {"port": 0}}
    if service := options.get("service"):
        account = {"api_key": "test-key", "base_url": service, "max_concurrent": MANY, "creates_per_minute": MANY}
        more |= {"wavespeed": account, "default_provider": "wavespeed"}
    settings = settings_of(Path(options["data_dir"]), **more)
    parts = Parts(workshop=FakeWorkshop(), times=Times(poll_fastest=EACH_SECOND, poll_slowest=EACH_SECOND))
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings, parts))
        if service:
            await stack.enter_async_context(app.run_engine("run"))
        role = slack_role(app.service, app.settings, slack_courier(app), app.readiness)
        door = await stack.enter_async_context(role)
        assert door is not None
        serving = serve(app.service, app.settings, app.data_dir, app.parts, doors=[door], is_whole=False)
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
            raise ValueError(what)

        yield address, report
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)


@asynccontextmanager
async def bare(options: Mapping[str, Any]) -> AsyncIterator[tuple[str, Report]]:
    """Bolt and nothing else: the signature is checked, and a constant answered."""

    async def authorize(team_id: str, **_more: Any) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None, team_id=team_id, bot_user_id="U0", bot_id="B0", bot_token=options["token"]
        )

    bolt = AsyncApp(name="bare", signing_secret=options["secret"], authorize=authorize, process_before_response=True)

    @bolt.event("app_mention")
    async def mention() -> None:
        pass

    handler, web = AsyncSlackRequestHandler(bolt), FastAPI()

    @web.post("/slack/events")
    async def events(request: Request) -> Any:
        return await handler.handle(request)

    async def report(what: str) -> Any:
        raise ValueError(what)

    async with serve_app(web, "127.0.0.1", 0) as address:
        yield address, report


ROLES = {"reelbot": reelbot, "bare": bare}


async def main(role: str, options: Mapping[str, Any]) -> None:
    """Be it until standard input ends."""
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with ROLES[role](options) as (address, report):
        print(json.dumps({"url": address}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await report(line.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
