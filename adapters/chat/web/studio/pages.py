"""Every page of a person, in one router."""

from __future__ import annotations

from fastapi import APIRouter

from adapters.chat.web.feed import Feed
from adapters.chat.web.studio import browse, job_page, live, mine, pressing, start
from adapters.chat.web.studio.templates import Pages
from bot.service import Service


def routes(service: Service, pages: Pages, feed: Feed, *, upload_limit_bytes: int | None = None) -> APIRouter:
    """The routes, bound to one Reelbot; behind the sign-in. The files they need are in `files.routes`, before it.

    `upload_limit_bytes` is what the server takes in one request: said on the page, before anybody waits in vain.
    """
    router = APIRouter(include_in_schema=False)
    router.include_router(start.routes(service, pages, upload_limit_bytes))
    for part in (job_page, pressing, browse, mine):
        router.include_router(part.routes(service, pages))
    router.include_router(live.routes(feed, service.desk.clock))
    return router
