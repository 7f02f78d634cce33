"""A clip as an editor sees it: so many pictures at a steady rate, and a sound beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from adapters.media.colours import Look, look_of, matrix_of, to_yuv420
from adapters.media.mp4 import CUT_OFF, frames_of, opened_clip, packets_of
from adapters.media.sound import SoundTrack
from bot.errors import BadInput
from bot.languages.said import say

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

ENCODER = {"preset": "veryfast", "crf": "17", "x264-params": "threads=1:lookahead-threads=1"}
"""For clips that are made anew: as good as one sees. One thread: more would save no time that is ours."""
LONGEST_S = 600
_FASTEST = 120
_FINEST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Reel:
    """What is known of a clip once all its packets have been seen, without decoding one."""

    path: Path
    size: tuple[int, int]
    """Even: H.264 halves its colours."""
    rate: Fraction
    """Pictures a second."""
    begin: Fraction
    """When the first picture is shown, in seconds on the file's own clock."""
    pictures: int
    """At `rate`, until the last one has been shown for its time."""
    is_steady: bool
    """Every picture is shown equally long, so that pictures here are frames there."""
    look: Look
    matrix: Colorspace

    @property
    def seconds(self) -> Fraction:
        """How long it is shown."""
        return self.pictures / self.rate


def reel_of(clip: Path) -> Reel:
    """Read all packets of a clip. `BadInput` when it is no video, is cut off, or is over ten minutes long."""
    with opened_clip(clip) as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(1, 90_000)
        announced = stream.frames
        shown: list[int] = []
        last_duration = 0
        for packet in packets_of(container, stream):
            if packet.pts is None:
                raise BadInput(CUT_OFF)
            if packet.is_corrupt:
                raise BadInput(CUT_OFF)
            if not packet.is_discard:
                shown.append(packet.pts)
                last_duration = packet.duration or last_duration
        if not shown or len(shown) < announced * 9 // 10:
            raise BadInput(CUT_OFF)
        shown.sort()
        steps = {after - before for before, after in pairwise(shown)}
        rate = _rate(stream, base, steps, last_duration)
        # Rounding to the time base's grid makes steps of two lengths of a steady rate that the grid does not hold.
        is_steady = len(steps) <= 1 or (max(steps) - min(steps) <= 1 and min(steps) > 0)
        last = last_duration * base if last_duration else 1 / rate
        length = (shown[-1] - shown[0]) * base + last
        if length > LONGEST_S:
            raise BadInput(
                say("The video is longer than {most} minutes, the most Reelbot works on.", most=LONGEST_S // 60)
            )
        codec = stream.codec_context
        return Reel(
            path=clip,
            size=(max(2, stream.width // 2 * 2), max(2, stream.height // 2 * 2)),
            rate=rate,
            begin=shown[0] * base,
            pictures=len(shown) if is_steady else max(1, round(length * rate)),
            is_steady=is_steady,
            look=look_of(codec),
            matrix=matrix_of(codec.colorspace, stream.height),
        )


def _rate(stream: VideoStream, base: Fraction, steps: set[int], last_duration: int) -> Fraction:
    if len(steps) == 1 and (only := next(iter(steps))) > 0:
        rate = 1 / (only * base)
    elif not steps and last_duration > 0:
        rate = 1 / (last_duration * base)
    else:
        # The grid that all times lie on, so that no picture of an unsteady clip is lost; unless it is a needless fine one.
        grid, average = stream.base_rate, stream.average_rate
        rate = grid if grid and grid <= _FINEST else average or Fraction(24)
    return min(max(Fraction(rate).limit_denominator(1001), Fraction(1)), Fraction(_FASTEST))


def pictures_of(
    reel: Reel, *, size: tuple[int, int] | None = None, rate: Fraction | None = None, skip: Fraction = Fraction(0)
) -> Iterator[VideoFrame]:
    """All pictures from `skip` seconds on, in the encoder's form, at another rate where one is given.

    Whoever takes a picture may set its time; it is the same object twice where a picture is shown longer.
    """
    with opened_clip(reel.path) as container:
        wanted = rate or reel.rate
        count = max(1, round((reel.seconds - skip) * wanted))
        frames = frames_of(container, container.streams.video[0])
        yield from (
            to_yuv420(frame, size or reel.size, reel.matrix)
            for frame in _at_times(frames, reel.begin + skip, wanted, count)
        )


def _at_times(frames: Iterable[VideoFrame], begin: Fraction, rate: Fraction, count: int) -> Iterator[VideoFrame]:
    """`count` frames, each the one that is shown at its moment; the last one stays where no more come."""
    current: VideoFrame | None = None
    done = 0
    for frame in frames:
        if frame.pts is None or frame.time_base is None:
            raise BadInput(CUT_OFF)
        moment = frame.pts * frame.time_base
        # Half a step of mercy: times are rounded to the grids of their files.
        while current is not None and done < count and begin + (done + Fraction(1, 2)) / rate < moment:
            yield current
            done += 1
        if done >= count:
            return
        current = frame
    if current is None:
        raise BadInput(CUT_OFF)
    while done < count:
        yield current
        done += 1


def open_pictures(
    container: OutputContainer,
    reel: Reel,
    options: dict[str, str],
    *,
    size: tuple[int, int] | None = None,
    bit_rate: int | None = None,
) -> VideoStream:
    """Add an H.264 stream in the form of `reel`, tagged with its colours. x264's own words belong into `x264-params`."""
    stream: VideoStream = container.add_stream("libx264", rate=reel.rate)
    stream.width, stream.height = size or reel.size
    stream.pix_fmt = "yuv420p"
    codec = stream.codec_context
    codec.time_base = 1 / reel.rate
    reel.look.tag(codec, reel.matrix)
    if bit_rate is not None:
        codec.bit_rate = bit_rate
    codec.options = dict(options)
    codec.open()
    # PyAV drops names that it does not know in silence, and keeps them here.
    if codec.options:
        raise RuntimeError(f"the encoder does not know {', '.join(codec.options)}")
    return stream


def encode_all(
    container: OutputContainer,
    stream: VideoStream,
    pictures: Iterable[VideoFrame],
    sound: SoundTrack | None,
    on_frame: Callable[[int], None] = lambda number: None,
) -> None:
    """Encode pictures one after the other, each with its part of the sound, to the end of both."""
    rate = 1 / stream.codec_context.time_base
    for number, frame in enumerate(pictures):
        on_frame(number)
        frame.pts, frame.time_base = number, 1 / rate
        container.mux(stream.encode(frame))
        if sound is not None:
            sound.write_until((number + 1) / rate)
    container.mux(stream.encode(None))
    if sound is not None:
        sound.finish()
