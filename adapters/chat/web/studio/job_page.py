"""`/jobs/{id}`: one clip with everything that is known of it, its picture and poster, and its card for other pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.files import clip_of, private_headers, send_file
from adapters.chat.web.studio.templates import Pages, is_htmx
from adapters.chat.web.studio.timeline import ENTRIES, RELATIONS, timeline
from adapters.chat.web.studio.views import Shape, view
from bot.errors import Expired, NotFound
from bot.jobs.model import Job, Relation
from bot.people import Role
from bot.service import Service

MOST_PARENTS: Final = 30
JobId = Annotated[str, Path(max_length=80)]


def routes(service: Service, pages: Pages) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/jobs", include_in_schema=False)

    @router.get("/{job_id}")
    async def job_page(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """The page."""
        job = await caller.job(service, job_id)
        stores = service.stores
        return pages.page(
            request,
            "job.html",
            view=await view(service, caller, job),
            events=timeline(await stores.jobs.events(job.id)),
            entries=await stores.ledger.entries(job.id),
            entry_words=ENTRIES,
            deliveries=await stores.deliveries.of_job(job.id),
            parents=await _parents(service, caller, job),
            children=[each for each in await stores.jobs.children(job.id) if caller.sees(each)],
            relations=RELATIONS,
            model_title=_title(service, job),
        )

    @router.get("/{job_id}/card")
    async def card(
        job_id: JobId, request: Request, caller: SignedIn, shape: Annotated[Shape, Query()] = "card"
    ) -> Response:
        """The job as another page draws it, for whenever it changed."""
        try:
            job = await caller.job(service, job_id)
        except NotFound:
            if not is_htmx(request):
                raise
            # Deleted meanwhile: so is its card.
            return Response(headers={"HX-Reswap": "delete"}, media_type="text/html")
        return pages.part(request, "parts/job.html", **await drawn(service, caller, job, shape))

    @router.get("/{job_id}/poster")
    async def poster(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """The clip's first picture."""
        clip = clip_of(await caller.job(service, job_id))
        if clip.poster_id is None:
            raise NotFound("This clip has no poster.")
        return await _send(service, clip.poster_id, request)

    @router.get("/{job_id}/picture")
    async def picture(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """The stripped picture it is made from. What the person sent is never served."""
        job = await caller.job(service, job_id)
        if job.inputs_deleted_at is not None:
            raise Expired(f"The picture was deleted on {job.inputs_deleted_at:%Y-%m-%d}, when its time was over.")
        if job.image_asset is None or job.relation is Relation.LOOP:
            raise NotFound("This job has no picture (yet).")
        return await _send(service, job.image_asset, request)

    return router


async def drawn(service: Service, caller: Caller, job: Job, shape: Shape) -> Mapping[str, Any]:
    """What `parts/job.html` needs."""
    return {
        "view": await view(service, caller, job),
        "shape": shape,
        "shows_people": caller.may(Role.TEAM_LEAD),
    }


async def _parents(service: Service, caller: Caller, job: Job) -> list[Job]:
    """What it descends from, the first of all first; up to where somebody else's begins."""
    chain: list[Job] = []
    above = job.parent_id
    while above is not None and len(chain) < MOST_PARENTS:
        parent = await service.stores.jobs.load(above)
        if parent is None or parent.erased_at is not None or not caller.sees(parent):
            break
        chain.insert(0, parent)
        above = parent.parent_id
    return chain


def _title(service: Service, job: Job) -> str:
    for model in service.desk.providers[job.provider].models() if job.provider in service.desk.providers else ():
        if model.slug == job.model:
            return model.title
    return job.model


async def _send(service: Service, asset_id: str, request: Request) -> Response:
    asset = await service.stores.assets.load(asset_id)
    if asset is None:
        raise NotFound("This picture is no longer kept.")
    headers = private_headers(asset_id, asset.content_type) | {"Cache-Control": "private, max-age=86400, immutable"}
    try:
        return await send_file(service.media, asset_id, headers, request)
    except FileNotFoundError:
        raise NotFound("This picture is no longer kept.") from None
