"""What posting a clip by Slack's courier takes of memory: 100 MB beside 25 KB, each in a fresh process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import SlackApi
from adapters.chat.slack.bots import Bots
from adapters.chat.slack.courier import SlackCourier
from adapters.http.client import HttpClient
from adapters.media.workshop import Workshop
from benchmarks import uploads
from benchmarks.slack_line import a_slack_line
from benchmarks.table import Row
from bot.clock import SystemClock
from bot.jobs.model import Requester
from storage.media_store import ObjectMediaStore

LARGE = 100_000_000


async def post_here(url: str, folder: Path, size: int) -> float:
    """MB by which the peak grows."""
    clock = SystemClock()

    def make(http: HttpClient, store: ObjectMediaStore) -> SlackCourier:
        api = SlackApi(http, clock, api_url=f"{url}/api")
        return SlackCourier(api, Bots(api, clock, token="a"), http, store, Workshop(), clock, folder)

    hung = Anchor(team="T1", channel="C77777777", root="1.0")
    asker = Requester(platform="slack", workspace="T1", user="U22222", channel="C77777777", anchor=hung.to_text())
    return await uploads.post_here(make, asker, folder, size)


def uploading() -> list[Row]:
    """The row about uploads."""
    return [uploads.uploading("Slack", "benchmarks.slack_upload", LARGE, lambda _folder: a_slack_line())]


if __name__ == "__main__":
    print(asyncio.run(post_here(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
