"""The web side: the first page over the wire, answers under load, and open event streams in memory.

python -m benchmarks.web
"""

from __future__ import annotations

import asyncio
import gzip
import io
import random
import re
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

from benchmarks.discord import CLIP_BYTES, PACE_MB, POLLED, TRANSFERS, WARM_UP, p99, until_rendering
from benchmarks.discord_line import a_file, a_line
from benchmarks.discord_stage import Patient, a_patient
from benchmarks.table import Row, median, play
from bot.ground.one_machine import DATABASE_FILE
from tests.emulators.judge_chat import PICTURE_MAGIC
from tests.emulators.processes import VendorProcess, vendor_emulator

PATIENTS = "benchmarks.web_patients"
POSTS, POSTS_A_SECOND = 100, 3.0
PROBES, PROBES_A_SECOND = 400, 12.0
STREAMS = 500
PAGE_LIMIT = 60_000


@dataclass(slots=True)
class Seen:
    """What the busy Reelbot did."""

    posts_s: list[float] = field(default_factory=list)
    probes_s: list[float] = field(default_factory=list)
    stored: int = 0
    refused: int = 0
    polls_a_second: float = 0.0
    cpu_share: float = 0.0


def photograph() -> bytes:
    """A picture as people send them: a JPEG of 1920 x 1080, about 300 KB."""
    file = io.BytesIO()
    noise = Image.effect_noise((1920, 1080), 40).convert("RGB")
    Image.blend(noise, Image.effect_mandelbrot((1920, 1080), (-2, -1.4, 1, 1.4), 60).convert("RGB"), 0.6).save(
        file, "JPEG", quality=70
    )
    return file.getvalue()


async def busy(folder: Path, service: VendorProcess, line: str, picture: bytes, *, decodes_nothing: bool) -> Seen:
    """Jobs and probes at random moments, beside transfers that never end and renders that are polled each second."""
    data_dir, rng, seen = folder / "data", random.Random(7), Seen()
    about = {
        "data_dir": data_dir, "service": service.url, "line": line, "transfers": TRANSFERS,
        "decodes_nothing": decodes_nothing,
    }  # fmt: skip
    async with a_patient("reelbot", of=PATIENTS, **about) as reelbot, aiohttp.ClientSession() as client:
        url = reelbot.told["url"]
        await reelbot.ask(f"order {POLLED}") if decodes_nothing else await _order_here(client, url, picture)
        await until_rendering(reelbot, POLLED)
        stored = sqlite3.connect(f"file:{data_dir / DATABASE_FILE}?mode=ro", uri=True)

        async def post(into: Seen) -> None:
            form = aiohttp.FormData({"prompt": "a storm [stuck][no-webhook]"})
            form.add_field("image", picture, filename="lake.jpg", content_type="image/jpeg")
            begun = time.monotonic()
            async with client.post(f"{url}/api/v1/jobs", data=form) as answer:
                body = await answer.json()
            into.posts_s.append(time.monotonic() - begun)
            into.refused += answer.status != 202
            found = stored.execute("SELECT 1 FROM jobs WHERE id = ?", (body.get("id"),)).fetchone()
            into.stored += found is not None

        async def probe(into: Seen) -> None:
            begun = time.monotonic()
            async with client.get(f"{url}/livez") as answer:
                await answer.read()
            into.probes_s.append(time.monotonic() - begun)

        for _ in range(WARM_UP):
            await post(Seen())
        polls, cpu, begun = await asyncio.to_thread(service.counts), reelbot.cpu_s(), time.monotonic()

        async def at_random(what: Any, times: int, a_second: float) -> None:
            asked = []
            for _ in range(times):
                await asyncio.sleep(rng.expovariate(a_second))
                asked.append(asyncio.create_task(what(seen)))
            await asyncio.gather(*asked)

        await asyncio.gather(at_random(post, POSTS, POSTS_A_SECOND), at_random(probe, PROBES, PROBES_A_SECOND))
        lasted = time.monotonic() - begun
        seen.polls_a_second = ((await asyncio.to_thread(service.counts)).get("poll", 0) - polls.get("poll", 0)) / lasted
        seen.cpu_share = (reelbot.cpu_s() - cpu) / lasted
        stored.close()
        if broken := await reelbot.ask("moving"):
            raise RuntimeError(f"{len(broken)} of {TRANSFERS} transfers ended: {broken[0]}")
    return seen


async def _order_here(client: aiohttp.ClientSession, url: str, picture: bytes) -> None:
    """As many renders as are to be polled, asked for as a program would."""
    for _ in range(POLLED):
        form = aiohttp.FormData({"prompt": "a storm [stuck][no-webhook]"})
        form.add_field("image", picture, filename="lake.jpg", content_type="image/jpeg")
        async with client.post(f"{url}/api/v1/jobs", data=form) as answer:
            answer.raise_for_status()


def answering() -> list[Row]:
    """The rows about jobs and probes under load."""
    rows = []
    real = photograph()
    for decodes_nothing, picture in ((False, real), (True, PICTURE_MAGIC + real)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            clip = a_file(folder / "clip.mp4", CLIP_BYTES)
            with vendor_emulator(folder, "wavespeed", clips="magic") as service, a_line(clip, PACE_MB) as line:
                seen = asyncio.run(busy(folder, service, line, picture, decodes_nothing=decodes_nothing))
        posts, probes = [[each * 1000 for each in took] for took in (seen.posts_s, seen.probes_s)]
        how = "the picture not decoded" if decodes_nothing else "a real JPEG of 1920 x 1080 decoded and kept"
        beside = f"beside {TRANSFERS} transfers and {seen.polls_a_second:.0f} polls/s"
        rows.append(
            Row(
                what=f"`POST /jobs` with its picture ({how}), {beside}",
                measured=(
                    f"p99 {p99(posts):.0f} ms, median {median(posts):.0f} ms, longest {max(posts):.0f} ms of {len(posts)} "
                    f"at {POSTS_A_SECOND:.0f}/s; {seen.stored} rows there with the answer, {seen.refused} refused; "
                    f"{seen.cpu_share:.0%} of a core"
                ),
                reach="p99 < 250 ms",
                reached=p99(posts) < 250 and seen.stored == len(posts),
            )
        )
        rows.append(
            Row(
                what=f"`GET /livez` in the same run ({how})",
                measured=f"p99 {p99(probes):.0f} ms, median {median(probes):.0f} ms of {len(probes)}",
                reach="p99 < 100 ms",
                reached=p99(probes) < 100,
            )
        )
    return rows


async def streams(folder: Path) -> Row:
    """Resident memory of the server for each open event stream."""
    async with a_patient("reelbot", of=PATIENTS, data_dir=folder / "data", decodes_nothing=True) as reelbot:
        url = reelbot.told["url"]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:
            form = aiohttp.FormData({"prompt": "zoom in"})
            form.add_field("image", PICTURE_MAGIC + b"of a benchmark", filename="a.png")
            async with client.post(f"{url}/api/v1/jobs", data=form) as answer:
                job = (await answer.json())["id"]
            await _open_streams(client, url, job, 20, reelbot)
            before = await reelbot.ask("memory")
            opened = await _open_streams(client, url, job, STREAMS, reelbot)
            after = await reelbot.ask("memory")
            cpu, begun = reelbot.cpu_s(), time.monotonic()
            await asyncio.sleep(10)
            share = (reelbot.cpu_s() - cpu) / (time.monotonic() - begun)
            for answer in opened:
                answer.close()
    each_kb = (after - before) / STREAMS / 1024
    return Row(
        what=f"{STREAMS} open event streams in one process",
        measured=f"{each_kb:.0f} KB each; {share:.1%} of a core while nothing happens",
        reach="≤ 50 KB each",
        reached=each_kb <= 50,
    )


async def _open_streams(
    client: aiohttp.ClientSession, url: str, job: str, count: int, reelbot: Patient
) -> list[aiohttp.ClientResponse]:
    """Open that many, and read from each until it has said how the job stands."""

    async def one() -> aiohttp.ClientResponse:
        answer = await client.get(f"{url}/api/v1/jobs/{job}/events")
        while (await answer.content.readline()).strip() != b"event: job":
            pass
        await answer.content.readline()
        return answer

    opened = []
    for begun in range(0, count, 50):
        opened += await asyncio.gather(*(one() for _ in range(min(50, count - begun))))
    return opened


async def first_page(folder: Path) -> Row:
    """Everything a browser fetches for the first page, as it crosses the wire."""
    async with a_patient("reelbot", of=PATIENTS, data_dir=folder / "data", decodes_nothing=True) as reelbot:
        url = reelbot.told["url"]
        async with aiohttp.ClientSession(auto_decompress=False, headers={"Accept-Encoding": "gzip"}) as client:

            async def fetch(path: str) -> tuple[int, bytes]:
                async with client.get(url + path, headers={"Accept": "text/html,*/*"}) as answer:
                    answer.raise_for_status()
                    body = await answer.read()
                    head = sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)
                    packed = answer.headers.get("content-encoding") == "gzip"
                    return head + len(body), gzip.decompress(body) if packed else body

            total, page = await fetch("/")
            paths = sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.decode())))
            sizes = {path.rpartition("/")[2]: (await fetch(path))[0] for path in paths}
    told = ", ".join(f"{name} {size / 1000:.1f}" for name, size in sorted(sizes.items(), key=lambda each: -each[1]))
    whole = total + sum(sizes.values())
    return Row(
        what="the first page over the wire, headers included",
        measured=f"{whole / 1000:.1f} KB (the page {total / 1000:.1f}; {told})",
        reach="≤ 60 KB",
        reached=whole <= PAGE_LIMIT,
    )


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "page").mkdir()
        (Path(name) / "streams").mkdir()
        rows = [asyncio.run(first_page(Path(name) / "page")), asyncio.run(streams(Path(name) / "streams"))]
    return rows + answering()


if __name__ == "__main__":
    play(measure)
