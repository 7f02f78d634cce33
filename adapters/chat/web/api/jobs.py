"""`/api/v1/jobs`: ask for a clip, watch it, fetch it."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Header, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from adapters.chat.web.problems import problem
from bot.errors import Expired, NotFound
from bot.jobs.actions import Presser
from bot.jobs.lineage import Changes
from bot.jobs.model import Clip, Job, JobRequest, Relation, Requester
from bot.jobs.options import combine
from bot.jobs.search import Search, as_csv, read_search
from bot.jobs.states import State
from bot.prompts.words import parse
from bot.service import Service

ADMIN = Requester(platform="api", workspace="local", user="admin")
PRESSER = Presser(person=ADMIN.person, is_operator=True)
CHUNK_BYTES = 1 << 20


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


def routes(service: Service) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @router.post("", status_code=202)
    async def ask(
        image: Annotated[UploadFile, File()],
        prompt: Annotated[str, Form(max_length=20_000)],
        provider: Annotated[str | None, Form()] = None,
        model: Annotated[str | None, Form()] = None,
        duration: Annotated[int | None, Form()] = None,
        resolution: Annotated[str | None, Form()] = None,
        negative_prompt: Annotated[str | None, Form()] = None,
        seed: Annotated[int | None, Form()] = None,
        expand: Annotated[bool | None, Form()] = None,
        camera: Annotated[str | None, Form()] = None,
        motion: Annotated[str | None, Form()] = None,
        confirm: Annotated[bool, Form()] = False,
        audio: Annotated[UploadFile | None, File()] = None,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> dict[str, Any]:
        """Ask for a clip; 202 once its row is committed."""
        written = parse(prompt)
        offer = service.front_desk.model(provider or None, model or written.model)
        fields = {
            "duration_s": duration, "resolution": resolution or None, "negative_prompt": negative_prompt or None,
            "seed": seed, "expand": expand, "camera": camera or None, "motion": motion or None,
            "audio": bool(audio is not None and audio.size),
        }  # fmt: skip
        settings = combine(offer, written, fields)
        sound = None
        with tempfile.TemporaryDirectory(dir=service.desk.scratch) as folder:
            upload = await _saved(image, Path(folder) / "image")
            picture = await service.take_picture(upload, offer, filename=image.filename)
            if audio is not None and audio.size:
                upload = await _saved(audio, Path(folder) / "audio")
                sound = await service.take_sound(upload, offer, settings.duration_s, filename=audio.filename)
        request = JobRequest(
            requester=ADMIN,
            request_key=f"api:admin:{idempotency_key}" if idempotency_key else None,
            prompt=written.prompt,
            provider=offer.provider,
            model=offer.slug,
            image=picture.ref,
            audio=sound.ref if sound else None,
            settings=settings,
            confirmed=confirm,
            adjustments=picture.adjustments + (sound.adjustments if sound else ()),
        )
        assets = picture.assets + (sound.assets if sound else ())
        job, _is_new = await service.front_desk.accept(request, assets)
        return await service.describe(job)

    @router.get("")
    async def search(
        search: Annotated[Search, Depends(_search)],
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """History, newest first."""
        page = await service.stores.history.page(**asdict(search), limit=limit, cursor=cursor)
        return {"jobs": [await service.describe(job) for job in page.jobs], "next_cursor": page.next_cursor}

    @router.get(".csv", response_class=StreamingResponse)
    async def table(search: Annotated[Search, Depends(_search)]) -> StreamingResponse:
        """Everything that is found as CSV, newest first."""
        headers = {"Content-Disposition": 'attachment; filename="reelbot-history.csv"'}
        found = as_csv(service.stores.history, search)
        return StreamingResponse(found, media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/{job_id}")
    async def one(job_id: str) -> dict[str, Any]:
        """One job."""
        return await service.describe(await _job(service, job_id))

    @router.delete("/{job_id}")
    async def delete(job_id: str) -> dict[str, Any]:
        """Erase a job: at once, or when it has ended; says what remains where."""
        done = await service.forgetting.delete(await _job(service, job_id), PRESSER)
        return {"erased": done.erased, "under_way": list(done.under_way), "remains": list(done.remains())}

    @router.get("/{job_id}/video", response_class=FileResponse)
    async def video(job_id: str, request: Request) -> Response:
        """The clip, with ranges."""
        job = await _job(service, job_id)
        clip = _clip(job)
        return await _send(service, clip.asset_id, f"{job.id}.mp4", request)

    @router.get("/{job_id}/part", response_class=FileResponse)
    async def part(job_id: str, request: Request) -> Response:
        """Of an extended clip, the new part by itself, with ranges."""
        job = await _job(service, job_id)
        clip = _clip(job)
        if clip.part_id is None:
            raise NotFound("This clip is no extension, and has no part.")
        return await _send(service, clip.part_id, f"{job.id}-part.mp4", request)

    @router.post("/{job_id}/again", status_code=202)
    async def again(
        job_id: str, body: AgainBody, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> dict[str, Any]:
        """Another clip from this one: again, edit, extend, loop or frame. 202 once its row is committed."""
        said = {name: value for name, value in body.settings.model_dump().items() if value is not None}
        changes = Changes(prompt=body.prompt, settings=said, provider=body.provider, model=body.model)
        key = f"api:admin:{idempotency_key}" if idempotency_key else None
        job, _is_new = await service.lineage.descend(
            await _job(service, job_id), body.relation, ADMIN, PRESSER, changes,
            request_key=key, confirmed=body.confirm,
        )  # fmt: skip
        return await service.describe(job)

    @router.post("/{job_id}/{action}", status_code=202)
    async def act(job_id: str, action: Literal["cancel", "confirm", "resend"]) -> dict[str, Any]:
        """Cancel, confirm or resend. The wish is committed; the job follows within a second."""
        actions = service.actions
        wish = {"cancel": actions.cancel, "confirm": actions.confirm, "resend": actions.resend}[action]
        job = await wish(job_id, PRESSER)
        return await service.describe(await _job(service, job.id))

    return router


def _search(
    q: Annotated[str | None, Query(max_length=1000)] = None,
    state: State | None = None,
    user: str | None = None,
    workspace: str | None = None,
    channel: str | None = None,
    since: Annotated[str | None, Query(description="First day (UTC), like 2026-11-01.")] = None,
    until: Annotated[str | None, Query(description="Last day (UTC).")] = None,
    cost_min: Annotated[str | None, Query(description="Dollars charged, at least.")] = None,
    cost_max: Annotated[str | None, Query(description="Dollars charged, at most.")] = None,
) -> Search:
    return read_search(
        q=q, user=user, workspace=workspace, channel=channel, state=state, since=since, until=until,
        cost_min=cost_min, cost_max=cost_max,
    )  # fmt: skip


async def _saved(upload: UploadFile, into: Path) -> Path:
    with into.open("wb") as file:
        while chunk := await upload.read(CHUNK_BYTES):
            file.write(chunk)
    return into


def _clip(job: Job) -> Clip:
    if job.clip_deleted_at is not None:
        raise Expired(f"The clip was deleted on {job.clip_deleted_at:%Y-%m-%d}, when its time was over.")
    if job.output is None:
        raise NotFound("This job has no clip (yet).")
    return job.output


async def _send(service: Service, asset_id: str, name: str, request: Request) -> Response:
    headers = {
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private",
    }
    path = await service.media.local_path(asset_id)
    if path is not None:
        return FileResponse(path, media_type="video/mp4", headers=headers)
    if "range" in request.headers:
        return problem(416, "bad_request", "Ranges are not served from this media store.")
    size = await service.media.size(asset_id)
    body = service.media.read(asset_id, start=0, end=size)
    return StreamingResponse(body, media_type="video/mp4", headers=headers)


async def _job(service: Service, job_id: str) -> Job:
    job = await service.stores.jobs.load(job_id)
    if job is None or job.erased_at is not None:
        raise NotFound(f"There is no job {job_id[:80]!r}.")
    return job
