"""Brings a sound to a clip's length. Runs in a worker process: what it opens was written by strangers."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from numpy.typing import NDArray

from adapters.media.files import open_input, written_whole
from adapters.media.mp4 import sound_stream_of
from adapters.media.sound import FADE_S, RATE
from bot.errors import BadInput
from bot.languages.said import say

MAX_BYTES = 15_000_000
LONGEST_S = 30.0
SHORTEST_S = 0.1
LEAST_S = 3.0
"""What models take at least; a shorter sound is followed by silence."""

# An encoder fills its last block: thirty seconds of MP3 decode to a little more.
_TOLERANCE_S = 0.1
_RATES = (44_100, 48_000)
# A file that says one sample a second would grow to gigabytes.
_LOWEST_RATE, _HIGHEST_RATE = 4_000, 384_000
_NO_SOUND = say("This file is not a sound Reelbot can read: send a WAV or MP3.")
_DAMAGED = say("The sound is damaged or cut off: save or export it once more and send it again.")

Samples = NDArray[np.int16]


def prepare_audio(*, source: str, into: str, seconds: int) -> dict[str, Any]:
    """Write a WAV or MP3 as a 16-bit WAV no longer than `seconds` and no shorter than 3 s; say what was changed.

    `BadInput` in one sentence when the sound cannot be used: no WAV or MP3, damaged, under 0.1 s or over 30 s.
    """
    samples, rate, length_s = _decoded(_read(source), _RATES)
    changes: list[str] = []
    most_s = max(float(seconds), LEAST_S)
    kept = samples[: round(most_s * rate)]
    if len(kept) < len(samples):
        kept = _faded(kept, round(FADE_S * rate))
        # A few milliseconds are the encoder's, not the person's.
        if length_s - most_s >= 0.05:
            changes.append(say("cut from {before:.1f} s to {after:.1f} s", before=length_s, after=most_s))
    least = round(LEAST_S * rate)
    if len(kept) < least:
        if LEAST_S - length_s >= 0.05:
            changes.append(
                say("padded with silence from {before:.1f} s to {after:.1f} s", before=length_s, after=LEAST_S)
            )
        kept = np.concatenate([kept, np.zeros((least - len(kept), kept.shape[1]), np.int16)])
    with written_whole(Path(into), durable=False) as temporary:
        temporary.write_bytes(_wav(kept, rate))
    return {"duration_s": len(kept) / rate, "changes": changes}


def samples_of(source: str) -> NDArray[np.float32]:
    """A WAV or MP3 as a clip's sound: two rows at 48 kHz. `BadInput` as from `prepare_audio`."""
    samples, _, _ = _decoded(_read(source), (RATE,))
    rows: NDArray[np.float32] = samples.T.astype(np.float32)
    rows /= 32768
    return np.repeat(rows, 2, axis=0) if len(rows) == 1 else rows


def _read(source: str) -> bytes:
    with open_input(source, "sound", MAX_BYTES) as file:
        return file.read(MAX_BYTES + 1)


def _decoded(data: bytes, rates: tuple[int, ...]) -> tuple[Samples, int, float]:
    """All samples, one column a channel, at one of `rates` (the last unless they have it already); how long they are."""
    kind, begin = _kind(data)
    try:
        # From memory and with the format named: nothing in the file can make the decoder open anything else.
        with av.open(io.BytesIO(memoryview(data)[begin:]), "r", format=kind) as container:
            stream = sound_stream_of(container)
            if stream is None or not stream.codec_context.name.startswith(("pcm_", "adpcm_", "mp3")):
                raise BadInput(_NO_SOUND)
            stream.codec_context.thread_count = 1
            rate = stream.rate if stream.rate in rates else rates[-1]
            layout = "mono" if stream.channels == 1 else "stereo"
            most = round((LONGEST_S + _TOLERANCE_S) * rate)
            pieces: list[Samples] = []
            count = 0
            for piece in _resampled(_frames(container, stream), layout, rate):
                pieces.append(piece)
                count += len(piece)
                if count > most:
                    raise BadInput(
                        say(
                            "The sound is longer than {most:.0f} seconds, the most Reelbot takes: send a shorter one.",
                            most=LONGEST_S,
                        )
                    )
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        raise BadInput(_DAMAGED) from error
    if count / rate < SHORTEST_S:
        if count == 0:
            raise BadInput(say("There is no sound in this file: send one of 3 to {most:.0f} seconds.", most=LONGEST_S))
        raise BadInput(
            say(
                "The sound lasts only {length:.2f} seconds: send one of 3 to {most:.0f} seconds.",
                length=count / rate,
                most=LONGEST_S,
            )
        )
    return np.concatenate(pieces), rate, count / rate


def _kind(data: bytes) -> tuple[str, int]:
    """FFmpeg's name for what this is, and where it begins. By its bytes: names and types are what anybody says."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav", 0
    begin = 0
    tagged = data[:3] == b"ID3"
    # Tags may hold anything, also a picture that unpacks to gigabytes: what is not looked at cannot harm.
    while data[begin : begin + 3] == b"ID3" and len(data) >= begin + 10:
        size = 0
        for seven_bits in data[begin + 6 : begin + 10]:
            size = size << 7 | seven_bits & 0x7F
        begin += 10 + size + (10 if data[begin + 5] & 0x10 else 0)
    if tagged:
        # Padding between the tag and the first frame is common.
        begin = len(data) - len(data[begin:].lstrip(b"\0"))
    head = data[begin : begin + 2]
    # Eleven set bits, then a version that exists, then layer III.
    if len(head) == 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2 and head[1] & 0x18 != 0x08:
        return "mp3", begin
    raise BadInput(_DAMAGED if tagged else _NO_SOUND)


def _frames(container: Any, stream: Any) -> Iterator[AudioFrame]:
    """Every frame that decodes. A few broken packets are a scratch in the sound; mostly broken ones are no sound."""
    good = broken = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except FFmpegError as error:
            broken += 1
            if broken > 20 + good:
                raise BadInput(_DAMAGED) from error
            continue
        good += 1
        yield from frames
    if broken > good:
        raise BadInput(_DAMAGED)


def _resampled(frames: Iterator[AudioFrame], layout: str, rate: int) -> Iterator[Samples]:
    """16-bit pieces, one column a channel. A file may change its rate and channels under way (glued MP3s do)."""
    resampler, shape = None, None
    for frame in frames:
        now = (frame.sample_rate, frame.layout.name, frame.format.name)
        if not _LOWEST_RATE <= frame.sample_rate <= _HIGHEST_RATE:
            raise BadInput(_DAMAGED)
        if now != shape:
            if resampler is not None:
                yield from _columns(resampler.resample(None))
            resampler, shape = AudioResampler("s16", layout, rate), now
        assert resampler is not None
        frame.pts = None
        yield from _columns(resampler.resample(frame))
    if resampler is not None:
        yield from _columns(resampler.resample(None))


def _columns(frames: list[AudioFrame]) -> Iterator[Samples]:
    for frame in frames:
        if frame.samples:
            columns: Samples = np.asarray(frame.to_ndarray(), dtype=np.int16).reshape(frame.samples, -1)
            yield columns


def _faded(samples: Samples, length: int) -> Samples:
    length = min(length, len(samples))
    gain = np.ones((len(samples), 1), np.float32)
    gain[len(samples) - length :, 0] = np.linspace(1, 0, length, dtype=np.float32)
    result: Samples = np.rint(samples * gain).astype(np.int16)
    return result


def _wav(samples: Samples, rate: int) -> bytes:
    buffer = io.BytesIO()
    with closing(wave.open(buffer, "wb")) as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()
