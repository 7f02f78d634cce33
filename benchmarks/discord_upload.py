"""What posting a clip by Discord's courier takes of memory: 25 MB beside 25 KB, each in a fresh process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.rest import Rest
from adapters.http.client import HttpClient
from adapters.media.workshop import Workshop
from benchmarks import uploads
from benchmarks.discord_line import a_line
from benchmarks.table import Row
from bot.clock import SystemClock
from bot.jobs.model import Requester
from storage.media_store import ObjectMediaStore

LARGE = 25_000_000


async def post_here(url: str, folder: Path, size: int) -> float:
    """MB by which the peak grows."""
    clock = SystemClock()

    def make(http: HttpClient, store: ObjectMediaStore) -> DiscordCourier:
        return DiscordCourier(Rest(http, clock, api_url=url, token="a"), http, store, Workshop(), clock, folder)

    hung = Anchor(channel="77777", guild="11111")
    asker = Requester(platform="discord", workspace="11111", user="22222", channel="77777", anchor=hung.to_text())
    return await uploads.post_here(make, asker, folder, size)


def uploading() -> list[Row]:
    """The row about uploads."""
    return [uploads.uploading("Discord", "benchmarks.discord_upload", LARGE, lambda folder: a_line(folder / "none"))]


if __name__ == "__main__":
    print(asyncio.run(post_here(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
