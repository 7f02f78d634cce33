"""The work that goes on beside what is measured: renders that are polled each second, and transfers that never end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.chat.discord.rest import Rest, Upload
from adapters.media.fetch import HttpFetcher
from benchmarks.paid import order
from bot.app import App, Parts, open_app
from bot.clock import SystemClock
from bot.jobs.model import AssetKind
from bot.jobs.states import State
from bot.ports import MediaWorkshop
from bot.settings import load_settings
from bot.tracker.schedule import Times

MANY = 1_000_000
EACH_SECOND = timedelta(seconds=1)
Report = Callable[[str], Coroutine[Any, Any, Any]]
"""Answers what the measuring process asks."""


def settings_of(data_dir: Path, **more: Any) -> Any:
    """Generous ones: what is measured is never a limit."""
    limits = {
        "user_daily_jobs": "none", "user_daily_usd": "none", "workspace_monthly_usd": "none",
        "installation_monthly_usd": "none", "user_concurrent": MANY, "confirm_above_usd": "100",
    }  # fmt: skip
    chosen = {"data_dir": data_dir, "limits": limits, "allowed_workspaces": "*"}
    return load_settings(chosen | more, environ={}, cwd=data_dir.parent)


@asynccontextmanager
async def working(
    options: Mapping[str, Any], settings: Mapping[str, Any], workshop: MediaWorkshop | None
) -> AsyncIterator[tuple[App, Report]]:
    """A Reelbot; with an account at an emulated WaveSpeed (`service`) its engine, too, polling once a second, and with
    `transfers` as many of them along `line`."""
    chosen = dict(settings)
    if service := options.get("service"):
        account = {"api_key": "test-key", "base_url": service, "max_concurrent": MANY, "creates_per_minute": MANY}
        chosen |= {"wavespeed": account, "default_provider": "wavespeed"}
    parts = Parts(workshop=workshop, times=Times(poll_fastest=EACH_SECOND, poll_slowest=EACH_SECOND))
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(settings_of(Path(options["data_dir"]), **chosen), parts))
        if service:
            await stack.enter_async_context(app.run_engine("run"))
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

        yield app, report
        for task in moving:
            task.cancel()
        await asyncio.gather(*moving, return_exceptions=True)


async def transfers(app: App, line: str, number: int) -> None:
    """Fetch a clip, hash it into the media store, post it: again and again, by the product's own parts."""
    clock, media = SystemClock(), app.service.media
    fetcher, rest = HttpFetcher(app.http, {"line": line}, clock), Rest(app.http, clock, api_url=line, token="a")
    file = app.data_dir / "scratch" / f"clip-{number}.mp4"
    while True:
        await fetcher.fetch(f"{line}/clip.mp4", "line", file)
        kept = await media.put(file, AssetKind.CLIP, "video/mp4", consume=True)
        path = await media.local_path(kept.id)
        assert path is not None
        upload = Upload(path=path, filename="clip.mp4")
        await rest.ask("POST", f"/channels/{10_000 + number}/messages", json={"content": ""}, files=[upload])
        await media.delete(kept.id)
