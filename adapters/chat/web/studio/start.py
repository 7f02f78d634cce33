"""`/`: a picture, a sentence, the price that follows every choice, and the clips under way."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import FormData

from adapters.chat.web.asking import Asked, accept
from adapters.chat.web.caller import Caller, SignedIn
from adapters.chat.web.studio.choices import CAMERAS, MOTIONS, Choices, choices, key_of, named, read_seed, text_of
from adapters.chat.web.studio.refusals import beside, field_of
from adapters.chat.web.studio.templates import Pages, is_htmx
from adapters.chat.web.studio.views import view, views
from bot.errors import BadInput, BadPrompt, ReelbotError, RequestKeyReused
from bot.people import Role
from bot.service import Service

NEWEST = 7
"""Jobs on the first page: one large, and three rows of two."""
PROMPT_WORDS = (
    ("--10s", "how long the clip is"),
    ("--1080p", "its resolution"),
    ("--camera zoom-in", "how the camera moves: " + ", ".join(CAMERAS)),
    ("--motion high", "how much moves: low or high"),
    ("--seed 7", "the seed of an earlier clip, to come close to it again"),
    ('--neg "blurry, text"', "what should not be in it"),
)


def routes(service: Service, pages: Pages, upload_limit_bytes: int | None) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def studio(request: Request, caller: SignedIn) -> Response:
        """The page, with what was made last."""
        return await _page(service, pages, request, caller, {}, upload_limit_bytes)

    @router.get("/studio/options")
    async def options(request: Request, caller: SignedIn) -> Response:
        """The price as the form stands, and the options of another model where one was chosen."""
        said = text_of(request.query_params)
        chosen = await _chosen(service, caller, said)
        return pages.part(
            request, "parts/priced.html", at="ask", is_another_model=said.get("offered") != chosen.offered,
            takes_files=True, troubles={}, **_offer(service, chosen),
        )  # fmt: skip

    @router.post("/studio/jobs")
    async def start(request: Request, caller: SignedIn) -> Response:
        """Ask for a clip; the answer is its card. What cannot be done is said beside the field it is about."""
        caller.require(Role.MEMBER)
        async with request.form(max_files=4, max_fields=40) as form:
            said = text_of(form)
            try:
                job = await accept(service, caller, _asked(form, said), key=said.get("key"))
            except ReelbotError as error:
                place = _place(error, said)
                if is_htmx(request) and isinstance(error, RequestKeyReused):
                    # An answer got lost, and the form was changed since: with a new key it is another wish.
                    headers = {"HX-Retarget": "#start-trouble", "HX-Reswap": "innerHTML"}
                    return pages.part(request, "parts/arrived.html", status_code=422, headers=headers, key=new_key())
                if is_htmx(request):
                    return beside(pages, request, error, f"{place}-trouble")
                troubles = {place: str(error)}
                return await _page(
                    service,
                    pages,
                    request,
                    caller,
                    said,
                    upload_limit_bytes,
                    troubles=troubles,
                    status_code=error.http_status,
                )
        if not is_htmx(request):
            return RedirectResponse(f"/jobs/{job.id}", status_code=303)
        # A fresh key: the next press is another wish. And what is left has changed.
        return pages.part(
            request, "parts/started.html", headers={"HX-Trigger": "job:asked"},
            view=await view(service, caller, job), shape="card", key=new_key(),
        )  # fmt: skip

    return router


def new_key() -> str:
    """An idempotency key for one form as it is shown: pressed twice, it is one job."""
    return secrets.token_urlsafe(18)


async def _page(
    service: Service,
    pages: Pages,
    request: Request,
    caller: Caller,
    said: Mapping[str, str],
    upload_limit_bytes: int | None,
    *,
    troubles: Mapping[str, str] | None = None,
    status_code: int = 200,
) -> Response:
    chosen = await _chosen(service, caller, said)
    found = await service.stores.history.page(person=caller.person, limit=NEWEST)
    return pages.page(
        request,
        "studio.html",
        status_code=status_code,
        key=new_key(),
        views=await views(service, caller, found.jobs),
        troubles=troubles or {},
        prompt_words=PROMPT_WORDS,
        most_bytes=upload_limit_bytes,
        **_offer(service, chosen),
    )


def _offer(service: Service, chosen: Choices) -> dict[str, Any]:
    default = service.front_desk.model(None, None)
    return {"chosen": chosen, "cameras": CAMERAS, "motions": MOTIONS, "default_key": key_of(default)}


async def _chosen(service: Service, caller: Caller, said: Mapping[str, str]) -> Choices:
    return await choices(service, await service.stores.ledger.standings(caller.requester), said)


def _asked(form: FormData, said: Mapping[str, str]) -> Asked:
    image, audio = form.get("image"), form.get("audio")
    if isinstance(image, str) or image is None or not image.size:
        raise BadInput("Choose a picture first.")
    provider, model = named(said.get("model", ""))
    duration = said.get("duration", "")
    if duration and not (duration.isascii() and duration.isdecimal() and len(duration) < 5):
        raise BadPrompt("The length is a number of seconds.")
    return Asked(
        image=image,
        prompt=said.get("prompt", ""),
        provider=provider,
        model=model,
        duration=int(duration) if duration else None,
        resolution=said.get("resolution") or None,
        negative_prompt=said.get("negative_prompt") or None,
        seed=read_seed(said.get("seed", "")),
        expand=bool(said.get("expand")) if said.get("expands") else None,
        camera=said.get("camera") or None,
        motion=said.get("motion") or None,
        audio=audio if audio is not None and not isinstance(audio, str) and audio.size else None,
    )


def _place(error: ReelbotError, said: Mapping[str, str]) -> str:
    """The id, without its ending, of the element beside which an error is said."""
    if isinstance(error, BadPrompt) and said.get("seed") and "seed" in str(error).lower():
        return "ask-seed"
    if isinstance(error, BadInput) and "sound" in str(error).lower():
        return "ask-audio"
    return field_of(error)
