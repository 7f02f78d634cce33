"""What posting a clip takes of memory: a large one beside a small one, each in a fresh process."""

from __future__ import annotations

import gc
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from json import load
from pathlib import Path

from adapters.http.client import HttpClient
from benchmarks.discord_line import a_file
from benchmarks.discord_memory import forget_peak, peak, resident
from benchmarks.table import Row, median
from bot.jobs.model import AssetKind, Requester
from bot.ports import Checkpoint, Courier
from storage.media_store import ObjectMediaStore
from tests.factories import a_clip, a_parcel

SMALL = 25_000
ROUNDS = 5
MakeCourier = Callable[[HttpClient, ObjectMediaStore], Courier]


async def post_here(make: MakeCourier, asker: Requester, folder: Path, size: int) -> float:
    """MB by which the peak grows over what a small clip posted before took."""
    http = HttpClient()
    store = ObjectMediaStore((folder / "media").as_uri())
    courier = make(http, store)

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


def uploading(chat: str, module: str, large: int, line: Callable[[Path], AbstractContextManager[str]]) -> Row:
    """The row about uploads to a chat; `module` measures one of them when it is run with address, folder and size."""
    with tempfile.TemporaryDirectory() as name, line(Path(name)) as url:
        taken: dict[int, list[float]] = {large: [], SMALL: []}
        for size in taken:
            a_file(Path(name) / str(size), size)
        for _ in range(ROUNDS):
            for size, values in taken.items():
                command = [sys.executable, "-m", module, url, name, str(size)]
                values.append(float(subprocess.check_output(command, text=True).splitlines()[-1]))
        with urllib.request.urlopen(f"{url}/taken") as answer:
            arrived = load(answer)["bytes"]
    more, less = median(taken[large]), median(taken[SMALL])
    return Row(
        what=f"extra memory of posting a {large // 1_000_000} MB clip on {chat}, beyond that of a 25 KB one",
        measured=f"{more - less:.1f} MB ({more:.1f} against {less:.1f} MB; medians of {ROUNDS} processes)",
        reach="≤ 1 MB",
        reached=more - less <= 1 and arrived >= ROUNDS * large,
    )
