"""The kinds of picture we take, and what there is to say of each before a single pixel is decoded."""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from PIL import Image

from bot.languages.said import say

MOST_SCANS = 200
"""Passes a JPEG may be stored in. Programs make about ten; each one costs as much time as a whole picture."""

_MOST_BLOCKS = 200_000
# Start of scan: its length follows from its number of components, so that chance bytes do not look like one.
_SCAN = re.compile(rb"\xff\xda\x00(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")


def _register_heif() -> None:
    import pi_heif

    pi_heif.register_heif_opener(thumbnails=False, decode_threads=1)


def _register_avif() -> None:
    from PIL import AvifImagePlugin

    # Each further thread reserves memory that it never uses, and a worker is one core's work.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of picture we take: Pillow's name for it, the one people know, and what makes Pillow able to read it."""

    pillow: str
    title: str
    register: Callable[[], object]
    is_converted: bool = False
    """Worth a word on the card: models and browsers do not take it, so that people ask what became of it."""


def _plugin(name: str) -> Callable[[], object]:
    return partial(importlib.import_module, f"PIL.{name}ImagePlugin")


FORMATS = (
    Format(pillow="JPEG", title="JPEG", register=_plugin("Jpeg")),
    Format(pillow="PNG", title="PNG", register=_plugin("Png")),
    Format(pillow="WEBP", title="WebP", register=_plugin("WebP")),
    Format(pillow="GIF", title="GIF", register=_plugin("Gif"), is_converted=True),
    Format(pillow="HEIF", title="HEIC", register=_register_heif, is_converted=True),
    Format(pillow="AVIF", title="AVIF", register=_register_avif, is_converted=True),
    Format(pillow="BMP", title="BMP", register=_plugin("Bmp"), is_converted=True),
    Format(pillow="TIFF", title="TIFF", register=_plugin("Tiff"), is_converted=True),
)
"""Everything that may come in. A further format is one more entry; what is not named is not even looked at."""


def has_too_many_scans(file: BinaryIO) -> bool:
    """Whether this is a JPEG made to be decoded for hours. Leaves the file at its beginning."""
    head = file.read(2)
    file.seek(0)
    if head != b"\xff\xd8":
        return False
    count = sum(1 for _ in _SCAN.finditer(file.read()))
    file.seek(0)
    return count > MOST_SCANS


def what_is_left_out(opened: Image.Image, file: BinaryIO) -> str | None:
    """A word on the frames or pages behind the first, none of which is decoded; `None` where there are none."""
    if opened.format in ("PNG", "WEBP", "AVIF"):
        frames = int(getattr(opened, "n_frames", 1))
        return say("kept the first of {frames} frames", frames=frames) if frames > 1 else None
    if opened.format == "GIF":
        found = _gif_frames(file)
        if found is None:
            return say("kept the first frame")
        return say("kept the first of {frames} frames", frames=found) if found > 1 else None
    # Counting a TIFF's pages means reading all of each one's tags, which may be the same megabytes again and again.
    if opened.format == "TIFF" and getattr(opened, "is_animated", False):
        return say("kept the first page")
    return None


def _gif_frames(file: BinaryIO) -> int | None:
    """Frames of a GIF, counted by stepping over its blocks; `None` where there are too many to go on counting.

    Pillow's own count goes through each frame's state, which takes minutes in a file made of empty frames. Leaves the
    file where it was.
    """
    place = file.tell()
    try:
        file.seek(10)
        flags = file.read(1)
        file.seek(13 + _table_bytes(flags))
        frames = 0
        for _ in range(_MOST_BLOCKS):
            match file.read(1):
                case b"\x2c":
                    frames += 1
                    local = file.read(9)
                    file.seek(_table_bytes(local[8:9]) + 1, os.SEEK_CUR)
                case b"\x21":
                    file.seek(1, os.SEEK_CUR)
                case _:
                    return frames
            while size := file.read(1):
                if size == b"\0":
                    break
                file.seek(size[0], os.SEEK_CUR)
        return None
    finally:
        file.seek(place)


def _table_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0
