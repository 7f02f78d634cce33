"""What is pressed under a job: its wishes, its children, its end. Works as plain forms and pages, and in place with htmx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from adapters.chat.web.asking import request_key
from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.studio.choices import CAMERAS, MOTIONS, Choices, choices, fields, key_of, named, text_of
from adapters.chat.web.studio.job_page import drawn
from adapters.chat.web.studio.refusals import beside
from adapters.chat.web.studio.start import new_key
from adapters.chat.web.studio.templates import Pages, is_htmx
from adapters.chat.web.studio.views import Shape, may_press
from bot.errors import NotAllowed, ReelbotError
from bot.jobs.lineage import Changes
from bot.jobs.model import Job, Relation
from bot.people import Role
from bot.service import Service

JobId = Annotated[str, Path(max_length=80)]
Formed = Literal["edit", "extend", "frame"]
TITLES = {
    "edit": ("Edit", "Another clip from the same picture, with what you change here."),
    "extend": ("Extend", "The clip's last picture becomes the first of a new part; both are joined into one clip."),
    "frame": ("Use last frame", "A new clip that begins with the last picture of this one."),
}


def routes(service: Service, pages: Pages) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/jobs", include_in_schema=False)

    @router.post("/{job_id}/start")
    @router.post("/{job_id}/cancel")
    @router.post("/{job_id}/resend")
    async def wish(
        job_id: JobId, request: Request, caller: SignedIn, shape: Annotated[Shape, Form()] = "card"
    ) -> Response:
        """Start a quoted job, cancel one, send its clip again. The wish is committed; the job follows within a second."""
        caller.require(Role.MEMBER)
        job = await caller.job(service, job_id)
        wishes = {"start": service.actions.confirm, "cancel": service.actions.cancel, "resend": service.actions.resend}
        try:
            await wishes[_last(request)](job.id, caller.presser)
        except ReelbotError as error:
            return _refused(request, error, job)
        if not is_htmx(request):
            return RedirectResponse(f"/jobs/{job.id}", status_code=303)
        job = await caller.job(service, job_id)
        return pages.part(request, "parts/job.html", **await drawn(service, caller, job, shape))

    @router.post("/{job_id}/again")
    @router.post("/{job_id}/loop")
    async def at_once(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """Another take, or a loop: nothing to fill in. Twice within ten seconds is one job."""
        caller.require(Role.MEMBER)
        job = await caller.job(service, job_id)
        try:
            child, _ = await service.lineage.descend(job, Relation(_last(request)), caller.requester, caller.presser)
        except ReelbotError as error:
            return _refused(request, error, job)
        return await _child(request, caller, child)

    @router.get("/{job_id}/delete")
    async def ask_to_delete(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """What deleting means, and the button that does it."""
        job = await _pressable(service, caller, job_id, "delete")
        return _shown(request, "delete.html", title="Delete this clip?", job=job)

    @router.post("/{job_id}/delete")
    async def delete(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """Erase the job, at once or when it has ended; the answer says what remains where."""
        caller.require(Role.MEMBER)
        job = await caller.job(service, job_id)
        try:
            done = await service.forgetting.delete(job, caller.presser)
        except ReelbotError as error:
            return _refused(request, error, job)
        return _shown(request, "deleted.html", title="Deleted", job=job, done=done, was_open=_is_on(request, job))

    @router.get("/{job_id}/edit")
    @router.get("/{job_id}/extend")
    @router.get("/{job_id}/frame")
    async def ask_for_changes(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """The form for a child, filled in as the parent was."""
        relation = _last(request)
        job = await _pressable(service, caller, job_id, relation)
        said = {"prompt": (await _origin(service, job)).prompt}
        return await _form(request, caller, job, relation, said)

    @router.get("/{job_id}/options")
    async def options(
        job_id: JobId, relation: Annotated[Formed, Query()], request: Request, caller: SignedIn
    ) -> Response:
        """The price of a child as its form stands."""
        job = await caller.job(service, job_id)
        said = text_of(request.query_params)
        chosen = await _chosen(service, caller, job, said)
        return pages.part(
            request, "parts/priced.html", at=relation, is_another_model=said.get("offered") != chosen.offered,
            takes_files=False, troubles={}, **_offer(chosen),
        )  # fmt: skip

    @router.post("/{job_id}/edit")
    @router.post("/{job_id}/extend")
    @router.post("/{job_id}/frame")
    async def descend(job_id: JobId, request: Request, caller: SignedIn) -> Response:
        """Ask for the child. What cannot be done is said in the form, and what was filled in stays."""
        caller.require(Role.MEMBER)
        relation = _last(request)
        job = await caller.job(service, job_id)
        async with request.form(max_files=0, max_fields=40) as form:
            said = text_of(form)
        try:
            child, _ = await service.lineage.descend(
                job, Relation(relation), caller.requester, caller.presser, await _changes(service, job, said),
                request_key=request_key(caller, said.get("key")),
            )  # fmt: skip
        except ReelbotError as error:
            if is_htmx(request):
                return beside(pages, request, error, f"{relation}-trouble")
            return await _form(request, caller, job, relation, said, trouble=str(error), status_code=error.http_status)
        return await _child(request, caller, child)

    async def _form(
        request: Request, caller: Caller, job: Job, relation: str, said: Mapping[str, str], *,
        trouble: str = "", status_code: int = 200,
    ) -> Response:  # fmt: skip
        title, meaning = TITLES[relation]
        chosen = await _chosen(service, caller, job, said)
        return _shown(
            request, "descend.html", title=title, meaning=meaning, job=job, at=relation, trouble=trouble, key=new_key(),
            takes_files=False, troubles={}, status_code=status_code, **_offer(chosen),
        )  # fmt: skip

    def _shown(request: Request, name: str, *, status_code: int = 200, **context: Any) -> Response:
        """In the dialog of the page one is on, or as a page of its own."""
        if is_htmx(request):
            return pages.part(request, f"parts/{name}", status_code=status_code, is_dialog=True, **context)
        return pages.page(
            request, "alone.html", status_code=status_code, part=f"parts/{name}", is_dialog=False, **context
        )

    def _refused(request: Request, error: ReelbotError, job: Job) -> Response:
        if not is_htmx(request):
            raise error
        return beside(pages, request, error, f"trouble-{job.id}")

    async def _child(request: Request, caller: Caller, child: Job) -> Response:
        if not is_htmx(request):
            return RedirectResponse(f"/jobs/{child.id}", status_code=303)
        if urlsplit(request.headers.get("hx-current-url", "")).path != "/":
            return Response(headers={"HX-Redirect": f"/jobs/{child.id}"}, media_type="text/html")
        headers = {"HX-Retarget": "#cards", "HX-Reswap": "afterbegin", "HX-Trigger": "dialog:close, job:asked"}
        return pages.part(
            request, "parts/started.html", headers=headers, key="", **await drawn(service, caller, child, "card")
        )

    return router


async def _pressable(service: Service, caller: Caller, job_id: str, action: str) -> Job:
    job = await caller.job(service, job_id)
    caller.require(Role.MEMBER)
    if not may_press(caller, job, action):
        raise NotAllowed("Only the person who asked can do this.")
    return job


async def _origin(service: Service, job: Job) -> Job:
    """The job whose words and settings count: a loop has none of its own."""
    while job.relation is Relation.LOOP and job.parent_id is not None:
        above = await service.stores.jobs.load(job.parent_id)
        if above is None:
            break
        job = above
    return job


async def _chosen(service: Service, caller: Caller, job: Job, said: Mapping[str, str]) -> Choices:
    origin = await _origin(service, job)
    model = said.get("model") or f"{origin.provider}/{origin.model}"
    standings = await service.stores.ledger.standings(caller.requester)
    return await choices(service, standings, {**said, "model": model}, base=origin.settings)


async def _changes(service: Service, job: Job, said: Mapping[str, str]) -> Changes:
    """What the form says anew: what is as it was is not said, so that words in the prompt may say it."""
    origin = await _origin(service, job)
    provider, slug = named(said.get("model", ""))
    model = service.front_desk.model(provider or origin.provider, slug or origin.model)
    settings = {
        name: value for name, value in fields(model, {name: value for name, value in said.items() if value}).items()
        if value is not None and value != getattr(origin.settings, name)
    }  # fmt: skip
    if model.takes_negative and "negative_prompt" in said and not said["negative_prompt"].strip():
        settings |= {"negative_prompt": ""} if origin.settings.negative_prompt else {}
    is_same = (model.provider, model.slug) == (origin.provider, origin.model)
    prompt = said.get("prompt", "")
    return Changes(
        prompt=None if prompt.strip() == origin.prompt else prompt,
        settings=settings,
        provider=None if is_same else model.provider,
        model=None if is_same else model.slug,
    )


def _offer(chosen: Choices) -> dict[str, Any]:
    return {"chosen": chosen, "cameras": CAMERAS, "motions": MOTIONS, "key_of": key_of}


def _last(request: Request) -> str:
    """What was pressed: addresses end with it."""
    return request.url.path.rpartition("/")[2]


def _is_on(request: Request, job: Job) -> bool:
    """Whether it was pressed on the job's own page."""
    return urlsplit(request.headers.get("hx-current-url", "")).path == f"/jobs/{job.id}"
