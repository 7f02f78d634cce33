"""The sound of a clip: read as samples on the clip's own time, and written as AAC beside the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from adapters.media.mp4 import opened_clip, sound_stream_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

RATE = 48_000
FADE_S = 0.08
"""Where a sound is cut it ends softly: a hard end clicks."""
BIT_RATE = 160_000
_BLOCK = 1024
# Less than this is jitter of the time stamps, not silence.
_SMALLEST_GAP_S = 0.02

Samples = NDArray[np.float32]
"""Two rows, left and right, 48,000 columns a second."""


def silence(seconds: Fraction | float) -> Samples:
    """Nothing to hear."""
    return np.zeros((2, round(seconds * RATE)), np.float32)


def sound_of(clip: Path, begin: Fraction, seconds: Fraction) -> Samples | None:
    """What is heard from `begin` (on the file's own clock) for so long, with silence where there is nothing.

    `None` when the clip has no sound track. A sound that breaks off is heard until there.
    """
    with opened_clip(clip) as container:
        stream = sound_stream_of(container)
        if stream is None:
            return None
        stream.codec_context.thread_count = 1
        heard = silence(seconds)
        at = 0
        for piece, moment in _pieces(_frames(container, stream)):
            if moment is not None:
                at = round((moment - begin) * RATE)
            if at >= heard.shape[1]:
                break
            _lay(piece, heard, at)
            at += piece.shape[1]
        return heard


def _lay(piece: Samples, heard: Samples, at: int) -> None:
    first, last = max(at, 0), min(at + piece.shape[1], heard.shape[1])
    if first < last:
        heard[:, first:last] = piece[:, first - at : last - at]


def _frames(container: Any, stream: Any) -> Iterator[AudioFrame]:
    """Every frame that decodes: a scratch in the sound is no reason to lose the pictures."""
    try:
        for packet in container.demux(stream):
            try:
                yield from packet.decode()
            except MemoryError:
                raise
            except FFmpegError:
                continue
    except MemoryError:
        raise
    except FFmpegError:
        return


def _pieces(frames: Iterator[AudioFrame]) -> Iterator[tuple[Samples, Fraction | None]]:
    """Stereo at our rate; with each piece the moment it begins where that does not follow from the one before."""
    resampler, shape, end = None, None, None
    for frame in frames:
        now = (frame.sample_rate, frame.layout.name, frame.format.name)
        begin = frame.pts * frame.time_base if frame.pts is not None and frame.time_base is not None else end
        jumps = begin is None or end is None or abs(begin - end) >= _SMALLEST_GAP_S
        if now != shape:
            # One channel stays one here and is heard on both sides below: FFmpeg's own way takes 3 dB off it.
            resampler, shape = AudioResampler("fltp", "mono" if frame.layout.nb_channels == 1 else "stereo", RATE), now
        assert resampler is not None
        end = (begin or Fraction(0)) + Fraction(frame.samples, frame.sample_rate)
        # Its place is kept by us: the resampler would fill gaps by its own rules.
        frame.pts = None
        for done in resampler.resample(frame):
            if done.samples:
                yield _both_sides(done), (begin or Fraction(0)) if jumps else None
                jumps = False
    for done in resampler.resample(None) if resampler is not None else ():
        if done.samples:
            yield _both_sides(done), None


def _both_sides(frame: AudioFrame) -> Samples:
    rows = np.asarray(frame.to_ndarray(), np.float32)
    return np.repeat(rows, 2, axis=0) if len(rows) == 1 else rows


def faded_out(samples: Samples, seconds: float) -> Samples:
    """The same with a soft end: a hard one clicks."""
    length = min(round(seconds * RATE), samples.shape[1])
    result = samples.copy()
    if length:
        result[:, -length:] *= np.linspace(1, 0, length, dtype=np.float32)
    return result


def faded_in(samples: Samples, seconds: float) -> Samples:
    """The same with a soft beginning."""
    return faded_out(samples[:, ::-1], seconds)[:, ::-1]


def cut_or_padded(samples: Samples, seconds: Fraction) -> Samples:
    """Exactly so long: cut with a soft end, or followed by silence."""
    length = round(seconds * RATE)
    if samples.shape[1] > length:
        return faded_out(samples[:, :length], FADE_S)
    return np.pad(samples, ((0, 0), (0, length - samples.shape[1])))


class SoundTrack:
    """Samples on their way into a file, in step with its pictures."""

    def __init__(self, container: OutputContainer, samples: Samples, bit_rate: int = BIT_RATE) -> None:
        self._container = container
        self._samples = np.clip(samples, -1, 1)
        self._at = 0
        self.size_bytes = 0
        """So far."""
        self._stream: AudioStream = container.add_stream("aac", rate=RATE)
        self._stream.codec_context.layout = "stereo"
        self._stream.codec_context.bit_rate = bit_rate

    def write_until(self, seconds: Fraction | float) -> None:
        """Encode everything that is heard before this moment."""
        while self._at < self._samples.shape[1] and self._at < seconds * RATE:
            # The last one is short: the track is as long as the pictures, not as its last whole block.
            block = np.ascontiguousarray(self._samples[:, self._at : self._at + _BLOCK])
            frame = AudioFrame.from_ndarray(block, "fltp", "stereo")
            frame.sample_rate = RATE
            frame.pts, frame.time_base = self._at, Fraction(1, RATE)
            self._write(frame)
            self._at += block.shape[1]

    def finish(self) -> None:
        """Encode the rest and what the encoder holds back."""
        self.write_until(Fraction(self._samples.shape[1] + 1, RATE))
        self._write(None)

    def _write(self, frame: AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self.size_bytes += packet.size
            self._container.mux(packet)
