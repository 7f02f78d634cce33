"""From what a job asks to what is rendered: refuses what cannot be made, decides what nobody decided."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.providers.local import camera
from adapters.providers.local.catalogue import CAMERA_MOVE, LOOP, MODELS
from adapters.providers.local.folder import Order
from adapters.providers.placed import Placed
from bot.errors import NotFound, Refused
from bot.jobs.model import Asset, AssetKind
from bot.languages.said import listed, say
from bot.ports import HostedInput, Model, SubmitRequest

_FRAMES_PER_S = 24


def order_for(request: SubmitRequest, *, frames: int | None) -> Order:
    """The order for a request; `frames` shortens every camera move, for tests. `Refused` for what cannot be made."""
    if request.model == LOOP.slug:
        return _loop(request)
    if request.model == CAMERA_MOVE.slug:
        return _camera_move(request, CAMERA_MOVE, frames)
    raise Refused(
        say(
            "The local renderer has no model {model}, only {known}.",
            model=repr(request.model),
            known=listed([model.slug for model in MODELS], "and"),
        ),
        about="model",
    )


async def request_again(placed: Placed, host: Callable[[Asset], Awaitable[HostedInput]]) -> SubmitRequest:
    """The request of an order that was placed before, with its inputs on this machine: it gives the same order again.

    `NotFound` when an input is no longer kept; what `host` raises passes.
    """
    if placed.image is None:
        raise NotFound(say("The picture is no longer there to render from."))
    if placed.wants_audio and placed.audio is None:
        raise NotFound(say("The sound is not there (any more)."))
    return SubmitRequest(
        attempt_id=placed.attempt_id,
        job_id=placed.job_id,
        model=placed.model,
        prompt=placed.prompt,
        settings=placed.settings,
        image=await host(placed.image),
        audio=None if placed.audio is None else await host(placed.audio),
    )


def missing_input(order: Order) -> str | None:
    """What the order needs and is not there, in one sentence, if that is so."""
    if not Path(order.picture).is_file():
        if order.kind == "loop":
            return say("The clip is not there (any more).")
        return say("The picture is not there (any more).")
    if order.audio is not None and not Path(order.audio).is_file():
        return say("The sound is not there (any more).")
    return None


def _camera_move(request: SubmitRequest, model: Model, frames: int | None) -> Order:
    settings = request.settings
    if request.image.asset.kind is AssetKind.CLIP:
        raise Refused(say("A camera move is made over a picture, and this is a clip."))
    if settings.duration_s not in model.durations_s or settings.resolution not in model.resolutions:
        raise Refused(
            say(
                "The local renderer does not make {seconds} s in {resolution}.",
                seconds=settings.duration_s,
                resolution=settings.resolution,
            )
        )
    if settings.negative_prompt:
        raise Refused(say("The local renderer takes no negative prompt."))
    if settings.camera is not None and settings.camera not in camera.MOVES:
        raise Refused(say("The local renderer knows no camera move {word}.", word=repr(settings.camera)))
    if settings.motion is not None and settings.motion not in camera.STRENGTHS:
        raise Refused(say("The local renderer knows no motion {word}.", word=repr(settings.motion)))
    # Drawn from the attempt when nobody named one: a render begun again is still the same render.
    seed = settings.seed if settings.seed is not None else _drawn_seed(request.attempt_id)
    shot = camera.choose(camera=settings.camera, motion=settings.motion, prompt=request.prompt, seed=seed)
    return Order(
        picture=str(_path_of(request.image.url)),
        move=shot.move,
        strength=shot.strength,
        seed=shot.seed,
        resolution=settings.resolution,
        frames=frames or settings.duration_s * _FRAMES_PER_S,
        focus=shot.focus,
        audio=None if request.audio is None else str(_path_of(request.audio.url)),
    )


def _loop(request: SubmitRequest) -> Order:
    """Everything about a loop is in its clip: prompt, length, camera and the rest of the settings say nothing more."""
    if request.image.asset.kind is not AssetKind.CLIP:
        raise Refused(say("A loop is made from a finished clip, and this is a picture."))
    return Order(
        picture=str(_path_of(request.image.url)),
        move="static",
        strength="medium",
        seed=0,
        resolution=request.settings.resolution,
        frames=0,
        kind="loop",
    )


def _drawn_seed(attempt_id: str) -> int:
    return int.from_bytes(hashlib.sha256(attempt_id.encode()).digest()[:4], "big") >> 1


def _path_of(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise Refused(say("The local renderer reads files of this machine only."))
    return Path(unquote(parts.path))
