"""What the media workshop hands back: prepared pictures and sounds, and what is known of a clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImage:
    """A picture brought into a model's limits, as a local file, and what had to be changed for that."""

    path: Path
    width: int
    height: int
    changes: tuple[str, ...] = ()
    content_type: str = "image/jpeg"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAudio:
    """A sound brought to a clip's length, as a local file, and what had to be changed for that."""

    path: Path
    duration_s: float
    changes: tuple[str, ...] = ()
    content_type: str = "audio/wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFacts:
    """What probing a video file found."""

    width: int
    height: int
    duration_s: float
    codec: str
    has_audio: bool
    fps: float = 24.0
    """Frames a second, on average."""
    faststart: bool = True
    """The index stands before the pictures, so that players begin before the download has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedClip:
    """A clip brought below a number of bytes, as a local file."""

    path: Path
    size_bytes: int
    width: int
    height: int
    how: str
    """`as_is`; `remuxed` (the same pictures, packed anew); `transcoded` (encoded anew); `shrunk` (and smaller, too)."""


__all__ = ["ClipFacts", "FittedClip", "PreparedAudio", "PreparedImage"]
