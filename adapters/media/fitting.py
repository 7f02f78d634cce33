"""Brings a clip below a number of bytes with as little loss as that allows. Runs in a worker process."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.media.clips import remux
from adapters.media.files import remove_quietly, written_whole
from adapters.media.mp4 import has_index_in_front, opened_clip, sound_stream_of, written_clip
from adapters.media.reel import Reel, open_pictures, pictures_of, reel_of
from adapters.media.sound import Samples, SoundTrack, sound_of
from bot.errors import BadInput
from bot.languages.said import say

if TYPE_CHECKING:
    from av.video.stream import VideoStream

AIM = 0.99
"""Of the room there is: what the rate control may miss by."""
PRESET = "veryfast"
MOST_PASSES = 4
SMALLEST_SIDE = 144
"""Pixels. Below this nobody sees what it is."""
THINNEST = 0.035
"""Bits per pixel and frame. With fewer, x264 shows blocks, and a smaller frame looks better at the same size."""

_SOUND_RATES = (128_000, 96_000, 64_000, 48_000, 32_000)
_MOST_FOR_SOUND = 0.12
# An MP4's index: so much for the file and for each packet in it.
_INDEX_BYTES, _PACKET_BYTES = 1_600, 10
_SAMPLES_PER_PACKET_S = Fraction(1024, 48_000)
# How far the decoder's buffer lets the rate swing. Shorter lands no better, longer swings above what there is.
_BUFFER_S = 1.5


def fit(*, clip: str, into: str, max_bytes: int) -> dict[str, Any]:
    """Write the clip to `into` in at most `max_bytes`; says its size in bytes and pixels, and how it was done.

    What fits is copied (`as_is`), or packed anew where its index stands at the end or room is wasted (`remuxed`). The
    rest is encoded once, to land just below the limit (`transcoded`), in a smaller frame where the bits get too thin
    for the one it has (`shrunk`). Only a pass that missed the limit is repeated. `BadInput` when it cannot be done.
    """
    source, target = Path(clip), Path(into)
    reel = reel_of(source)
    how = _without_encoding(source, target, max_bytes)
    if how is not None:
        return _answer(target, reel.size, how)
    sound = sound_of(source, reel.begin, reel.seconds)
    aim, smaller = AIM, 1.0
    for _ in range(MOST_PASSES):
        plan = _planned(reel, max_bytes, aim, smaller, has_sound=sound is not None)
        if plan is None:
            break
        size = _encode(reel, sound, plan, target, max_bytes)
        if size <= max_bytes:
            return _answer(target, plan.size, "transcoded" if plan.size == reel.size else "shrunk")
        remove_quietly(target)
        # A miss by little is the rate control's; by more, the coarsest quantiser is too fine for frames of this size.
        aim *= max_bytes / size * 0.97
        if size > max_bytes * 1.05:
            smaller *= 0.7
    raise BadInput(
        say(
            "The clip cannot be made smaller than {most:.2g} MB, which is the most that is taken here.",
            most=max_bytes / 1e6,
        )
    )


def _without_encoding(source: Path, target: Path, max_bytes: int) -> str | None:
    fits = source.stat().st_size <= max_bytes
    if fits and has_index_in_front(source):
        with written_whole(target) as temporary:
            shutil.copyfile(source, temporary)
        return "as_is"
    if fits or _packed_bytes(source) <= max_bytes:
        remux(clip=str(source), into=str(target))
        if target.stat().st_size <= max_bytes:
            return "remuxed"
        remove_quietly(target)
    return None


def _packed_bytes(source: Path) -> int:
    """What the pictures and the sound alone take; files carry previews, tags and holes, too."""
    with opened_clip(source) as container:
        sound = sound_stream_of(container)
        kept = [container.streams.video[0], *([sound] if sound is not None else [])]
        return sum(packet.size for packet in container.demux(*kept))


def _answer(target: Path, size: tuple[int, int], how: str) -> dict[str, Any]:
    return {"size_bytes": target.stat().st_size, "width": size[0], "height": size[1], "how": how}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How the room is divided."""

    size: tuple[int, int]
    room_bits: float
    """For pictures and sound together."""
    video_rate: float
    sound_rate: int


def _planned(reel: Reel, max_bytes: int, aim: float, smaller: float, *, has_sound: bool) -> _Plan | None:
    """`None` where not even the index and the thinnest sound leave anything for the pictures."""
    packets = reel.pictures + (math.ceil(reel.seconds / _SAMPLES_PER_PACKET_S) if has_sound else 0)
    room_bits = 8 * (aim * max_bytes - _INDEX_BYTES - _PACKET_BYTES * packets)
    rate = room_bits / float(reel.seconds)
    affordable = [each for each in _SOUND_RATES if each <= rate * _MOST_FOR_SOUND]
    sound_rate = (affordable or _SOUND_RATES[-1:])[0] if has_sound else 0
    video_rate = rate - sound_rate
    if video_rate < 1000:
        return None
    width, height = reel.size
    thinness = video_rate / (width * height * float(reel.rate)) / THINNEST
    scale = min(1.0, math.sqrt(thinness)) * smaller
    scale = min(1.0, max(scale, SMALLEST_SIDE / min(width, height)))
    size = reel.size if scale == 1.0 else (_even(width * scale), _even(height * scale))
    return _Plan(size=size, room_bits=room_bits, video_rate=video_rate, sound_rate=sound_rate)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _encode(reel: Reel, sound: Samples | None, plan: _Plan, target: Path, max_bytes: int) -> int:
    """One pass; the size it came to. Given up, without a file, as soon as that is above the limit."""
    with written_clip(target) as container:
        rate = str(round(plan.video_rate))
        options = {
            "preset": PRESET,
            # The same as the average: only then does x264 listen when the rate is changed under way.
            "maxrate": rate,
            "bufsize": str(round(plan.video_rate * min(_BUFFER_S, float(reel.seconds)))),
            "x264-params": "threads=1:lookahead-threads=1",
        }
        stream = open_pictures(container, reel, options, size=plan.size, bit_rate=round(plan.video_rate))
        track = None if sound is None else SoundTrack(container, sound, plan.sound_rate)
        spent = _Spent(stream, reel, plan)
        for number, frame in enumerate(pictures_of(reel, size=plan.size)):
            frame.pts, frame.time_base = number, 1 / reel.rate
            for packet in stream.encode(frame):
                spent.add(packet.size)
                container.mux(packet)
            if track is not None:
                track.write_until((number + 1) / reel.rate)
            spent.steer(track.size_bytes if track else 0)
        container.mux(stream.encode(None))
        if track is not None:
            track.finish()
    return target.stat().st_size


class _Spent:
    """What a pass has used up, and what that leaves for the frames to come.

    x264's own control of a short clip misses by up to a fifth; told again and again what is left and for how long, it
    lands within a few hundredths.
    """

    def __init__(self, stream: VideoStream, reel: Reel, plan: _Plan) -> None:
        self._codec = stream.codec_context
        self._reel = reel
        self._plan = plan
        self._pictures = 0
        self._bits = 0

    def add(self, size_bytes: int) -> None:
        """Another frame came out."""
        self._pictures += 1
        self._bits += 8 * size_bytes

    def steer(self, sound_bytes: int) -> None:
        """Divide what is left by the time that is left."""
        left_s = float((self._reel.pictures - self._pictures) / self._reel.rate)
        if not self._pictures or left_s <= 0:
            return
        left = self._plan.room_bits - self._bits - 8 * sound_bytes - self._plan.sound_rate * left_s
        rate = min(max(left / left_s, self._plan.video_rate / 5), self._plan.video_rate * 3)
        self._codec.bit_rate = max(1000, round(rate))
