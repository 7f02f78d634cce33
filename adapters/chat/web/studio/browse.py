"""`/gallery` and `/history`: what was made, to look at and to look for."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.studio.templates import Pages, is_htmx
from adapters.chat.web.studio.views import views
from bot.errors import BadPrompt, NotAllowed
from bot.jobs.model import Job
from bot.jobs.search import Search, read_search
from bot.jobs.states import State
from bot.people import Role
from bot.service import Service

TILES = 24
MOST_PAGES = 5
"""Read for one page of the gallery, where clips are rare among jobs."""
ROWS = 25
FILTERS = ("q", "state", "user", "since", "until", "cost_min", "cost_max")
Word = Annotated[str, Query(max_length=1000)]
Short = Annotated[str, Query(max_length=120)]


def routes(service: Service, pages: Pages) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(include_in_schema=False)

    @router.get("/gallery")
    async def gallery(request: Request, caller: SignedIn, whose: Short = "", cursor: Short = "") -> Response:
        """Finished clips, newest first; `whose=all` are those of everybody whom one sees."""
        sees_all = whose == "all" and caller.may(Role.TEAM_LEAD)
        search = caller.confine(Search()) if sees_all else Search(person=caller.person)
        found, following = await _clips(service, search, cursor or None)
        older = {"whose": "all"} if sees_all else {}
        context: dict[str, Any] = {
            "views": await views(service, caller, found),
            "older": f"/gallery?{urlencode({**older, 'cursor': following})}" if following else None,
            "shape": "tile",
            "sees_all": sees_all,
            "is_first": not cursor,
        }
        if _is_more(request):
            return pages.part(request, "parts/tiles.html", **context)
        return pages.page(request, "gallery.html", **context)

    @router.get("/history")
    async def history(
        request: Request, caller: SignedIn, q: Word = "", state: Short = "", user: Short = "", since: Short = "",
        until: Short = "", cost_min: Short = "", cost_max: Short = "", cursor: Short = "",
    ) -> Response:  # fmt: skip
        """Every job, found by words and filters."""
        given = (q, state, user.strip(), since, until, cost_min, cost_max)
        said = {name: value for name, value in zip(FILTERS, given, strict=True) if value}
        trouble, found, following = "", [], None
        try:
            page = await service.stores.history.page(**asdict(_search(caller, said)), limit=ROWS, cursor=cursor or None)
            found, following = page.jobs, page.next_cursor
        except (BadPrompt, NotAllowed) as error:
            trouble = str(error)
        context: dict[str, Any] = {
            "views": await views(service, caller, found),
            "older": f"/history?{urlencode({**said, 'cursor': following})}" if following else None,
            "csv": f"/api/v1/jobs.csv?{urlencode(said)}" if said else "/api/v1/jobs.csv",
            "said": said,
            "trouble": trouble,
            "states": list(State),
            "shape": "row",
            "shows_people": caller.may(Role.TEAM_LEAD),
            "is_first": not cursor,
        }
        if _is_more(request):
            return pages.part(request, "parts/rows.html", **context)
        # Without the fields that were left empty.
        headers = (
            {"HX-Replace-Url": f"/history?{urlencode(said)}" if said else "/history"} if is_htmx(request) else None
        )
        return pages.page(request, "history.html", headers=headers, **context)

    return router


async def _clips(service: Service, search: Search, cursor: str | None) -> tuple[list[Job], str | None]:
    """At least `TILES` clips that are kept, however their jobs ended, and where to go on; fewer where many have none."""
    clips: list[Job] = []
    for _ in range(MOST_PAGES):
        page = await service.stores.history.page(**asdict(search), limit=TILES, cursor=cursor)
        clips += [job for job in page.jobs if job.is_final and job.output is not None and job.clip_deleted_at is None]
        cursor = page.next_cursor
        if cursor is None or len(clips) >= TILES:
            break
    return clips, cursor


def _search(caller: Caller, said: dict[str, str]) -> Search:
    return caller.confine(read_search(**said))


def _is_more(request: Request) -> bool:
    """Whether the next page is wanted below the one that is there."""
    return is_htmx(request) and request.headers.get("hx-target", "").startswith(("p#more", "tbody#more"))
