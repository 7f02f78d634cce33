"""Telling pictures and sounds by what a chat says of a file. It is only said: the bytes are judged later."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

from bot.errors import BadInput
from bot.languages.said import say

ENDINGS: Final = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".heic", ".heif", ".avif"})
SOUNDS: Final = frozenset({".wav", ".mp3"})
UNKNOWN: Final = "application/octet-stream"


def is_picture(filename: str | None, content_type: str | None) -> bool:
    """Whether a file's type, else its name, is that of a picture."""
    if content_type and content_type != UNKNOWN:
        return content_type.startswith("image/") and "svg" not in content_type
    return _ending(filename) in ENDINGS


def is_sound(filename: str | None, content_type: str | None) -> bool:
    """Whether a file's type or its name is that of a sound we take."""
    return (content_type or "").startswith("audio/") or _ending(filename) in SOUNDS


def no_picture(filename: str) -> BadInput:
    """What is said of a file that was given as a picture and is none."""
    return BadInput(say("{name} is no picture; attach a JPEG, PNG, WebP, BMP, GIF, HEIC or AVIF.", name=filename[:80]))


def no_sound(filename: str) -> BadInput:
    """What is said of a file that was given as a sound and is none."""
    return BadInput(say("{name} is no sound; attach a WAV or an MP3.", name=filename[:80]))


def _ending(filename: str | None) -> str:
    return PurePosixPath((filename or "").casefold()).suffix
