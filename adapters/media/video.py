"""Measures a clip and takes its first frame. Runs in a worker process: what it opens came from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError
from av.video.reformatter import Colorspace
from PIL import Image

from adapters.media.files import open_input, written_whole
from bot.errors import BadInput

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame

MAX_BYTES = 4_000_000_000
MAX_SIDE = 8192
_UNSPECIFIED = 2
_NOT_A_VIDEO = "This file is not a playable MP4 video."
_CUT_OFF = "The video is damaged or cut off: its last pictures are missing."


def probe(*, clip: str) -> dict[str, Any]:
    """Size, length, codec and sound of a clip whose first frame decodes and whose last packets are there.

    `BadInput` in one sentence when it is no playable video.
    """
    with _opened(clip) as container:
        stream = container.streams.video[0]
        frame = _first_frame(container)
        expected, rate = stream.frames, stream.time_base
        container.seek(0)
        packets = [packet for packet in container.demux(stream) if packet.size]
        if not packets or packets[-1].is_corrupt or len(packets) < expected:
            raise BadInput(_CUT_OFF)
        if stream.duration is not None and rate is not None:
            duration_s = float(stream.duration * rate)
        else:
            duration_s = (container.duration or 0) / av.time_base
        if duration_s <= 0:
            raise BadInput("The video has no length.")
        return {
            "width": frame.width,
            "height": frame.height,
            "duration_s": duration_s,
            "codec": stream.codec_context.name,
            "has_audio": bool(container.streams.audio),
        }


def poster(*, clip: str, into: str) -> dict[str, Any]:
    """Write the first frame as a JPEG; says its size."""
    with _opened(clip) as container:
        frame = _first_frame(container)
        # Untagged HD video is BT.709 by custom; swscale's own default would be BT.601.
        untagged = frame.colorspace == _UNSPECIFIED and frame.height >= 720
        colours = {"src_colorspace": Colorspace.ITU709} if untagged else {}
        image: Image.Image = frame.to_image(**colours)  # type: ignore[no-untyped-call]
    with written_whole(Path(into)) as temporary:
        image.save(temporary, "JPEG", quality=88)
    return {"width": image.width, "height": image.height}


@contextmanager
def _opened(clip: str) -> Iterator[InputContainer]:
    open_input(clip, "video", MAX_BYTES).close()
    try:
        # The format is named and only files may be read: a playlist in disguise would otherwise fetch what it likes.
        with av.open(clip, "r", format="mov", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                raise BadInput("The file has no pictures in it, only sound: this is not a video.")
            container.streams.video[0].codec_context.thread_count = 1
            yield container
    except (FFmpegError, ValueError) as error:
        raise BadInput(_NOT_A_VIDEO) from error


def _first_frame(container: InputContainer) -> VideoFrame:
    stream = container.streams.video[0]
    if not (0 < stream.width <= MAX_SIDE and 0 < stream.height <= MAX_SIDE):
        raise BadInput(f"The video is {stream.width}x{stream.height} pixels, more than Reelbot can read.")
    for frame in container.decode(stream):
        return frame
    raise BadInput(_CUT_OFF)
