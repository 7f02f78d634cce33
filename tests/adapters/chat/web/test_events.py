"""The event stream of a job: nothing missed, nothing twice, also across a break; and it ends with the job."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.web.api import events
from adapters.chat.web.feed import LOOK_EVERY_S, Feed
from bot.jobs.model import Job
from tests.adapters.chat.web.web_house import API, WebHouse, a_web_house
from tests.patience import PATIENCE_S


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebHouse]:
    """A Reelbot on this machine."""
    async with a_web_house(tmp_path) as found:
        yield found


def read(text: str) -> list[dict[str, Any]]:
    """Every event of a stream: its name, id and data."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if not line.startswith(":"))
        if "data" in fields:
            found.append({"event": fields["event"], "id": fields.get("id"), "data": json.loads(fields["data"])})
    return found


async def stream(web: WebHouse, job: Job, **headers: str) -> tuple[int, list[dict[str, Any]]]:
    answer = await web.client.get(f"{API}/jobs/{job.id}/events", headers=headers)
    return answer.status_code, read(answer.text)


async def test_the_whole_life_of_a_job_is_told(web: WebHouse) -> None:
    """Every state once and in order, with ids that rise, and the job as it ended."""
    job = await web.delivered()

    _, told = await stream(web, job)

    states = [each for each in told if each["event"] == "state"]
    assert [each["data"]["state"] for each in states] == [
        "received", "queued", "submitting", "rendering", "fetching", "delivering", "delivered",
    ]  # fmt: skip
    ids = [int(each["id"]) for each in states]
    assert ids == sorted(set(ids))
    assert all(each["data"]["id"] == int(each["id"]) for each in states)
    (shown,) = [each for each in told if each["event"] == "job"]
    assert (shown["id"], shown["data"]["state"], shown["data"]["id"]) == (None, "delivered", job.id)


async def test_a_stream_that_broke_off_goes_on_where_it_was(web: WebHouse) -> None:
    """`Last-Event-ID`: what came after it, and nothing else; at the end, 204 tells a browser to stop."""
    job = await web.delivered()
    _, told = await stream(web, job)
    ids = [each["id"] for each in told if each["id"]]

    _, rest = await stream(web, job, **{"Last-Event-ID": ids[3]})
    over, nothing = await stream(web, job, **{"Last-Event-ID": ids[-1]})

    assert [each["id"] for each in rest if each["id"]] == ids[4:]
    assert (over, nothing) == (204, [])


@pytest.mark.parametrize("wrong", ["abc", "-1", "9" * 39, "1.5", "\u0663"])
async def test_an_id_that_is_none_of_ours_begins_anew_or_is_past_the_end(web: WebHouse, wrong: str) -> None:
    """Never an error: a browser would only come again."""
    job = await web.delivered()

    answer = await web.client.get(f"{API}/jobs/{job.id}/events", headers=[(b"Last-Event-ID", wrong.encode())])

    assert answer.status_code in (200, 204)


async def test_what_happens_while_somebody_watches_reaches_them(web: WebHouse) -> None:
    """Live: each step as it is committed, the estimate and the place in line too; then the stream ends."""
    accepted = (await web.ask()).json()
    job = await web.house.app.stores.jobs.load(accepted["id"])
    assert job is not None
    service = web.house.app.service
    feed: Feed = web.app.state.feed
    told: list[dict[str, Any]] = []
    begun = asyncio.Event()

    async def watch() -> None:
        async for piece in events._stream(service, feed, job.id, 0):
            told.extend(read(piece.decode()))
            if told:
                begun.set()

    watching = asyncio.create_task(watch())
    await begun.wait()
    await web.house.run(job)
    async with asyncio.timeout(PATIENCE_S):
        await watching

    assert [each["data"]["state"] for each in told if each["event"] == "state"][-1] == "delivered"
    assert [each["data"]["state"] for each in told if each["event"] == "job"][-1] == "delivered"
    assert feed.watchers == 0


async def test_one_question_serves_everybody_and_none_is_asked_when_nobody_watches(web: WebHouse) -> None:
    """However many watch, the database is asked as often as for one."""
    changes = _Counting(web.house.app.stores.changes)
    feed = Feed(changes, web.house.app.desk.metrics)

    began = time.monotonic()
    async with AsyncExitStack() as stack:
        watches = [await stack.enter_async_context(feed.watch(lambda _job: True)) for _ in range(50)]
        await web.ask()
        told = [await watch.changed(within_s=PATIENCE_S) for watch in watches]
    asked, looks = changes.asked, (time.monotonic() - began) / LOOK_EVERY_S

    assert [len(jobs) for jobs in told] == [1] * 50
    assert asked <= looks + 2
    assert feed.watchers == 0


async def test_a_database_that_fails_ends_no_stream(web: WebHouse) -> None:
    """It is asked again, and what happened meanwhile comes then."""
    changes = _Counting(web.house.app.stores.changes, fails=1)
    feed = Feed(changes, web.house.app.desk.metrics)

    async with feed.watch(lambda _job: True) as watch:
        await web.ask()
        told = await watch.changed(within_s=PATIENCE_S)

    assert len(told) == 1


async def test_the_end_of_the_process_ends_the_streams(web: WebHouse) -> None:
    """Everybody is woken, so that the server can close."""
    feed: Feed = web.app.state.feed

    async with feed.watch(lambda _job: True) as watch:
        waiting = asyncio.create_task(watch.changed(within_s=600))
        await asyncio.sleep(0)
        feed.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await waiting == []

    assert feed.is_closed


class _Counting:
    """`bot.stores.ChangeStore` that counts, and fails as often as it is told to after the first answer."""

    def __init__(self, changes: Any, fails: int = 0) -> None:
        self._changes = changes
        self._fails = fails
        self.asked = 0

    async def since(self, seen: Any) -> Any:
        """As the real one."""
        self.asked += 1
        if seen is not None and self._fails:
            self._fails -= 1
            raise OSError("the disk is away")
        return await self._changes.since(seen)
