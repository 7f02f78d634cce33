"""Intake: a job's picture and sound, copied, checked and brought into its model's limits, durably in the media store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from bot.errors import BadInput, Expired, NotFound
from bot.jobs.model import Asset, AssetKind, InputRef, Job
from bot.keeping.files import as_file
from bot.languages.said import joined, say
from bot.ports import MediaStore, MediaWorkshop, Model
from bot.scratch import scratch_folder
from bot.tracker.desk import Desk

LARGEST_PICTURE_BYTES = 50_000_000
LARGEST_SOUND_BYTES = 15_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """Files by role, all of them kept, and what was changed of them, for the person."""

    assets: tuple[tuple[str, Asset], ...] = ()
    adjustments: tuple[str, ...] = ()

    def __add__(self, other: TakenIn) -> TakenIn:
        return TakenIn(assets=self.assets + other.assets, adjustments=self.adjustments + other.adjustments)


async def collect(job: Job, desk: Desk) -> TakenIn:
    """What the job still lacks of its inputs. `BadInput` and `NotFound` for good, the rest for passing reasons."""
    taken_in = TakenIn()
    model = desk.model(job)
    async with scratch_folder(desk.scratch) as folder:
        if job.image_asset is None and model.made_from == "clip":
            clip = await _known(job.image.locator, "clip", desk)
            taken_in += TakenIn(assets=(("image", clip),))
        elif job.image_asset is None:
            original = await _original(job, job.image, "original", folder, desk)
            source = await as_file(desk.media, original.id, folder / "original")
            kept = await keep_picture(source, original, model, desk.workshop, desk.media, folder)
            taken_in += kept
        if job.audio is not None and job.audio_asset is None:
            original = await _original(job, job.audio, "sound", folder, desk)
            source = await as_file(desk.media, original.id, folder / "sound")
            seconds = job.settings.duration_s
            taken_in += await keep_sound(source, original, seconds, desk.workshop, desk.media, folder)
    return taken_in


async def keep_picture(
    source: Path, original: Asset | None, model: Model, workshop: MediaWorkshop, media: MediaStore, folder: Path
) -> TakenIn:
    """A picture brought into the model's limits, kept with its original; `original` when that is kept already.

    `BadInput` in one sentence when it cannot be used: then nothing was kept.
    """
    prepared = await workshop.prepare_image(source, model.image, folder / "image.jpg")
    if source.stat().st_size > LARGEST_PICTURE_BYTES:
        most = LARGEST_PICTURE_BYTES // 1_000_000
        raise BadInput(say("The picture is larger than {most} MB; send a smaller one.", most=most))
    original, kept = await _put_both(media, source, original, prepared.path, AssetKind.IMAGE, prepared.content_type)
    image = replace(kept, width=prepared.width, height=prepared.height)
    said = (say("Picture: {changes}.", changes=joined(prepared.changes, ", ")),) if prepared.changes else ()
    return TakenIn(assets=(("original", original), ("image", image)), adjustments=said)


async def keep_sound(
    source: Path, original: Asset | None, seconds: int, workshop: MediaWorkshop, media: MediaStore, folder: Path
) -> TakenIn:
    """A sound cut or padded for a clip of `seconds`, kept with its original; as `keep_picture`."""
    prepared = await workshop.prepare_audio(source, seconds, folder / "sound.wav")
    if source.stat().st_size > LARGEST_SOUND_BYTES:
        most = LARGEST_SOUND_BYTES // 1_000_000
        raise BadInput(say("The sound is larger than {most} MB; send a smaller one.", most=most))
    original, kept = await _put_both(media, source, original, prepared.path, AssetKind.AUDIO, prepared.content_type)
    audio = replace(kept, duration_s=prepared.duration_s)
    said = (say("Sound: {changes}.", changes=joined(prepared.changes, ", ")),) if prepared.changes else ()
    return TakenIn(assets=(("sound", original), ("audio", audio)), adjustments=said)


async def _put_both(
    media: MediaStore, source: Path, original: Asset | None, prepared: Path, kind: AssetKind, content_type: str
) -> tuple[Asset, Asset]:
    """Both files at the same time: each waits for the disk, and the disk takes two as fast as one."""

    async def keep_original() -> Asset:
        return original or await media.put(source, AssetKind.ORIGINAL, "application/octet-stream")

    keeping = (keep_original(), media.put(prepared, kind, content_type, consume=True))
    # Neither is left alone when the other fails: both read from a folder that is removed afterwards.
    first, second = await asyncio.gather(*keeping, return_exceptions=True)
    for outcome in (first, second):
        if isinstance(outcome, BaseException):
            raise outcome
    assert isinstance(first, Asset)
    assert isinstance(second, Asset)
    return first, second


def not_kept(what: str) -> str:
    """A file that was there once: `picture`, `sound` or `clip`."""
    match what:
        case "picture":
            return say("The picture is no longer kept; please attach it again.")
        case "sound":
            return say("The sound is no longer kept; please attach it again.")
        case _:
            return say("The clip is no longer kept; please attach it again.")


async def _original(job: Job, ref: InputRef, role: str, folder: Path, desk: Desk) -> Asset:
    what = "sound" if role == "sound" else "picture"
    match ref.source:
        case "asset":
            return await _known(ref.locator, what, desk)
        case "frame":
            clip = await _known(ref.locator, "clip", desk)
            frame = folder / "frame.png"
            await desk.workshop.last_frame(await as_file(desk.media, clip.id, folder / "clip.mp4"), frame)
            return await desk.media.put(frame, AssetKind.ORIGINAL, "image/png", consume=True)
    if (copied := (await desk.stores.assets.of_job(job.id)).get(role)) is not None:
        # By the front end that was asked (`Service.copy_inputs`).
        return copied
    courier = desk.couriers.get(ref.source)
    if courier is None:
        if what == "sound":
            raise NotFound(
                say("The sound lies on {place}, which is not connected here; attach it again.", place=ref.source)
            )
        raise NotFound(
            say("The picture lies on {place}, which is not connected here; attach it again.", place=ref.source)
        )
    return await desk.outside.call("courier.collect", courier.collect(ref), timeout_s=desk.times.transfer_timeout_s)


async def _known(asset_id: str, what: str, desk: Desk) -> Asset:
    asset = await desk.stores.assets.load(asset_id)
    if asset is None:
        raise Expired(not_kept(what))
    return asset
