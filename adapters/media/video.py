"""Measures a clip and takes its first frame. Runs in a worker process: what it opens came from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from adapters.media.colours import to_image
from adapters.media.files import written_whole
from adapters.media.mp4 import CUT_OFF, frames_of, has_index_in_front, opened_clip, packets_of, rewind, sound_stream_of
from bot.errors import BadInput
from bot.languages.said import say

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame


def probe(*, clip: str) -> dict[str, Any]:
    """Size, length, rate, codec and sound of a clip whose first frame decodes and whose last packets are there.

    `BadInput` in one sentence when it is no playable video.
    """
    with opened_clip(clip) as container:
        stream = container.streams.video[0]
        frame = _first_frame(container)
        expected, base = stream.frames, stream.time_base
        rewind(container)
        count, is_last_corrupt = 0, True
        for packet in packets_of(container, stream):
            count, is_last_corrupt = count + 1, packet.is_corrupt
        if is_last_corrupt or count < expected:
            raise BadInput(CUT_OFF)
        if stream.duration is not None and base is not None:
            duration_s = float(stream.duration * base)
        else:
            duration_s = (container.duration or 0) / av.time_base
        if duration_s <= 0:
            raise BadInput(say("The video has no length."))
        return {
            "width": frame.width,
            "height": frame.height,
            "duration_s": duration_s,
            "codec": stream.codec_context.name,
            "has_audio": sound_stream_of(container) is not None,
            "fps": float(stream.average_rate or count / duration_s),
            "faststart": has_index_in_front(Path(clip)),
        }


def poster(*, clip: str, into: str) -> dict[str, Any]:
    """Write the first frame as a JPEG; says its size."""
    with opened_clip(clip) as container:
        image = to_image(_first_frame(container))
    with written_whole(Path(into)) as temporary:
        image.save(temporary, "JPEG", quality=88)
    return {"width": image.width, "height": image.height}


def _first_frame(container: InputContainer) -> VideoFrame:
    for frame in frames_of(container, container.streams.video[0]):
        return frame
    raise BadInput(CUT_OFF)
