"""Renders a camera move over a still picture: smooth to a fraction of a pixel, on one core, with numpy and x264.

How a frame is taken from the picture says `planes.py`; here are sizes, framings, the encoder and the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.video.stream import VideoStream
from PIL import Image

from adapters.media.mp4 import written_clip
from adapters.media.sound import SoundTrack
from adapters.providers.local.camera import Shot, Stage, View, view_at
from adapters.providers.local.planes import BT709, LIMITED_RANGE, Box, Planes
from adapters.providers.local.sound import read_sound

FRAMES_PER_S = 24
LONGEST_RATIO = 2.4
"""A picture longer than this is cropped to it (cinema's widest common format), never squeezed; pans use what is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """How views of a picture become rectangles: the picture's size, the clip's size, the widest crop."""

    picture: tuple[int, int]
    output: tuple[int, int]
    crop: tuple[float, float]

    @property
    def stage(self) -> Stage:
        """The same as fractions, for the camera."""
        return Stage(width=self.crop[0] / self.picture[0], height=self.crop[1] / self.picture[1])

    def box(self, view: View) -> Box:
        """Where in the picture a view lies."""
        width, height = self.crop[0] / view.zoom, self.crop[1] / view.zoom
        return Box(
            left=view.x * self.picture[0] - width / 2,
            top=view.y * self.picture[1] - height / 2,
            width=width,
            height=height,
        )


def output_size(width: int, height: int, resolution: str) -> tuple[int, int]:
    """The clip's size: the picture's own aspect with the short side at the resolution's figure, both sides even.

    A ratio above `LONGEST_RATIO` is cut to it.
    """
    short = int(resolution.removesuffix("p"))
    long = 2 * round(short * min(max(width, height) / min(width, height), LONGEST_RATIO) / 2)
    return (long, short) if width >= height else (short, long)


def framing(picture: tuple[int, int], output: tuple[int, int]) -> Framing:
    """Fit the widest crop with exactly the clip's aspect into the picture: rounding sizes must not stretch either."""
    scale = min(picture[0] / output[0], picture[1] / output[1])
    return Framing(picture=picture, output=output, crop=(output[0] * scale, output[1] * scale))


def render(
    *,
    picture: Path,
    into: Path,
    shot: Shot,
    resolution: str,
    frames: int,
    audio: Path | None = None,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Render the shot to an MP4 at `into`, with `audio` (a WAV) under it: whole and durable, or not there at all.

    `on_frame(done, total)` is called for every frame handed to the encoder and ends the render by raising; the last
    call, with `done == total`, comes once the file is complete. `NoClip` when the sound cannot be used.
    """
    samples = None if audio is None else read_sound(audio, Fraction(frames, FRAMES_PER_S))
    with Image.open(picture, formats=("JPEG",)) as opened:
        image = opened.convert("RGB")
    fit = framing(image.size, output_size(*image.size, resolution))
    path = shot.path(fit.stage)
    boxes = [fit.box(view_at(path, number, frames)) for number in range(frames)]
    planes = Planes(image, boxes, fit.output)
    del image
    with written_clip(into) as container:
        stream = open_stream(container, fit.output, frames)
        # Both streams before the first packet.
        track = None if samples is None else SoundTrack(container, samples)
        for number, box in enumerate(boxes):
            # Never `frames` itself here: the encoder holds frames back, and the end is the file being complete.
            on_frame(number, frames)
            frame = planes.frame(box)
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_S)
            container.mux(stream.encode(frame))
            if track is not None:
                track.write_until(Fraction(number + 1, FRAMES_PER_S))
        container.mux(stream.encode(None))
        if track is not None:
            track.finish()
    on_frame(frames, frames)


def open_stream(container: Any, size: tuple[int, int], frames: int) -> VideoStream:
    """Add the H.264 stream: veryfast, crf 18, one key frame for the whole clip (a second one pops), tagged BT.709."""
    stream: VideoStream = container.add_stream("libx264", rate=FRAMES_PER_S)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    codec = stream.codec_context
    codec.color_primaries = codec.color_trc = codec.colorspace = BT709
    codec.color_range = LIMITED_RANGE
    codec.time_base = Fraction(1, FRAMES_PER_S)
    # PyAV drops names it does not know in silence, so x264's own options travel in x264-params.
    # One thread: on one core's share of the machine more of them save no time that is ours, and cost size.
    longest_gop = max(frames, 250)
    params = f"keyint={longest_gop}:min-keyint={longest_gop}:scenecut=0:threads=1:lookahead-threads=1{_asm()}"
    codec.options = {"preset": "veryfast", "crf": "18", "x264-params": params}
    codec.open()
    if codec.options:
        raise RuntimeError(f"the encoder does not know {', '.join(codec.options)}")
    return stream


def _asm() -> str:
    """Keep x264 (core 165) off its AVX-512 code, which gives another file each time at some sizes (854x480 is one).

    It costs nothing (measured), and the same render stays the same file. Said only where AVX-512, hence AVX2, is
    there: x264 takes the word for it.
    """
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as facts:
            return ":asm=avx2" if "avx512bw" in facts.read(65536) else ""
    except OSError:
        return ""
