"""The process that renders: `python -m adapters.providers.local.worker FOLDER`. All it says, it says in that folder."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from adapters.media.processes import confine
from adapters.providers.local.folder import (
    INPUT_GONE,
    LOCAL_FAULT,
    Failure,
    NoClip,
    Order,
    RenderFolder,
    write_progress,
)
from bot.languages.said import say

# A 4096 px picture as floats and planes stays below 1 GiB; x264 at 1080p adds 0.3.
_MEMORY_BYTES = 3 * 1024**3
_CPU_S = 1800

DONE, FAILED, NOT_OURS, STOPPED, DISK_FULL = 0, 1, 3, 4, 75


class Stopped(Exception):
    """Somebody asked for the render to end; whoever writes leaves nothing behind."""


def main(path: str) -> int:
    """Render what the folder asks for, unless another process does; returns the exit status."""
    confine(memory_bytes=_MEMORY_BYTES, cpu_s=_CPU_S)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = RenderFolder(Path(path))
    if folder.lock() is None:
        return NOT_OURS
    folder.clear_leftovers()
    if folder.result.exists() or folder.failure() is not None:
        return DONE
    if folder.is_cancelled():
        return STOPPED
    return _render(folder, asked)


def _render(folder: RenderFolder, asked: list[int]) -> int:
    from bot.errors import NO_ROOM, DiskFull, ReelbotError

    progress = folder.open_progress()

    def on_frame(done: int, total: int) -> None:
        write_progress(progress, done / max(1, total))
        if asked or folder.is_cancelled():
            raise Stopped

    order = folder.order()
    try:
        _make(order, folder.result, on_frame)
    except Stopped:
        return STOPPED
    except NoClip as error:
        return _fail(folder, error.failure)
    except MemoryError:
        return _fail(
            folder, Failure(code=LOCAL_FAULT, message=say("Rendering needs more memory than this machine has."))
        )
    except FileNotFoundError:
        return _fail(folder, Failure(code=INPUT_GONE, message=_gone(order)))
    except DiskFull:
        return _no_room(folder)
    except ReelbotError as error:
        return _fail(folder, Failure(code=LOCAL_FAULT, message=str(error)))
    except OSError as error:
        if error.errno in NO_ROOM:
            return _no_room(folder)
        return _fail(
            folder,
            Failure(code=LOCAL_FAULT, message=say("Rendering failed: {reason}.", reason=error.strerror or error)),
        )
    return DONE


def _make(order: Order, into: Path, on_frame: Callable[[int, int], None]) -> None:
    if order.kind == "loop":
        from adapters.media.looping import loop

        if not Path(order.picture).is_file():
            raise FileNotFoundError
        loop(clip=Path(order.picture), into=into, on_frame=on_frame)
        return
    from adapters.providers.local.camera import Shot
    from adapters.providers.local.renderer import render

    render(
        picture=Path(order.picture),
        into=into,
        shot=Shot(move=order.move, strength=order.strength, seed=order.seed, focus=order.focus),
        resolution=order.resolution,
        frames=order.frames,
        audio=None if order.audio is None else Path(order.audio),
        on_frame=on_frame,
    )


def _gone(order: Order) -> str:
    if order.kind == "loop":
        return say("The clip is no longer there to render from.")
    return say("The picture is no longer there to render from.")


def disk_full() -> Failure:
    """The failure of a render that found no room."""
    return Failure(
        code="disk_full",
        message=say("There was no room left on the disk to render the clip. Free some space, then start it again."),
    )


def _no_room(folder: RenderFolder) -> int:
    _fail(folder, disk_full())
    return DISK_FULL


def _fail(folder: RenderFolder, failure: Failure) -> int:
    # On a full disk even this may find no room; the exit status then tells.
    with contextlib.suppress(OSError):
        folder.mark_failed(failure)
    return FAILED


if __name__ == "__main__":
    status = main(sys.argv[1])
    # The lifeline's thread may be blocked in a read: leave without waiting for it.
    os._exit(status)
