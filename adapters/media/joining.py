"""Joins a clip and the one that continues it. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import VideoFrame

from adapters.media.colours import cropped, to_yuv420
from adapters.media.mp4 import opened_clip, packets_of, rewind, written_clip
from adapters.media.reel import ENCODER, Reel, encode_all, open_pictures, pictures_of, reel_of
from adapters.media.sound import Samples, SoundTrack, faded_in, faded_out, silence, sound_of

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

# Two sounds that know nothing of each other meet: without this it clicks.
_SEAM_S = 0.01


def join(*, first: str, second: str, into: str) -> dict[str, Any]:
    """Write both clips as one: the first one's size and frame rate, both sounds, and the shared picture once.

    The second begins with the first one's last picture. Where both came out of one encoder alike and the first one's
    last picture also stands last in the file, that one is left out and all others are copied as they are; else
    everything is encoded once. Says which (`copied`, `encoded`) and how long the result is.
    """
    one, two = reel_of(Path(first)), reel_of(Path(second))
    shared = 1 / two.rate
    rest = round((two.seconds - shared) * one.rate)
    seconds = (one.pictures + rest) / one.rate
    sound = _sounds(one, two, shared, seconds)
    with opened_clip(first) as a, opened_clip(second) as b:
        alike = rest > 0 and _are_alike(one, two, a.streams.video[0], b.streams.video[0])
        order = _Order.of(a, b) if alike else None
        with written_clip(Path(into)) as container:
            if order is not None:
                order.copy(a, b, container, sound, one.rate)
            else:
                stream = open_pictures(container, one, ENCODER)
                track = None if sound is None else SoundTrack(container, sound)
                following = _continuing(one, two, shared) if rest else ()
                encode_all(container, stream, chain(pictures_of(one), following), track)
    return {"how": "encoded" if order is None else "copied", "duration_s": float(seconds)}


def _continuing(one: Reel, two: Reel, shared: Fraction) -> Iterator[VideoFrame]:
    """What follows the shared picture, in the first clip's form: cut to its aspect, never stretched."""
    width, height = one.size
    for frame in pictures_of(two, rate=one.rate, skip=shared):
        yield to_yuv420(cropped(frame, width / height), one.size, one.matrix)


def _sounds(one: Reel, two: Reel, shared: Fraction, seconds: Fraction) -> Samples | None:
    before = sound_of(one.path, one.begin, one.seconds)
    after = sound_of(two.path, two.begin + shared, seconds - one.seconds)
    if before is None and after is None:
        return None
    return np.concatenate(
        [
            silence(one.seconds) if before is None else faded_out(before, _SEAM_S),
            silence(seconds - one.seconds) if after is None else faded_in(after, _SEAM_S),
        ],
        axis=1,
    )


def _are_alike(one: Reel, two: Reel, a: VideoStream, b: VideoStream) -> bool:
    """Whether a decoder that was set up for the first clip reads the second one, too."""
    mine, theirs = a.codec_context, b.codec_context
    return (
        one.is_steady
        and two.is_steady
        and (one.size, one.rate, one.look) == (two.size, two.rate, two.look)
        and mine.name == theirs.name == "h264"
        and mine.pix_fmt == theirs.pix_fmt == "yuv420p"
        and (a.time_base, a.width, a.height) == (b.time_base, b.width, b.height)
        # The encoder's settings as every decoder gets them, byte for byte: a file has room for one set.
        and mine.extradata is not None
        and mine.extradata == theirs.extradata
    )


class _Order:
    """The order of two clips' packets in one file: all of the first but its last, then all of the second."""

    def __init__(self, kept: int, shift_a: int, shift_b: int) -> None:
        self._kept = kept
        self._shift_a = shift_a
        self._shift_b = shift_b

    @classmethod
    def of(cls, a: InputContainer, b: InputContainer) -> _Order | None:
        """`None` where another picture is built upon the one to be left out, or times would run backwards."""
        before, after = _times(a), _times(b)
        if before is None or after is None or len(before) < 2:
            return None
        (left_out, _), (_, last_decoded) = before[-1], before[-2]
        (appears, begins) = after[0]
        if left_out != max(shown for shown, _ in before) or appears != min(shown for shown, _ in after):
            return None
        start = min(shown for shown, _ in before)
        shift_b = left_out - start - appears
        if last_decoded - start >= begins + shift_b:
            return None
        return cls(len(before) - 1, -start, shift_b)

    def copy(
        self, a: InputContainer, b: InputContainer, into: OutputContainer, sound: Samples | None, rate: Fraction
    ) -> None:
        """Copy the packets and encode the sound beside them."""
        stream = into.add_stream_from_template(a.streams.video[0])
        track = None if sound is None else SoundTrack(into, sound)
        done = 0
        for container, shift, most in ((a, self._shift_a, self._kept), (b, self._shift_b, None)):
            rewind(container)
            for number, packet in enumerate(packets_of(container, container.streams.video[0])):
                if number == most:
                    break
                assert packet.pts is not None
                assert packet.dts is not None
                packet.pts += shift
                packet.dts += shift
                packet.stream = stream
                into.mux(packet)
                done += 1
                if track is not None:
                    track.write_until(done / rate)
        if track is not None:
            track.finish()


def _times(container: InputContainer) -> list[tuple[int, int]] | None:
    """When each packet is shown and when it is decoded, in file order; `None` where that is not said of all of them."""
    found = []
    for packet in packets_of(container, container.streams.video[0]):
        if packet.pts is None or packet.dts is None or packet.is_discard:
            return None
        found.append((packet.pts, packet.dts))
    return found
