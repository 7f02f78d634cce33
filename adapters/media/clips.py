"""What is taken from a clip, or repacked, without encoding its pictures anew. Runs in a worker process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from av.error import FFmpegError

from adapters.media.colours import to_image
from adapters.media.files import written_whole
from adapters.media.mp4 import CUT_OFF, opened_clip
from bot.errors import BadInput


def last_frame(*, clip: str, into: str) -> dict[str, Any]:
    """Write the very last frame that can be decoded as a PNG, which loses nothing; says its size."""
    with opened_clip(clip) as container:
        stream = container.streams.video[0]
        last = None
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    last = frame
            except MemoryError:
                raise
            except FFmpegError:
                # What follows may be good again; what came before is.
                continue
        if last is None:
            raise BadInput(CUT_OFF)
        image = to_image(last)
    with written_whole(Path(into)) as temporary:
        image.save(temporary, "PNG", compress_level=3)
    return {"width": image.width, "height": image.height}
