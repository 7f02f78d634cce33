"""Clips and sounds, made on the spot: every picture carries its number, every sound its pitch."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (160, 120)
FPS = 24
RATE = 48_000
BT601, BT709 = 5, 1


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A gradient with a box that moves, and the number in the middle as eight black or white squares."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = columns * 200 // width + 20, rows * 200 // height + 20, 90
    left = number * 3 % (width - 20)
    image[height - 24 : height - 4, left : left + 20] = (230, 60, 60)
    for bit in range(8):
        image[_square(bit, size)] = 255 if number >> bit & 1 else 0
    return image


def _square(bit: int, size: tuple[int, int], margin: int = 0) -> tuple[slice, slice]:
    top, left = size[1] // 2 - 6, size[0] // 2 - 64 + bit * 16
    return slice(top + margin, top + 12 - margin), slice(left + margin, left + 14 - margin)


def film(
    path: Path,
    numbers: range = range(24),
    *,
    size: tuple[int, int] = SIZE,
    fps: int = FPS,
    pitch: float | None = None,
    layout: str = "stereo",
    colour: tuple[int, int, int] | None = None,
    bt709: bool = True,
    x264: str = "",
    crf: int = 16,
    faststart: bool = True,
    noise: bool = False,
    grain: int = 0,
) -> Path:
    """A clip of the pictures with these numbers, H.264, with a tone of `pitch` Hz where one is given."""
    matrix = BT709 if bt709 else BT601
    rng = np.random.default_rng(7)
    options = {"movflags": "+faststart"} if faststart else {}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        codec = video.codec_context
        if bt709:
            codec.color_primaries = codec.color_trc = codec.colorspace = codec.color_range = 1
        codec.options = {"preset": "veryfast", "crf": str(crf), "x264-params": f"threads=1{x264 and ':' + x264}"}
        sound = None
        if pitch is not None:
            sound = container.add_stream("aac", rate=RATE)
            sound.codec_context.layout = layout
        for index, number in enumerate(numbers):
            image = picture(number, size)
            if noise:
                image = rng.integers(0, 256, image.shape, dtype=np.uint8)
            if grain:
                image = np.clip(image + rng.integers(-grain, grain + 1, image.shape), 0, 255).astype(np.uint8)
            if colour is not None:
                image[:] = colour
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(
                format="yuv420p", src_colorspace=matrix, dst_colorspace=matrix, src_color_range=2, dst_color_range=1
            )
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            samples = tone(pitch or 0, len(numbers) / fps, channels=1 if layout == "mono" else 2)
            for at in range(0, samples.shape[1], 1024):
                piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, at : at + 1024]), "fltp", layout)
                piece.sample_rate, piece.pts, piece.time_base = RATE, at, Fraction(1, RATE)
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))
    return path


def tone(pitch: float, seconds: float, *, rate: int = RATE, channels: int = 2) -> np.ndarray:
    """A sine at a third of full scale, one row a channel."""
    wave_ = 0.33 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    return np.repeat(wave_.astype(np.float32)[None], channels, axis=0)


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A 16-bit WAV."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples.T * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def encoded(samples: np.ndarray, rate: int = RATE, *, codec: str = "mp3", container: str = "mp3") -> bytes:
    """The same as FFmpeg writes it, an MP3 unless told otherwise."""
    buffer = io.BytesIO()
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.codec_context.layout = layout
        kind = stream.codec_context.format.name if codec != "mp3" else "fltp"
        resampler = av.AudioResampler(kind, layout, rate, frame_size=1152 if codec == "mp3" else 1024)
        whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        whole.sample_rate, whole.pts = rate, 0
        for frame in [*resampler.resample(whole), *resampler.resample(None)]:
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


# --- reading them again ------------------------------------------------------------------------------------------


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def numbers_in(path: Path) -> list[int]:
    """The numbers of a clip's pictures, as the frames show them."""
    found = []
    for frame in frames(path):
        luma = frame.to_ndarray()[: frame.height]
        size = (frame.width, frame.height)
        found.append(sum(1 << bit for bit in range(8) if luma[_square(bit, size, 3)].mean() > 128))
    return found


def moments_in(path: Path) -> list[Fraction]:
    """When each of its pictures is shown, in seconds."""
    return [frame.pts * frame.time_base for frame in frames(path)]


def sound_in(path: Path) -> np.ndarray:
    """Its sound, two rows at 48 kHz, from the moment the clip begins."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("fltp", "stereo", RATE)
        pieces = [done.to_ndarray() for frame in container.decode(audio=0) for done in resampler.resample(frame)]
        return np.concatenate(pieces, axis=1)


def pitch_at(samples: np.ndarray, second: float) -> int:
    """The loudest frequency around a moment in Hz, to about 10; 0 for silence."""
    at = round(second * RATE)
    part = samples[0, max(0, at - 960) : at + 960]
    if np.abs(part).max(initial=0) < 0.01:
        return 0
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), RATE))
    return int(spectrum.argmax())


def mean_colour(path: Path) -> np.ndarray:
    """The mean colour of its last frame, decoded by the matrix the file names (BT.601 where it names none)."""
    frame = frames(path)[-1]
    matrix = BT709 if frame.colorspace == 1 else BT601
    image = frame.to_ndarray(format="rgb24", src_colorspace=matrix, dst_colorspace=matrix)
    return image.reshape(-1, 3).mean(axis=0)
