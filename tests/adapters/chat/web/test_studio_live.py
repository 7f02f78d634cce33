"""The stream of a page: ids of the jobs one sees, from the moment it is open, and an end after a while."""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.chat.web.caller import ADMIN, Caller
from adapters.chat.web.feed import Feed
from adapters.chat.web.studio.live import LASTS_S, stream
from bot.people import Role, web_requester
from tests.adapters.chat.web.web_house import a_web_house
from tests.patience import PATIENCE_S

OPERATOR = Caller(requester=ADMIN, role=Role.OPERATOR, name="admin", by="local")
MALLORY = Caller(requester=web_requester("slack:T2:UM"), role=Role.MEMBER, name="mallory", by="session")


async def test_a_page_hears_of_the_jobs_it_may_see(tmp_path: Path) -> None:
    """The id of a job that changed; somebody who does not see it hears nothing of it."""
    async with a_web_house(tmp_path) as web:
        feed: Feed = web.app.state.feed
        mine, theirs = stream(feed, web.house.clock, OPERATOR), stream(feed, web.house.clock, MALLORY)
        beginnings = [await anext(mine), await anext(theirs)]

        answer = await web.ask()
        heard = await asyncio.wait_for(anext(mine), PATIENCE_S)
        feed.close()
        rest = [piece async for piece in theirs]

        assert all(b"retry:" in piece for piece in beginnings)
        assert heard == f"event: job\ndata: {answer.json()['id']}\n\n".encode()
        assert not any(b"event:" in piece for piece in rest)
        await mine.aclose()


async def test_a_stream_ends_so_that_the_sign_in_is_asked_again(tmp_path: Path) -> None:
    """Whoever is signed out is told nothing for longer than this."""
    async with a_web_house(tmp_path) as web:
        feed: Feed = web.app.state.feed
        mine = stream(feed, web.house.clock, OPERATOR)
        await anext(mine)
        await web.house.clock.advance(LASTS_S + 1)

        rest = [piece async for piece in mine]

        assert rest == []
        assert feed.watchers == 0


async def test_a_page_that_is_left_is_forgotten(tmp_path: Path) -> None:
    """No watcher stays behind."""
    async with a_web_house(tmp_path) as web:
        feed: Feed = web.app.state.feed
        mine = stream(feed, web.house.clock, OPERATOR)
        await anext(mine)
        during = feed.watchers

        await mine.aclose()

        assert (during, feed.watchers) == (1, 0)


async def test_who_is_signed_out_is_told_so_and_not_led_elsewhere(tmp_path: Path) -> None:
    """A script that asks whether it may go on gets a plain 401, which ends its trying; so does a stream."""
    async with a_web_house(tmp_path, needs_sign_in=True) as web:
        signed_in = await web.as_("slack:T1:UALICE", Role.VIEWER)

        assert (await signed_in.get("/studio/alive")).status_code == 204
        assert (await web.client.get("/studio/alive")).status_code == 401
        answer = await web.client.get("/studio/events", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 401
