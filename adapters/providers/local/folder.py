"""One render's folder: its request, how far it is, how it ended. What the provider and its worker say to each other.

request.json    what to render; written first, whole and durable: with it the render exists
lock            locked (flock) by the one process that renders
progress        share of the frames, fixed width, overwritten in place
cancelled       somebody asked to stop; no render starts or ends well after it
failure.json    why there will be no clip
result.mp4      the clip, renamed into place when complete
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from adapters.media.files import remove_quietly, sync_directory, write_text_whole
from bot.languages.stored import pack, unpack

LOCAL_FAULT = "render_failed"
INPUT_GONE = "input_gone"
_LOCK_PATIENCE_S = 2.0
_EMPTY_IS_ORPHAN_AFTER = timedelta(days=1)
_ORPHAN_AFTER = timedelta(days=8)
"""A job gives a render up after 7 days (DESIGN §4); until then its folder may be the only proof of the order.

Where another machine took the job over, nobody here learns how it ended: its folder goes by its age alone.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything a render depends on; the same order gives the same clip.

    Later fields have defaults: an order that an older Reelbot left on disk is still an order.
    """

    picture: str
    """The file it is made of: a picture, or the finished clip of a loop."""
    move: str
    strength: str
    seed: int
    resolution: str
    frames: int
    focus: tuple[float, float] | None = None
    """The part of the picture a person named, as fractions of its sides."""
    audio: str | None = None
    kind: str = "camera"
    """`camera`, or `loop`: then only `picture` counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there will be no clip."""

    code: str
    message: str


class NoClip(Exception):
    """The render cannot be made, whoever tries again. Carries what the person is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class RenderFolder:
    """The files of one render. All calls are short disk accesses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.result = path / "result.mp4"
        self._request = path / "request.json"
        self._progress = path / "progress"
        self._cancelled = path / "cancelled"
        self._failure = path / "failure.json"
        self._lock = path / "lock"

    def exists(self) -> bool:
        """Whether a request was written: before that there is no render."""
        return self._request.exists()

    def create(self, order: Order) -> None:
        """Write the request, durably. `OSError` leaves at most an empty folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_text_whole(self._request, json.dumps(asdict(order)))
        sync_directory(self.path.parent)

    def order(self) -> Order:
        """What to render."""
        found = _read_json(self._request)
        focus = found.get("focus")
        return Order(**(found | {"focus": (float(focus[0]), float(focus[1])) if focus else None}))

    def remove(self) -> None:
        """Remove everything; harmless when it is gone."""
        # The request last would be tidier, but the name `path` may be all that is left of a crash: it goes in any case.
        shutil.rmtree(self.path, ignore_errors=True)

    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._cancelled.exists()

    def mark_cancelled(self) -> None:
        """Ask whoever renders to stop, also after a restart."""
        write_text_whole(self._cancelled, "")

    def failure(self) -> Failure | None:
        """Why there will be no clip, if that is so."""
        try:
            found = _read_json(self._failure)
        except FileNotFoundError:
            return None
        return Failure(code=found["code"], message=unpack(found["message"]))

    def mark_failed(self, failure: Failure) -> None:
        """Say why there will be no clip."""
        kept = {"code": failure.code, "message": pack(failure.message)}
        write_text_whole(self._failure, json.dumps(kept))

    def progress(self) -> float:
        """The share of frames done; 0 when nobody has begun."""
        try:
            return min(1.0, max(0.0, float(self._progress.read_text("ascii"))))
        except (OSError, ValueError):
            return 0.0

    def open_progress(self) -> int:
        """A descriptor for `write_progress`."""
        return os.open(self._progress, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def is_locked(self) -> bool:
        """Whether a process is rendering this now, ours or another's."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def lock(self) -> int | None:
        """Become the one process that renders, until it ends; None when another is. Keep the descriptor."""
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                # `is_locked` of another process holds it for a moment; only a render holds it for long.
                if time.monotonic() > deadline:
                    os.close(descriptor)
                    return None
                time.sleep(0.05)

    def is_orphan(self, now: float) -> bool:
        """Whether no job can be asking for it any more; `now` in seconds of the system's clock."""
        after = _ORPHAN_AFTER if self.exists() or self.result.exists() else _EMPTY_IS_ORPHAN_AFTER
        try:
            return now - self.path.stat().st_mtime > after.total_seconds() and not self.is_locked()
        except OSError:
            return False

    def clear_leftovers(self) -> None:
        """Remove what a killed render was writing. Only for the process that holds the lock."""
        for leftover in self.path.glob(".result.mp4.*.part"):
            remove_quietly(leftover)


def write_progress(descriptor: int, share: float) -> None:
    """Overwrite the progress in place: always the same few bytes, so a reader never sees half a number."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, f"{share:.4f}\n".encode("ascii"), 0)


def _read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
