"""Makes a clip that never ends out of one that does: its end melts into its beginning. Runs in a worker process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from adapters.media.mp4 import written_clip
from adapters.media.reel import ENCODER, Reel, encode_all, open_pictures, pictures_of, reel_of
from adapters.media.sound import RATE, Samples, SoundTrack, sound_of
from bot.errors import BadInput
from bot.languages.said import say

FADE_S = Fraction(1, 2)


def loop(*, clip: Path, into: Path, on_frame: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Write a seamless loop of a clip to `into`: whole and durable, or not there at all.

    The last half second (at most a quarter of the clip) is cross-faded into the first and stands at the end; the loop
    is shorter by that and begins where the clip's first half second is over. Sound likewise. Holds half a second of
    pictures at most. `on_frame(done, total)` is called for every frame handed to the encoder and ends the work by
    raising; the last call, with `done == total`, comes once the file is complete. `BadInput` when the clip cannot be
    read or has fewer than four frames.
    """
    reel = reel_of(clip)
    overlap = min(round(FADE_S * reel.rate), reel.pictures // 4)
    if overlap < 1:
        raise BadInput(say("The clip has only {frames} frames, too few to make a loop of.", frames=reel.pictures))
    total = reel.pictures - overlap
    sound = sound_of(clip, reel.begin, reel.seconds)
    with written_clip(into) as container:
        stream = open_pictures(container, reel, ENCODER)
        track = None if sound is None else SoundTrack(container, _around(sound, overlap / reel.rate))
        # Never `total` itself in between: the encoder holds frames back, and the end is the file being complete.
        encode_all(container, stream, _looped(reel, overlap), track, lambda number: on_frame(number, total))
    on_frame(total, total)


def looped(*, clip: str, into: str) -> dict[str, Any]:
    """The same for the workshop's worker, which passes names and wants an answer."""
    loop(clip=Path(clip), into=Path(into))
    return {}


def _looped(reel: Reel, overlap: int) -> Iterator[VideoFrame]:
    head: list[VideoFrame] = []
    for number, frame in enumerate(pictures_of(reel)):
        into_the_end = number - (reel.pictures - overlap)
        if number < overlap:
            head.append(frame)
        elif into_the_end < 0:
            yield frame
        else:
            yield _mixed(frame, head[into_the_end], (into_the_end + 1) / (overlap + 1))


def _mixed(before: VideoFrame, after: VideoFrame, share: float) -> VideoFrame:
    # Eased: a fade at a steady pace is seen to begin and to end.
    weight = round(256 * share * share * (3 - 2 * share))
    mixed: NDArray[np.uint16] = before.to_ndarray().astype(np.uint16)
    mixed *= 256 - weight
    mixed += after.to_ndarray().astype(np.uint16) * weight
    mixed += 128
    mixed >>= 8
    frame = VideoFrame.from_ndarray(mixed.astype(np.uint8), format="yuv420p")
    frame.colorspace, frame.color_range = before.colorspace, before.color_range
    return frame


def _around(sound: Samples, seconds: Fraction) -> Samples:
    """As the pictures; by equal power, as two sounds that know nothing of each other add up."""
    length = round(seconds * RATE)
    turn = np.linspace(0, np.pi / 2, length, dtype=np.float32)
    end = sound[:, sound.shape[1] - length :] * np.cos(turn) + sound[:, :length] * np.sin(turn)
    return np.concatenate([sound[:, length : sound.shape[1] - length], end], axis=1)
