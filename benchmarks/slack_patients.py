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
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult

from adapters.chat.slack.role import slack_role
from adapters.chat.web.listening import serve_app
from adapters.chat.web.server import serve
from benchmarks.beside import Report, working
from bot.cli.serve import slack_courier
from tests.fakes.workshop import FakeWorkshop


@asynccontextmanager
async def reelbot(options: Mapping[str, Any]) -> AsyncIterator[tuple[str, Report]]:
    """The role `slack`; with an account at an emulated WaveSpeed the engine and its work, too."""
    slack = {
        "bot_token": options["token"], "signing_secret": options["secret"], "api_url": options["url"],
    }  # fmt: skip
    async with working(options, {"slack": slack, "web": {"port": 0}}, FakeWorkshop()) as (app, report):
        role = slack_role(app.service, app.settings, slack_courier(app), app.readiness)
        async with role as door:
            assert door is not None
            serving = serve(app.service, app.settings, app.data_dir, app.parts, doors=[door], is_whole=False)
            async with serving as address:
                yield address, report


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
