"""MP4 files: opened with suspicion, read with one kind of error, written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.error import FFmpegError

from adapters.media.files import open_input, written_whole
from bot.errors import BadInput
from bot.languages.said import say

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_BYTES = 4_000_000_000
MAX_SIDE = 8192
NOT_A_VIDEO = say("This file is not a playable MP4 video.")
_OUT_OF_ORDER = say("The video is damaged: its pictures are not in an order that can be played.")
CUT_OFF = say("The video is damaged or cut off: its last pictures are missing.")


@contextmanager
def opened_clip(clip: Path | str) -> Iterator[InputContainer]:
    """A clip to read from, on one thread. `BadInput` in one sentence when it is no MP4 with pictures in it."""
    open_input(str(clip), "video", MAX_BYTES).close()
    with _reading(NOT_A_VIDEO):
        # The format is named and only files may be read: a playlist in disguise would otherwise fetch what it likes.
        container = av.open(str(clip), "r", format="mov", options={"protocol_whitelist": "file"})
    with container:
        if not container.streams.video:
            raise BadInput(say("The file has no pictures in it, only sound: this is not a video."))
        stream = container.streams.video[0]
        if not has_decoder(stream):
            raise BadInput(NOT_A_VIDEO)
        if not (0 < stream.width <= MAX_SIDE and 0 < stream.height <= MAX_SIDE):
            raise BadInput(
                say("The video is {size} pixels, more than Reelbot can read.", size=f"{stream.width}x{stream.height}")
            )
        stream.codec_context.thread_count = 1
        yield container


def has_decoder(stream: VideoStream | AudioStream) -> bool:
    """Whether FFmpeg knows what the stream holds. PyAV's types promise a context; a file may disappoint them."""
    return getattr(stream, "codec_context", None) is not None


def sound_stream_of(container: InputContainer) -> AudioStream | None:
    """The first sound track that can be decoded."""
    return next((stream for stream in container.streams.audio if has_decoder(stream)), None)


def rewind(container: InputContainer) -> None:
    """Go back to the first packet."""
    with _reading(CUT_OFF):
        container.seek(0)


def packets_of(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Every packet that holds something, in the order they are decoded."""
    packets = container.demux(stream)
    while True:
        with _reading(CUT_OFF):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.size:
            yield packet


def frames_of(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every frame, in the order they are shown. `BadInput` at the first that cannot be decoded."""
    frames = container.decode(stream)
    while True:
        with _reading(CUT_OFF):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


@contextmanager
def _reading(sentence: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        raise BadInput(sentence) from error


@contextmanager
def written_clip(into: Path) -> Iterator[OutputContainer]:
    """An MP4 to write to, which stands at `into` when the block ends well: complete, durable, its index in front."""
    with written_whole(into) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as container:
                yield container
            _check_complete(temporary)
        except MemoryError:
            raise
        except FFmpegError as error:
            if isinstance(error, OSError) and error.errno is not None:
                # The file name that FFmpeg's error carries is a temporary one, of no use to anybody.
                raise OSError(error.errno, os.strerror(error.errno)) from error
            # What an encoder of ours made is always taken; packets that were copied may stand in an order that is not.
            raise BadInput(_OUT_OF_ORDER) from error


def _boxes(path: Path) -> list[bytes]:
    """The names of the file's outermost boxes in order; what does not reach its own end is left out."""
    found = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        at = 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            elif length == 0:
                length = size - at
            at += max(length, 8)
            if at <= size:
                found.append(head[4:8])
    return found


def has_index_in_front(path: Path) -> bool:
    """Whether a player can begin before it has read the pictures."""
    boxes = _boxes(path)
    return b"moov" in boxes and b"mdat" in boxes and boxes.index(b"moov") < boxes.index(b"mdat")


def _check_complete(path: Path) -> None:
    # Moving the index to the front rewrites the file while it is closed, and what fails then passes unseen; only a
    # disk without room does that.
    if not {b"moov", b"mdat"} <= set(_boxes(path)):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
