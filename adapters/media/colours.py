"""A frame's colours: which matrix made them, and the way to RGB and to another frame size without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from PIL import Image

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

BT709 = 1
UNSPECIFIED = 2
LIMITED_RANGE = 1
FULL_RANGE = 2
HD_FROM_LINES = 720

# FFmpeg's numbers for what is written in files, and swscale's for the same matrices.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_TAGS = {Colorspace.ITU709: 1, Colorspace.FCC: 4, Colorspace.ITU601: 6, Colorspace.SMPTE240M: 7, Colorspace.BT2020: 9}
# swscale's defaults trade exactness for speed: by up to three levels, always in the same direction.
_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP


def matrix_of(colorspace: int, height: int) -> Colorspace:
    """The matrix that made these colours. Untagged HD video is BT.709 by custom; swscale's own default is BT.601."""
    custom = Colorspace.ITU709 if height >= HD_FROM_LINES else Colorspace.ITU601
    return _MATRICES.get(colorspace, custom)


def to_image(frame: VideoFrame) -> Image.Image:
    """The frame as an RGB picture, upright."""
    matrix = matrix_of(frame.colorspace, frame.height)
    full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    image: Image.Image = frame.to_image(  # type: ignore[no-untyped-call]
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.BICUBIC | _EXACT,
    )
    # A phone held upright writes its pictures lying and says how to turn them.
    return image.rotate(frame.rotation, expand=True) if frame.rotation % 360 else image


def to_yuv420(frame: VideoFrame, size: tuple[int, int], matrix: Colorspace) -> VideoFrame:
    """The frame in the encoder's form: 4:2:0, eight bits, limited range, `matrix`. Itself where it is that already."""
    own = matrix_of(frame.colorspace, frame.height)
    full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    if frame.format.name != "yuv420p" or (frame.width, frame.height) != size or full or own != matrix:
        smaller = size[0] < frame.width
        frame = frame.reformat(
            width=size[0],
            height=size[1],
            format="yuv420p",
            src_colorspace=own,
            dst_colorspace=matrix,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=(Interpolation.LANCZOS if smaller else Interpolation.BICUBIC) | _EXACT,
        )
    # Said aloud: whoever crops or shrinks it next could not guess it from its height any more.
    frame.colorspace, frame.color_range = _TAGS[matrix], LIMITED_RANGE
    # What the last encoder chose is no wish of ours: the next one takes it for an order.
    frame.pict_type = 0
    return frame


def cropped(frame: VideoFrame, aspect: float) -> VideoFrame:
    """The widest middle part of a 4:2:0 frame with this aspect: nothing is stretched."""
    width = min(frame.width, round(frame.height * aspect))
    height = min(frame.height, round(frame.width / aspect))
    if (width, height) == (frame.width, frame.height):
        return frame
    planes: Any = frame.to_ndarray()
    # Even edges: a colour sample belongs to four pixels.
    left, top = (frame.width - width) // 4 * 2, (frame.height - height) // 4 * 2
    width, height = width // 2 * 2, height // 2 * 2
    whole_height, half_width = frame.height, frame.width // 2
    luma = planes[:whole_height][top : top + height, left : left + width]
    colour = planes[whole_height:].reshape(2, whole_height // 2, half_width)
    part = colour[:, top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
    packed = np.concatenate([luma.ravel(), part.ravel()]).reshape(height * 3 // 2, width)
    result = VideoFrame.from_ndarray(np.ascontiguousarray(packed), format="yuv420p")
    result.pts, result.time_base = frame.pts, frame.time_base
    result.colorspace, result.color_range = frame.colorspace, frame.color_range
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a stream says that its samples are to be shown, in FFmpeg's numbers."""

    primaries: int
    transfer: int
    colorspace: int
    pixel_aspect: Fraction | None

    def tag(self, codec: VideoCodecContext, matrix: Colorspace) -> None:
        """Say the same of an encoder's stream, in limited range.

        Where nothing was said of HD, custom is written down: after shrinking nobody could guess it.
        """
        if self.colorspace == UNSPECIFIED and matrix == Colorspace.ITU709:
            codec.color_primaries = codec.color_trc = codec.colorspace = BT709
        else:
            codec.color_primaries, codec.color_trc, codec.colorspace = self.primaries, self.transfer, self.colorspace
        codec.color_range = LIMITED_RANGE
        if self.pixel_aspect:
            codec.sample_aspect_ratio = self.pixel_aspect


def look_of(codec: VideoCodecContext) -> Look:
    """What a clip's stream says."""
    return Look(
        primaries=codec.color_primaries,
        transfer=codec.color_trc,
        colorspace=codec.colorspace,
        pixel_aspect=codec.sample_aspect_ratio,
    )
