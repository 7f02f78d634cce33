"""The clips an emulated service makes: bytes for a fake decoder, a tiny video, or a real one made of the picture.

PyAV and Pillow are imported when the first video is made.
"""

from __future__ import annotations

import asyncio
import io
import os
import struct
from functools import cache
from pathlib import Path
from typing import Any

from tests.emulators.judge_provider import clip_of
from tests.emulators.vendor_books import Job

KINDS = ("tiny", "magic", "real")
AREAS = {"480p": 832 * 480, "720p": 1280 * 720, "1080p": 1920 * 1080}
FPS = 12
ZOOM = 0.15
"""How much of the picture's width a real clip has left behind at its end."""


class Shelf:
    """Where finished clips lie. Tiny and magic ones can be made again at any time, so only real ones are stored."""

    def __init__(self, kind: str, folder: Path) -> None:
        if kind not in KINDS:
            raise SystemExit(f"clips must be one of {KINDS}, not {kind!r}")
        self._kind = kind
        self._folder = folder

    async def make(self, job: Job, picture: bytes | None) -> None:
        """Make a job's clip, in a thread where that takes longer than a moment."""
        if self._kind == "real":
            await asyncio.to_thread(self._store, job, picture)
        elif self._kind == "tiny":
            await asyncio.to_thread(_tiny_video)

    def read(self, job_id: str) -> bytes:
        """The bytes of a finished clip: different for every job, the same whenever asked."""
        if self._kind == "magic":
            return clip_of(job_id)
        if self._kind == "tiny":
            return tiny_clip(job_id)
        return self._path(job_id).read_bytes()

    def _store(self, job: Job, picture: bytes | None) -> None:
        unfinished = self._path(job.id).with_suffix(".new")
        unfinished.write_bytes(real_clip(picture, job.resolution, job.duration_s) + _free_box(job.id))
        os.replace(unfinished, self._path(job.id))

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.mp4"


def tiny_clip(job_id: str) -> bytes:
    """A second of video, 320x180; a box that players skip makes each job's bytes its own."""
    return _tiny_video() + _free_box(job_id)


def _free_box(text: str) -> bytes:
    return struct.pack(">I4s", 8 + len(text), b"free") + text.encode()


@cache
def _tiny_video() -> bytes:
    from PIL import Image, ImageDraw

    frames = []
    for number in range(FPS):
        frame = Image.new("RGB", (320, 180), (20, 30, 60))
        ImageDraw.Draw(frame).rectangle((number * 20, 70, number * 20 + 60, 110), fill=(240, 180, 40))
        frames.append(frame)
    return _encode(frames, 320, 180)


def real_clip(picture: bytes | None, resolution: str, duration_s: int) -> bytes:
    """A slow zoom into the picture, in the size the resolution stands for, H.264 in yuv420p."""
    from PIL import Image

    source = Image.open(io.BytesIO(picture)).convert("RGB") if picture else Image.new("RGB", (1280, 720), (60, 90, 60))
    scale = (AREAS.get(resolution.lower(), AREAS["1080p"]) / (source.width * source.height)) ** 0.5
    width, height = (max(2, round(side * scale / 2) * 2) for side in source.size)
    return _encode(_zoom(source, width, height, duration_s * FPS), width, height)


def _zoom(source: Any, width: int, height: int, count: int) -> Any:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(height // 18)
    for number in range(count):
        margin = ZOOM / 2 * number / count
        box = (margin * source.width, margin * source.height, (1 - margin) * source.width, (1 - margin) * source.height)
        frame = source.resize((width, height), Image.Resampling.BILINEAR, box=box)
        ImageDraw.Draw(frame).text((height // 36, height // 36), "EMULATED", fill=(255, 255, 255), font=font)
        yield frame


def _encode(frames: Any, width: int, height: int) -> bytes:
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "30"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.thread_count = 1  # deterministic, and kind to the machine
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode())
    return target.getvalue()
