"""`/studio/events`: which jobs changed, for the cards of an open page. One stream per page, whatever it shows.

Says ids only: a page then asks for the cards it shows, each at an address of its own that looks at who asks.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from adapters.chat.web.api.events import STREAM_HEADERS
from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.feed import Feed
from bot.ports import Clock

QUIET_S: Final = 15.0
"""After so long without anything to say, a comment: proxies cut what is silent, and who left is noticed."""
LASTS_S: Final = 600.0
"""Then the stream ends, and the browser opens another: whoever is signed out meanwhile is told nothing more."""
RECONNECT_MS: Final = 1500


def routes(feed: Feed, clock: Clock) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(include_in_schema=False)

    @router.get("/studio/events", response_class=StreamingResponse)
    async def events(caller: SignedIn) -> StreamingResponse:
        """The ids of the jobs that change, as server-sent events."""
        return StreamingResponse(stream(feed, clock, caller), media_type="text/event-stream", headers=STREAM_HEADERS)

    @router.get("/studio/alive")
    async def alive(_caller: SignedIn) -> Response:
        """Whether somebody is still signed in: 204, or what the sign-in says."""
        return Response(status_code=204)

    return router


async def stream(feed: Feed, clock: Clock, caller: Caller) -> AsyncGenerator[bytes, None]:
    """What one page is sent."""
    async with feed.watch(caller.sees) as watch:
        ends_at = clock.monotonic() + LASTS_S
        # Said once the watch has begun: what happens from here on is heard.
        yield format_sse_event(retry=RECONNECT_MS, comment="watching")
        while not feed.is_closed and clock.monotonic() < ends_at:
            jobs = await watch.changed(within_s=QUIET_S)
            for job in jobs:
                yield format_sse_event(event="job", data_str=job.id)
            if not jobs:
                yield KEEPALIVE_COMMENT
