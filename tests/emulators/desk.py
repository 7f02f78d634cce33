"""The control desk every chat emulator has, under `/_emulator/`: what people do, knobs, the journal; and how it is served."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.emulators.judging import Memory


class Impossible(Exception):
    """No person could do that in the chat's own client."""


async def carry_out(desk: object, request: web.Request) -> web.Response:
    """One op of `POST /_emulator/do`: the method `do_<op>` with the other fields; 409 for what nobody could do."""
    wish = await request.json()
    name = wish.pop("op")
    op: Callable[..., Awaitable[Any]] | None = getattr(desk, f"do_{name}", None)
    if op is None:
        return web.json_response({"error": f"no such op: {name}"}, status=409)
    try:
        return web.json_response(await op(**wish))
    except (Impossible, KeyError, ValueError, TypeError) as error:
        return web.json_response({"error": f"{name}: {type(error).__name__}: {error}"}, status=409)


class Panel:
    """Knobs, journal and counts, over HTTP."""

    def __init__(self, *, known: dict[str, Any], knobs: dict[str, Any], journal: Memory, counts: Counter[str]) -> None:
        self._known = known
        self._knobs = knobs
        self._journal = journal
        self._counts = counts

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/_emulator/knobs", self._turn_knobs)
        app.router.add_get("/_emulator/log", self._show_log)
        app.router.add_get("/_emulator/counts", self._show_counts)

    async def _turn_knobs(self, request: web.Request) -> web.Response:
        for name, value in (await request.json()).items():
            if name not in self._known:
                return web.json_response({"error": f"no setting {name}"}, status=409)
            if value is None:
                self._knobs.pop(name, None)
            else:
                self._knobs[name] = value
        return web.json_response(self._knobs)

    async def _show_log(self, request: web.Request) -> web.Response:
        since = int(request.query.get("since", "0"))
        return web.json_response(self._journal.entries[since:])

    async def _show_counts(self, request: web.Request) -> web.Response:
        return web.json_response(self._counts)


async def serve(app: web.Application, port: int, port_file: Path, *, told: Callable[[int], Awaitable[None]]) -> None:
    """Listen on 127.0.0.1 until stdin ends; `port_file` appears, complete, once connections are taken.

    `told` hears the port before the file says it.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    port = runner.addresses[0][1]
    await told(port)
    temporary = port_file.with_name(port_file.name + ".new")
    temporary.write_text(str(port))
    os.replace(temporary, port_file)
    ended = asyncio.Event()
    # Whoever started us holds the other end: when they die, however they die, we leave too. A file does not end.
    with contextlib.suppress(PermissionError):
        asyncio.get_running_loop().add_reader(0, ended.set)
    await ended.wait()
    os._exit(0)  # hanging connections have nothing to say any more


def arguments(default_name: str) -> argparse.Namespace:
    """The command line of a chat emulator."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default=default_name)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--script", type=Path, help="JSON that changes the settings")
    return parser.parse_args()
