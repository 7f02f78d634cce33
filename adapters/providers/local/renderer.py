"""Renders a camera move over a still picture: smooth to a fraction of a pixel, on one core, with numpy and x264.

Each frame is resampled with two taps from planes that were band-limited to the tightest framing and then enlarged by
half. Two taps on a plane at the output's own scale blur at half pixels and not at whole ones, and the picture breathes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from adapters.media.files import written_whole
from adapters.providers.local import sound
from adapters.providers.local.camera import Shot, Stage, View, view_at

FRAMES_PER_S = 24
LONGEST_RATIO = 2.4
"""A picture longer than this is cropped to it (cinema's widest common format), never squeezed; pans use what is left."""

_OVERSAMPLING = 1.5
_BLOCK_ROWS = 48
_BT709 = 1
_LIMITED_RANGE = 1
# 8-bit R'G'B' to BT.709 limited range, as rows of (r, g, b, offset).
_KR, _KB = 0.2126, 0.0722
_KG = 1 - _KR - _KB
_Y, _C = 219 / 255, 224 / 255
_TO_YUV = (
    *(_KR * _Y, _KG * _Y, _KB * _Y, 16.0),
    *(-_KR / (1 - _KB) / 2 * _C, -_KG / (1 - _KB) / 2 * _C, _C / 2, 128.0),
    *(_C / 2, -_KG / (1 - _KR) / 2 * _C, -_KB / (1 - _KR) / 2 * _C, 128.0),
)

Plane = NDArray[np.uint8]
Positions = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in the picture's own pixels, edges as floats."""

    left: float
    top: float
    width: float
    height: float


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
    samples = None if audio is None else sound.read(audio, Fraction(frames, FRAMES_PER_S))
    with written_whole(into) as temporary:
        with Image.open(picture, formats=("JPEG",)) as opened:
            image = opened.convert("RGB")
        fit = framing(image.size, output_size(*image.size, resolution))
        path = shot.path(fit.stage)
        boxes = [fit.box(view_at(path, number, frames)) for number in range(frames)]
        planes = Planes(image, boxes, fit.output)
        del image
        try:
            _encode(temporary, fit.output, map(planes.frame, boxes), frames, samples, on_frame)
        except OSError as error:
            # FFmpeg's errors are OSErrors by their number; the file name in them is a temporary one of no use to anybody.
            raise OSError(error.errno, os.strerror(error.errno)) if error.errno else error from error
    on_frame(frames, frames)


def _encode(
    path: Path,
    size: tuple[int, int],
    images: Iterator[VideoFrame],
    frames: int,
    samples: sound.Samples | None,
    on_frame: Callable[[int, int], None],
) -> None:
    # The index before the pictures (faststart), so that players begin before the download has ended.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = open_stream(container, size, frames)
        # Both streams before the first packet.
        track = None if samples is None else sound.Track(container, samples)
        for number, image in enumerate(images):
            # Never `frames` itself here: the encoder holds frames back, and the end is the file being complete.
            on_frame(number, frames)
            image.pts = number
            image.time_base = Fraction(1, FRAMES_PER_S)
            container.mux(stream.encode(image))
            if track is not None:
                track.write_until(Fraction(number + 1, FRAMES_PER_S))
        container.mux(stream.encode(None))
        if track is not None:
            track.finish()
    _check_complete(path)


def _check_complete(path: Path) -> None:
    """Walk the file's boxes to its end: a write that failed while closing would otherwise pass unseen."""
    seen = []
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while len(head := file.read(8)) == 8:
            seen.append(head[4:])
            # No box is shorter than its head; 0 and 1 have other meanings, which no clip of ours has.
            file.seek(max(0, int.from_bytes(head[:4], "big") - 8), os.SEEK_CUR)
        if file.tell() != size or not {b"moov", b"mdat"} <= set(seen):
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def open_stream(container: Any, size: tuple[int, int], frames: int) -> VideoStream:
    """Add the H.264 stream: veryfast, crf 18, one key frame for the whole clip (a second one pops), tagged BT.709."""
    stream: VideoStream = container.add_stream("libx264", rate=FRAMES_PER_S)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    codec = stream.codec_context
    codec.color_primaries = codec.color_trc = codec.colorspace = _BT709
    codec.color_range = _LIMITED_RANGE
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


class Planes:
    """The picture as Y, U and V at the working scale, and frames taken from it."""

    def __init__(self, image: Image.Image, boxes: list[Box], output: tuple[int, int]) -> None:
        self._output = output
        self._region = _seen(boxes, image.size)
        left, top = round(self._region.left), round(self._region.top)
        seen = image.crop((left, top, left + round(self._region.width), top + round(self._region.height)))
        y, u, v = seen.convert("RGB", _TO_YUV).split()
        tightest = min(box.width for box in boxes)
        fineness = output[0] / tightest
        self._y = _plane(y, fineness)
        # Half the samples per side in the clip, so half of everything here.
        self._u, self._v = _plane(u, fineness / 2), _plane(v, fineness / 2)

    def frame(self, box: Box) -> VideoFrame:
        """What the camera sees of the picture in `box`, as a frame for the encoder."""
        width, height = self._output
        frame = VideoFrame(width, height, "yuv420p")
        frame.color_range = _LIMITED_RANGE
        frame.colorspace = _BT709
        step_x, step_y = box.width / width, box.height / height
        x0, y0 = box.left - self._region.left, box.top - self._region.top
        luma_x = x0 + (np.arange(width) + 0.5) * step_x
        luma_y = y0 + (np.arange(height) + 0.5) * step_y
        self._sample(self._y, luma_x, luma_y, frame, 0)
        # Chroma of H.264 sits on even luma columns and between luma rows (left-sited).
        chroma_x = x0 + (np.arange(width // 2) * 2 + 0.5) * step_x
        chroma_y = y0 + (np.arange(height // 2) * 2 + 1.0) * step_y
        self._sample(self._u, chroma_x, chroma_y, frame, 1)
        self._sample(self._v, chroma_x, chroma_y, frame, 2)
        return frame

    def _sample(self, plane: Plane, x: Positions, y: Positions, frame: VideoFrame, index: int) -> None:
        rows, columns = plane.shape
        place = frame.planes[index]
        target = np.frombuffer(memoryview(place), np.uint8).reshape(-1, place.line_size)[: len(y), : len(x)]
        i, wy = _taps(y * (rows / self._region.height) - 0.5, rows)
        j, wx = _taps(x * (columns / self._region.width) - 0.5, columns)
        # Only the columns in view are touched; `take` on a column slice would copy all of it each time.
        first, last = int(j[0]), int(j[-1]) + 2
        sub = plane[:, first:last]
        j = j - first
        _two_taps(sub, i, wy, j, wx.astype(np.uint32), target)


def _two_taps(
    sub: Plane, i: NDArray[np.intp], wy: NDArray[np.uint16], j: NDArray[np.intp], wx: NDArray[np.uint32], target: Plane
) -> None:
    """Linear in both directions in fixed point, in blocks of rows that stay in the cache."""
    wx0 = 256 - wx
    after = j + 1
    for top in range(0, len(i), _BLOCK_ROWS):
        block = slice(top, top + _BLOCK_ROWS)
        rows, low = i[block], wy[block, None]
        mixed = sub[rows] * (256 - low)
        mixed += sub[rows + 1] * low
        wide = mixed.take(j, 1) * wx0
        wide += mixed.take(after, 1) * wx
        wide += 32768
        wide >>= 16
        target[block] = wide


def _taps(position: Positions, length: int) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
    """The left tap and the right tap's weight (of 256). Beyond the edge the edge is repeated, never wrapped."""
    position = np.clip(position, 0.0, length - 1.0)
    left = np.minimum(position.astype(np.intp), length - 2)
    weight: NDArray[np.uint16] = np.rint((position - left) * 256).astype(np.uint16)
    return left, weight


def _seen(boxes: list[Box], picture: tuple[int, int]) -> Box:
    """The whole pixels of the picture that any box needs, with a margin for the filters."""
    margin = 16
    left = max(0, int(min(box.left for box in boxes)) - margin)
    top = max(0, int(min(box.top for box in boxes)) - margin)
    right = min(picture[0], int(max(box.left + box.width for box in boxes)) + 1 + margin)
    bottom = min(picture[1], int(max(box.top + box.height for box in boxes)) + 1 + margin)
    return Box(left=left, top=top, width=right - left, height=bottom - top)


def _plane(band: Image.Image, fineness: float) -> Plane:
    """Band-limit to `fineness` (output pixels per picture pixel in the tightest framing), then enlarge by half.

    Never above the picture's own scale: where that is coarser, its pixels are used as they are.
    """
    if fineness < 1:
        limited = _scaled(band, band.size, fineness)
        band = _scaled(limited, band.size, min(1.0, fineness * _OVERSAMPLING)) if limited.size != band.size else limited
    return np.asarray(band)


def _scaled(band: Image.Image, full: tuple[int, int], scale: float) -> Image.Image:
    # At least two samples a side: the sampler needs a neighbour.
    size = (max(2, round(full[0] * scale)), max(2, round(full[1] * scale)))
    return band if size == band.size else band.resize(size, Image.Resampling.LANCZOS)
