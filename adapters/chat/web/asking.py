"""Accepting a job that came as a form: from the API and from the studio alike."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.datastructures import UploadFile

from adapters.chat.web.caller import Caller
from bot.jobs.model import Job, JobRequest
from bot.jobs.options import combine
from bot.people import Role
from bot.prompts.words import parse
from bot.scratch import scratch_folder
from bot.service import Service

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A form as it was filled in; what is `None` or empty was left out."""

    image: UploadFile
    prompt: str
    provider: str | None = None
    model: str | None = None
    duration: int | None = None
    resolution: str | None = None
    negative_prompt: str | None = None
    seed: int | None = None
    expand: bool | None = None
    camera: str | None = None
    motion: str | None = None
    confirm: bool = False
    audio: UploadFile | None = None


def request_key(caller: Caller, key: str | None) -> str | None:
    """A caller's idempotency key as it is stored: unique among their own (DESIGN §4)."""
    return f"api:{caller.token_id or 'admin'}:{key}" if key else None


async def accept(service: Service, caller: Caller, asked: Asked, *, key: str | None) -> Job:
    """Check the inputs, keep them, and write the job's row; what `FrontDesk.accept` raises, and nothing was kept then.

    `NotAllowed` for who may only look.
    """
    caller.require(Role.MEMBER)
    written = parse(asked.prompt)
    offer = service.front_desk.model(asked.provider or None, asked.model or written.model)
    has_sound = asked.audio is not None and bool(asked.audio.size)
    fields = {
        "duration_s": asked.duration, "resolution": asked.resolution or None, "seed": asked.seed, "expand": asked.expand,
        "negative_prompt": asked.negative_prompt or None, "camera": asked.camera or None, "motion": asked.motion or None,
        "audio": has_sound,
    }  # fmt: skip
    settings = combine(offer, written, fields)
    sound = None
    async with scratch_folder(service.desk.scratch) as folder:
        upload = await _saved(asked.image, folder / "image")
        picture = await service.take_picture(upload, offer, filename=asked.image.filename)
        if asked.audio is not None and has_sound:
            upload = await _saved(asked.audio, folder / "audio")
            sound = await service.take_sound(upload, offer, settings.duration_s, filename=asked.audio.filename)
    request = JobRequest(
        requester=caller.requester,
        request_key=request_key(caller, key),
        prompt=written.prompt,
        provider=offer.provider,
        model=offer.slug,
        image=picture.ref,
        audio=sound.ref if sound else None,
        settings=settings,
        confirmed=asked.confirm,
        adjustments=picture.adjustments + (sound.adjustments if sound else ()),
    )
    assets = picture.assets + (sound.assets if sound else ())
    job, _is_new = await service.front_desk.accept(request, assets)
    return job


async def _saved(upload: UploadFile, into: Path) -> Path:
    await asyncio.to_thread(_copy, upload.file, into)
    return into


def _copy(source: BinaryIO, into: Path) -> None:
    """Off the event loop: on a disk that is busy a write may wait for seconds."""
    with into.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK_BYTES)
