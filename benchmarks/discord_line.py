"""The far end of transfers: a server in a process of its own that gives clips and takes posts, as fast as it is told to.

    python -m benchmarks.discord_line CLIP MEGABYTES_A_SECOND

No two clips it gives are the same. It says its port, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

PIECE = 1 << 18


class Line:
    """Each transfer at the same pace; 0 is as fast as can be."""

    def __init__(self, clip: Path, bytes_a_second: float) -> None:
        self._clip = clip
        self._pause_s = PIECE / bytes_a_second if bytes_a_second else 0.0
        self._taken = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 30, middlewares=[gone])
        app.router.add_get("/clip.mp4", self.give)
        app.router.add_get("/guilds/{id}", self.guild)
        app.router.add_post("/channels/{id}/messages", self.take)
        app.router.add_get("/taken", self.taken)
        return app

    async def give(self, request: web.Request) -> web.StreamResponse:
        """A clip that nobody had before."""
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.content_length = self._clip.stat().st_size
        await response.prepare(request)
        with self._clip.open("rb") as file:
            first = file.read(PIECE)
            await response.write(os.urandom(32) + first[32:])
            while piece := file.read(PIECE):
                await asyncio.sleep(self._pause_s)
                await response.write(piece)
        return response

    async def guild(self, _request: web.Request) -> web.Response:
        """A server that takes 100 MB."""
        return web.json_response({"id": "1", "premium_tier": 3})

    async def take(self, request: web.Request) -> web.Response:
        """A message of the bot's, with its files."""
        due = 0
        async for piece in request.content.iter_any():
            self._taken += len(piece)
            due += len(piece)
            if due >= PIECE:
                due -= PIECE
                await asyncio.sleep(self._pause_s)
        limits = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "49", "X-RateLimit-Reset-After": "1"}
        channel = request.match_info.get("id", "")
        return web.json_response({"id": "1", "channel_id": channel}, headers=limits)

    async def taken(self, _request: web.Request) -> web.Response:
        """How many bytes of messages it took."""
        return web.json_response({"bytes": self._taken})


@web.middleware
async def gone(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever breaks off at the end of a benchmark is no fault."""
    try:
        return await handler(request)
    except ConnectionError:
        return web.Response(status=499)


@contextmanager
def a_line(clip: Path, megabytes_a_second: float = 0.0) -> Iterator[str]:
    """Its address."""
    with spawned("benchmarks.discord_line", str(clip), str(megabytes_a_second)) as url:
        yield url


@contextmanager
def spawned(module: str, *words: str) -> Iterator[str]:
    """A line in a process of its own; its address."""
    command = [sys.executable, "-m", module, *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def a_file(path: Path, size: int) -> Path:
    """So many bytes of noise."""
    with path.open("wb") as file:
        while size > 0:
            size -= file.write(os.urandom(min(size, 1 << 20)))
    return path


async def run(kind: type[Line], words: list[str]) -> None:
    """Serve until standard input ends."""
    line = kind(Path(words[1]), float(words[2]) * 1_000_000)
    runner = web.AppRunner(line.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(run(Line, sys.argv))
