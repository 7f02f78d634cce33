"""`/api/v1/jobs`: ask for a clip, watch it, fetch it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Header, Path, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from adapters.chat.web.api.schemas import Erased, JobDocument, JobPage, answers, sends, shows
from adapters.chat.web.api.written import A_CURSOR, A_DAY, AN_AMOUNT
from adapters.chat.web.asking import Asked, accept, request_key
from adapters.chat.web.caller import SignedIn
from adapters.chat.web.files import clip_of, private_headers, send_file
from bot.errors import NotFound
from bot.jobs.lineage import Changes
from bot.jobs.model import Relation
from bot.jobs.search import Search, as_csv, read_search
from bot.jobs.states import State
from bot.people import Role
from bot.service import Service

ACCEPTED = shows(JobDocument, 202)
JobId = Annotated[str, Path(max_length=80, description="Its id.")]
Key = Annotated[str | None, Header(max_length=200, description="The same key with the same request is the same job.")]


class AgainSettings(BaseModel):
    """Settings said anew; what is left out stays as it was."""

    model_config = ConfigDict(extra="forbid")

    duration_s: int | None = None
    resolution: str | None = Field(default=None, max_length=20)
    seed: int | None = None
    negative_prompt: str | None = Field(default=None, max_length=20_000)
    expand: bool | None = None
    audio: Literal[False] | None = None
    """`false` leaves the sound out."""
    camera: str | None = Field(default=None, max_length=40)
    motion: str | None = Field(default=None, max_length=40)


class AgainBody(BaseModel):
    """What `again` is asked with."""

    model_config = ConfigDict(extra="forbid")

    relation: Relation = Relation.AGAIN
    prompt: str | None = Field(default=None, max_length=20_000)
    settings: AgainSettings = Field(default_factory=AgainSettings)
    provider: str | None = Field(default=None, max_length=200)
    model: str | None = Field(default=None, max_length=200)
    confirm: bool = False


class ResolveBody(BaseModel):
    """An operator's word on an unconfirmed job."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["lost", "submitted"] = Field(alias="as", description="`lost` gives the money back.")
    provider_job_id: str | None = Field(default=None, min_length=1, max_length=200)


def routes(service: Service) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"], responses=answers(400, 401, 403, 422))
    gone = answers(404, 410)

    @router.post("", status_code=202, response_model=None, responses=ACCEPTED | answers(408, 413, 429, 507))
    async def ask(
        caller: SignedIn,
        image: Annotated[UploadFile, File()],
        prompt: Annotated[str, Form(max_length=20_000)],
        provider: Annotated[str | None, Form(max_length=200)] = None,
        model: Annotated[str | None, Form(max_length=200)] = None,
        duration: Annotated[int | None, Form()] = None,
        resolution: Annotated[str | None, Form(max_length=20)] = None,
        negative_prompt: Annotated[str | None, Form(max_length=20_000)] = None,
        seed: Annotated[int | None, Form()] = None,
        expand: Annotated[bool | None, Form()] = None,
        camera: Annotated[str | None, Form(max_length=40)] = None,
        motion: Annotated[str | None, Form(max_length=40)] = None,
        confirm: Annotated[bool, Form()] = False,
        audio: Annotated[UploadFile | None, File()] = None,
        idempotency_key: Key = None,
    ) -> dict[str, Any]:
        """Ask for a clip; 202 once its row is committed."""
        asked = Asked(
            image=image, prompt=prompt, provider=provider, model=model, duration=duration, resolution=resolution,
            negative_prompt=negative_prompt, seed=seed, expand=expand, camera=camera, motion=motion, confirm=confirm,
            audio=audio,
        )  # fmt: skip
        return await service.describe(await accept(service, caller, asked, key=idempotency_key))

    @router.get("", response_model=None, responses=shows(JobPage))
    async def search(
        caller: SignedIn,
        search: Annotated[Search, Depends(_search)],
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(max_length=40, json_schema_extra=A_CURSOR)] = None,
    ) -> dict[str, Any]:
        """History, newest first: your own; for team leads their workspace's, for operators everybody's."""
        page = await service.stores.history.page(**asdict(caller.confine(search)), limit=limit, cursor=cursor or None)
        return {"jobs": [await service.describe(job) for job in page.jobs], "next_cursor": page.next_cursor}

    @router.get(".csv", response_class=StreamingResponse, response_model=None, responses=sends("text/csv", 200))
    async def table(caller: SignedIn, search: Annotated[Search, Depends(_search)]) -> StreamingResponse:
        """Everything that is found as CSV, newest first."""
        headers = {"Content-Disposition": 'attachment; filename="reelbot-history.csv"'}
        found = as_csv(service.stores.history, caller.confine(search))
        return StreamingResponse(found, media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/{job_id}", response_model=None, responses=shows(JobDocument) | answers(404))
    async def one(job_id: JobId, caller: SignedIn) -> dict[str, Any]:
        """One job."""
        return await service.describe(await caller.job(service, job_id))

    @router.delete("/{job_id}", response_model=None, responses=shows(Erased) | answers(404))
    async def delete(job_id: JobId, caller: SignedIn) -> dict[str, Any]:
        """Erase a job: at once, or when it has ended; says what remains where."""
        caller.require(Role.MEMBER)
        done = await service.forgetting.delete(await caller.job(service, job_id), caller.presser)
        return {"erased": done.erased, "under_way": list(done.under_way), "remains": list(done.remains())}

    clip = sends("video/mp4", 200, 206) | {304: {"description": "Not changed."}}

    @router.get(
        "/{job_id}/video", response_class=FileResponse, response_model=None, responses=clip | gone | answers(416)
    )
    async def video(job_id: JobId, caller: SignedIn, request: Request) -> Response:
        """The clip, with ranges."""
        job = await caller.job(service, job_id)
        asset_id = clip_of(job).asset_id
        return await _send(service, asset_id, f"{job.id}.mp4", request)

    @router.get(
        "/{job_id}/part", response_class=FileResponse, response_model=None, responses=clip | gone | answers(416)
    )
    async def part(job_id: JobId, caller: SignedIn, request: Request) -> Response:
        """Of an extended clip, the new part by itself, with ranges."""
        job = await caller.job(service, job_id)
        part_id = clip_of(job).part_id
        if part_id is None:
            raise NotFound("This clip is no extension, and has no part.")
        return await _send(service, part_id, f"{job.id}-part.mp4", request)

    @router.post(
        "/{job_id}/again", status_code=202, response_model=None, responses=ACCEPTED | gone | answers(409, 429, 507)
    )
    async def again(job_id: JobId, body: AgainBody, caller: SignedIn, idempotency_key: Key = None) -> dict[str, Any]:
        """Another clip from this one: again, edit, extend, loop or frame. 202 once its row is committed."""
        caller.require(Role.MEMBER)
        said = {name: value for name, value in body.settings.model_dump().items() if value is not None}
        changes = Changes(prompt=body.prompt, settings=said, provider=body.provider, model=body.model)
        job, _is_new = await service.lineage.descend(
            await caller.job(service, job_id), body.relation, caller.requester, caller.presser, changes,
            request_key=request_key(caller, idempotency_key), confirmed=body.confirm,
        )  # fmt: skip
        return await service.describe(job)

    wishes = ACCEPTED | gone | answers(409)

    @router.post("/{job_id}/cancel", status_code=202, response_model=None, responses=wishes)
    async def cancel(job_id: JobId, caller: SignedIn) -> dict[str, Any]:
        """Cancel. The wish is committed; the job follows within a second."""
        caller.require(Role.MEMBER)
        job = await service.actions.cancel((await caller.job(service, job_id)).id, caller.presser)
        return await service.describe(job)

    @router.post("/{job_id}/confirm", status_code=202, response_model=None, responses=wishes)
    async def confirm(job_id: JobId, caller: SignedIn) -> dict[str, Any]:
        """Start a quoted job at the price told. The wish is committed; the job follows within a second."""
        caller.require(Role.MEMBER)
        job = await service.actions.confirm((await caller.job(service, job_id)).id, caller.presser)
        return await service.describe(job)

    @router.post("/{job_id}/resend", status_code=202, response_model=None, responses=wishes)
    async def resend(job_id: JobId, caller: SignedIn) -> dict[str, Any]:
        """Send a finished clip again, as a new delivery. The wish is committed; the job follows within a second."""
        caller.require(Role.MEMBER)
        job = await service.actions.resend((await caller.job(service, job_id)).id, caller.presser)
        return await service.describe(job)

    @router.post("/{job_id}/resolve", status_code=202, response_model=None, responses=wishes)
    async def resolve(job_id: JobId, body: ResolveBody, caller: SignedIn) -> dict[str, Any]:
        """An operator's word on an unconfirmed job. The wish is committed; the job follows within a second."""
        caller.require(Role.OPERATOR)
        job = await caller.job(service, job_id)
        job = await service.operating.resolve(
            caller.decider, job.id, decision=body.decision, provider_job_id=body.provider_job_id
        )
        return await service.describe(job)

    return router


def _search(
    q: Annotated[str | None, Query(max_length=1000)] = None,
    state: State | None = None,
    user: Annotated[str | None, Query(max_length=200)] = None,
    workspace: Annotated[str | None, Query(max_length=200)] = None,
    channel: Annotated[str | None, Query(max_length=300)] = None,
    since: Annotated[str | None, Query(max_length=40, json_schema_extra=A_DAY, description="First day (UTC).")] = None,
    until: Annotated[str | None, Query(max_length=40, json_schema_extra=A_DAY, description="Last day (UTC).")] = None,
    cost_min: Annotated[
        str | None, Query(max_length=40, json_schema_extra=AN_AMOUNT, description="Dollars charged, at least.")
    ] = None,
    cost_max: Annotated[
        str | None, Query(max_length=40, json_schema_extra=AN_AMOUNT, description="Dollars charged, at most.")
    ] = None,
) -> Search:
    return read_search(
        q=q, user=user, workspace=workspace, channel=channel, state=state, since=since, until=until,
        cost_min=cost_min, cost_max=cost_max,
    )  # fmt: skip


async def _send(service: Service, asset_id: str, name: str, request: Request) -> Response:
    try:
        return await send_file(service.media, asset_id, private_headers(asset_id, "video/mp4", name=name), request)
    except FileNotFoundError:
        raise NotFound("The clip is no longer kept.") from None
