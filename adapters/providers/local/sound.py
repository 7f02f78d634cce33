"""A person's sound under the clip: AAC, 48 kHz, stereo, exactly as long as the pictures, in the same file in one go."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from adapters.providers.local.folder import INPUT_GONE, LOCAL_FAULT, Failure, NoClip

RATE = 48_000
_BIT_RATE = 160_000
_FRAME_SAMPLES = 1024
_FADE_SAMPLES = RATE * 80 // 1000

Samples = NDArray[np.float32]


def read(sound: Path, seconds: Fraction) -> Samples:
    """The sound as two rows of samples for exactly `seconds`: cut with a short fade, or followed by silence.

    `NoClip` when the file is not there or holds no sound that can be read.
    """
    wanted = round(seconds * RATE)
    samples = np.zeros((2, wanted), dtype=np.float32)
    filled = 0
    try:
        # The format is named and only files may be read: a playlist in disguise would fetch what it likes.
        with av.open(str(sound), "r", format="wav", options={"protocol_whitelist": "file"}) as container:
            if not container.streams.audio:
                raise _damaged()
            # One channel stays one here and is copied to both sides below: FFmpeg's own way takes 3 dB off it.
            mono = container.streams.audio[0].codec_context.channels == 1
            resampler = AudioResampler("fltp", "mono" if mono else "stereo", RATE)
            for heard in chain(container.decode(audio=0), (None,)):
                for piece in resampler.resample(heard):
                    part = piece.to_ndarray()[:, : wanted - filled]
                    samples[:, filled : filled + part.shape[1]] = part
                    filled += part.shape[1]
                if filled == wanted:
                    break
    except FileNotFoundError as error:
        message = "The sound is no longer there to put under the clip: send it again."
        raise NoClip(Failure(code=INPUT_GONE, message=message)) from error
    except (FFmpegError, ValueError) as error:
        raise _damaged() from error
    if filled == 0:
        raise _damaged()
    if filled == wanted:
        # Whether it was cut here or while it was prepared: an end in the middle of a tone clicks.
        fade = min(_FADE_SAMPLES, wanted)
        samples[:, wanted - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return samples


class Track:
    """The audio stream of a container, fed in step with the pictures. Add it before the first packet is written."""

    def __init__(self, container: Any, samples: Samples) -> None:
        self._container = container
        self._samples = samples
        self._written = 0
        self._stream = container.add_stream("aac", rate=RATE)
        self._stream.layout = "stereo"
        self._stream.bit_rate = _BIT_RATE

    def write_until(self, second: Fraction) -> None:
        """Encode what is heard before `second`, in whole frames: a player then finds sound and picture side by side."""
        while self._written + _FRAME_SAMPLES <= min(second * RATE, self._samples.shape[1]):
            self._write(_FRAME_SAMPLES)

    def finish(self) -> None:
        """Encode the rest, the last frame short, and what the encoder held back."""
        while (left := self._samples.shape[1] - self._written) > 0:
            self._write(min(left, _FRAME_SAMPLES))
        self._container.mux(self._stream.encode(None))

    def _write(self, count: int) -> None:
        part = np.ascontiguousarray(self._samples[:, self._written : self._written + count])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._written, Fraction(1, RATE)
        self._container.mux(self._stream.encode(frame))
        self._written += count


def _damaged() -> NoClip:
    message = "The sound is damaged or holds nothing to hear: send it again as another file."
    return NoClip(Failure(code=LOCAL_FAULT, message=message))
