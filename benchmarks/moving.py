"""Moving a 100 MB clip: fetched to a file, hashed into the media store, sent on; beside curl and sha256sum, in turns.

The other side is a small server of this module in a process of its own, without TLS, on this machine.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.http.client import HttpClient
from adapters.media.fetch import HttpFetcher
from benchmarks.table import Row, median, play
from bot.clock import SystemClock
from bot.jobs.model import AssetKind
from storage.media_store import ObjectMediaStore

MEGABYTES = 100
ROUNDS = 7

SERVER = """
import asyncio, sys
from aiohttp import web

async def give(request):
    return web.FileResponse(sys.argv[1], headers={"Content-Type": "video/mp4"})

async def take(request):
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
    return web.json_response({"size": size})

async def main():
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/clip.mp4", give)
    app.router.add_put("/taken", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


def ours(home: str, folder: Path) -> tuple[float, float]:
    """Seconds, and the megabytes by which the process grew over what a small clip takes; in a process of its own."""
    code = (
        "import asyncio, sys; from pathlib import Path; from benchmarks.moving import move_here; "
        "print(*asyncio.run(move_here(sys.argv[1], Path(sys.argv[2]))))"
    )
    done = subprocess.run([sys.executable, "-c", code, home, str(folder)], capture_output=True, text=True, check=True)
    seconds, grown = map(float, done.stdout.split())
    return seconds, grown


async def move_here(home: str, folder: Path) -> tuple[float, float]:
    """One small clip to warm up, then the large one."""
    http, clock = HttpClient(), SystemClock()
    fetcher, store = HttpFetcher(http, {"here": home}, clock), ObjectMediaStore((folder / "media").as_uri())

    async def move(url: str) -> None:
        file = folder / "clip.mp4"
        await fetcher.fetch(url, "here", file)
        kept = await store.put(file, AssetKind.CLIP, "video/mp4", consume=True)
        path = await store.local_path(kept.id)
        assert path is not None
        answer = await http.send_file(f"{home}/taken", path, home=home, headers={"Content-Type": "video/mp4"})
        assert answer.object() == {"size": path.stat().st_size}

    await move(f"{home}/clip.mp4?small")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    await move(f"{home}/clip.mp4")
    seconds = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    await http.aclose()
    return seconds, grown


def theirs(home: str, folder: Path) -> float:
    """Seconds for the three commands."""
    script = 'curl -sS -o "$2" "$1/clip.mp4" && sha256sum "$2" > /dev/null && curl -sS -o /dev/null -T "$2" "$1/taken"'
    begun = time.perf_counter()
    subprocess.run(["sh", "-ec", script, "sh", home, str(folder / "curl.mp4")], check=True)
    return time.perf_counter() - begun


def measure() -> list[Row]:
    if shutil.which("curl") is None:
        return [Row(what="moving a 100 MB clip", measured="not measured: there is no curl on this machine")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "source.mp4"
        with clip.open("wb") as file:
            for _ in range(MEGABYTES):
                file.write(os.urandom(1_000_000))
        command = [sys.executable, "-c", SERVER, str(clip)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            home = f"http://127.0.0.1:{int(server.stdout.readline())}"
            pairs = [(ours(home, folder), theirs(home, folder)) for _ in range(ROUNDS)]
            server.terminate()
    own, curl = median([seconds for (seconds, _), _ in pairs]), median([seconds for _, seconds in pairs])
    grown = median([grown for (_, grown), _ in pairs])
    return [
        Row(
            what=f"moving a {MEGABYTES} MB clip (fetched, hashed into the store, sent on) beside curl and sha256sum",
            measured=f"{curl / own:.2f}x their speed ({own:.2f} s against {curl:.2f} s)",
            reach="≥ 0.8x",
            reached=curl >= 0.8 * own,
        ),
        Row(
            what="extra memory for it, beyond that of a clip moved before",
            measured=f"{grown:.1f} MB",
            reach="≤ 1 MB",
            reached=grown <= 1,
        ),
    ]


if __name__ == "__main__":
    play(measure)


__all__ = ["asyncio", "measure", "move_here"]
