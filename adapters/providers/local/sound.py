"""A person's sound for under the clip: read from the WAV it was prepared as, exactly as long as the pictures."""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from adapters.media.sound import FADE_S, RATE, Samples, faded_out
from adapters.providers.local.folder import INPUT_GONE, LOCAL_FAULT, Failure, NoClip
from bot.languages.said import say


def read_sound(sound: Path, seconds: Fraction) -> Samples:
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
        message = say("The sound is no longer there to put under the clip: send it again.")
        raise NoClip(Failure(code=INPUT_GONE, message=message)) from error
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        raise _damaged() from error
    if filled == 0:
        raise _damaged()
    if filled == wanted:
        # Whether it was cut here or while it was prepared: an end in the middle of a tone clicks.
        return faded_out(samples, FADE_S)
    return samples


def _damaged() -> NoClip:
    message = say("The sound is damaged or holds nothing to hear: send it again as another file.")
    return NoClip(Failure(code=LOCAL_FAULT, message=message))
