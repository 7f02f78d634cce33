"""What posting a clip by Slack's courier takes of memory: 100 MB beside 25 KB, each in a fresh process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import replace
from json import load
from pathlib import Path

from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import SlackApi
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.http.client import HttpClient
from adapters.media.workshop import Workshop
from benchmarks.discord_line import a_file
from benchmarks.discord_memory import forget_peak, peak, resident
from benchmarks.slack_line import a_slack_line
from benchmarks.table import Row, median
from bot.clock import SystemClock
from bot.jobs.model import AssetKind, Requester
from bot.ports import Checkpoint
from storage.media_store import ObjectMediaStore
from tests.factories import a_clip, a_parcel

LARGE, SMALL = 100_000_000, 25_000
ROUNDS = 5


async def post_here(url: str, folder: Path, size: int) -> float:
    """MB by which the peak grows over what a small clip posted before took."""
    http, clock = HttpClient(), SystemClock()
    store = ObjectMediaStore((folder / "media").as_uri())
    api = SlackApi(http, clock, api_url=f"{url}/api")
    courier = SlackCourier(api, Bots(api, clock, token="a"), http, store, Workshop(), clock, folder)
    hung = Anchor(team="T1", channel="C77777777", root="1.0")
    asker = Requester(platform="slack", workspace="T1", user="U22222", channel="C77777777", anchor=hung.to_text())

    async def nothing(_point: Checkpoint) -> None:
        pass

    async def post(size: int) -> None:
        kept = await store.put(folder / str(size), AssetKind.CLIP, "video/mp4")
        path = await store.local_path(kept.id)
        parcel = replace(a_parcel(requester=asker), clip=a_clip(asset_id=kept.id, size_bytes=size), path=path)
        forget_peak()
        receipt = await courier.deliver(parcel, nothing)
        assert receipt.method == "attachment", receipt

    await post(SMALL)
    gc.collect()
    before = resident()
    await post(size)
    grown = peak() - before
    await http.aclose()
    return grown / 1_000_000


def grown(url: str, folder: Path, size: int) -> float:
    """The same in a process of its own."""
    code = (
        "import asyncio, sys; from pathlib import Path; from benchmarks.slack_upload import post_here; "
        "print(asyncio.run(post_here(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))"
    )
    command = [sys.executable, "-c", code, url, str(folder), str(size)]
    return float(subprocess.check_output(command, text=True).splitlines()[-1])


def uploading() -> list[Row]:
    """The row about uploads."""
    with tempfile.TemporaryDirectory() as name, a_slack_line() as url:
        taken: dict[int, list[float]] = {LARGE: [], SMALL: []}
        for size in taken:
            a_file(Path(name) / str(size), size)
        for _ in range(ROUNDS):
            for size, values in taken.items():
                values.append(grown(url, Path(name), size))
        with urllib.request.urlopen(f"{url}/taken") as answer:
            arrived = load(answer)["bytes"]
    large, small = median(taken[LARGE]), median(taken[SMALL])
    return [
        Row(
            what="extra memory of posting a 100 MB clip on Slack, beyond that of a 25 KB one",
            measured=f"{large - small:.1f} MB ({large:.1f} against {small:.1f} MB; medians of {ROUNDS} processes)",
            reach="≤ 1 MB",
            reached=large - small <= 1 and arrived >= ROUNDS * LARGE,
        )
    ]


__all__ = ["asyncio", "post_here", "uploading"]
