"""Brings a picture into a model's limits. Runs in a worker process: what it opens was written by strangers."""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image, ImageChops, ImageCms, UnidentifiedImageError

from adapters.media.files import open_input, written_whole
from adapters.media.formats import FORMATS, has_too_many_scans, what_is_left_out
from bot.errors import BadInput
from bot.languages.said import listed, say

MAX_BYTES = 50_000_000
MAX_PIXELS = 50_000_000
SMALLEST_SIDE = 16
_QUALITIES = (92, 88, 84, 80, 74, 68, 60, 50, 40)


def prepare(*, source: str, into: str, min_side: int, max_side: int, max_bytes: int) -> dict[str, Any]:
    """Write `source` as an upright sRGB JPEG without metadata within the limits; say its size and what was changed.

    `BadInput` in one sentence when the picture cannot be used.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    changes: list[str] = []
    with open_input(source, "picture", MAX_BYTES) as file, _open(file) as opened:
        _check_size(*opened.size)
        _note_source(opened, file, changes)
        target = fit(*_upright_size(opened), min_side=min_side, max_side=max_side)
        image = _decode(opened)
    image = _upright(image, changes)
    image = _flat_srgb(image, changes)
    if image.size != target:
        changes.append(
            say(
                "resized from {before} to {after}",
                before=f"{image.width}x{image.height}",
                after=f"{target[0]}x{target[1]}",
            )
        )
        image = image.resize(target, Image.Resampling.LANCZOS)
    data = _encode(image, max_bytes, changes)
    with written_whole(Path(into), durable=False) as temporary:
        temporary.write_bytes(data)
    return {"width": target[0], "height": target[1], "changes": changes}


def warm() -> None:
    """Load what every picture needs, by bringing one of a few pixels through."""
    data = _encode(Image.new("RGB", (SMALLEST_SIDE, SMALLEST_SIDE)), MAX_BYTES, [])
    with _open(io.BytesIO(data)) as opened:
        _flat_srgb(_upright(_decode(opened), []), [])


def _note_source(opened: Image.Image, file: BinaryIO, changes: list[str]) -> None:
    left_out = what_is_left_out(opened, file)
    if left_out is not None:
        changes.append(left_out)
    for kind in FORMATS:
        if kind.pillow == opened.format and kind.is_converted:
            changes.append(say("converted from {format} to JPEG", format=kind.title))
    if opened.format == "TIFF" and _orientation(opened) in range(2, 9):
        changes.append(say("turned upright"))


def fit(width: int, height: int, *, min_side: int, max_side: int) -> tuple[int, int]:
    """The size a picture gets: shrunk until the long side fits, else enlarged until the short side does.

    `BadInput` when its ratio lets no size fit both.
    """
    long, short = max(width, height), min(width, height)
    scale = 1.0
    if long > max_side:
        scale = max_side / long
    elif short < min_side:
        scale = min_side / short
    new_long, new_short = round(long * scale), round(short * scale)
    if new_long > max_side or new_short < min_side:
        raise BadInput(
            say(
                "The picture is {size} pixels, {ratio:g} times as long as it is wide, and this model takes at most "
                "{most:g} times: crop it and send it again.",
                size=f"{width}x{height}",
                ratio=_rounded_down(long / short),
                most=_rounded_down(max_side / min_side),
            )
        )
    return (new_long, new_short) if width >= height else (new_short, new_long)


def _rounded_down(ratio: float) -> float:
    # The figure named as the most must itself be allowed.
    return math.floor(ratio * 10) / 10


def _open(file: BinaryIO) -> Image.Image:
    for kind in FORMATS:
        kind.register()
    if has_too_many_scans(file):
        raise BadInput(
            say("The picture is stored in far more passes than any program makes: save it again and send that.")
        )
    try:
        return Image.open(file, formats=[kind.pillow for kind in FORMATS])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        said = re.search(r"\((\d+) pixels\)", str(error))
        raise BadInput(_too_many(int(said[1]) if said else None)) from error
    except UnidentifiedImageError as error:
        formats = listed([kind.title for kind in FORMATS], "or")
        raise BadInput(
            say("This file is not a picture Reelbot can read: send a {formats}.", formats=formats)
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever their parsing met; all of it means the same here
        raise BadInput(_DAMAGED) from error


_DAMAGED = say("The picture is damaged or cut off: save or export it once more and send it again.")


def _too_many(pixels: int | None) -> str:
    most = MAX_PIXELS // 10**6
    if pixels:
        return say(
            "The picture has {size:.0f} megapixels and Reelbot takes at most {most}: send a smaller one.",
            size=pixels / 1e6,
            most=most,
        )
    return say("The picture has too many pixels and Reelbot takes at most {most}: send a smaller one.", most=most)


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadInput(_too_many(width * height))
    if width < 1 or height < 1:
        raise BadInput(_DAMAGED)
    # The ratio is checked by `fit`, which knows the model; a thin strip is refused there in its own words.
    if max(width, height) < SMALLEST_SIDE * 4 and min(width, height) < SMALLEST_SIDE:
        raise BadInput(
            say(
                "The picture is only {size} pixels: send one with at least {least} pixels on each side.",
                size=f"{width}x{height}",
                least=SMALLEST_SIDE,
            )
        )


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF says nothing about the picture, which may be perfectly good
        return 1


def _upright_size(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    # Of a TIFF Pillow turns size and pixels by itself, and forgets the tag while it decodes.
    if image.format == "TIFF":
        return width, height
    return (height, width) if _orientation(image) in (5, 6, 7, 8) else (width, height)


def _decode(image: Image.Image) -> Image.Image:
    try:
        image.load()
        if image.format in ("JPEG", "MPO") and image.mode == "CMYK" and "adobe" not in image.info:
            # Pillow takes every CMYK JPEG for one of Adobe's, whose inks are inverted.
            return ImageChops.invert(image)
        return image.copy()
    except MemoryError:
        raise
    except Exception as error:  # as in `_open`
        raise BadInput(_DAMAGED) from error


def _upright(image: Image.Image, changes: list[str]) -> Image.Image:
    orientation = _orientation(image)
    if orientation not in range(2, 9):
        return image
    with contextlib.suppress(Exception):  # turning rewrites the EXIF, which may be damaged; `_TURNS` needs none
        turned = image.transpose(_TURNS[orientation])
        turned.info = image.info
        changes.append(say("turned upright"))
        return turned
    return image


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _flat_srgb(image: Image.Image, changes: list[str]) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _eight_bit(image)
    image = _on_white(image, changes)
    if isinstance(profile, bytes) and profile and image.mode in ("L", "RGB", "CMYK"):
        image = _to_srgb(image, profile, changes)
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    import numpy as np

    # Pillow clips 16-bit grey at 255 in some conversions; dividing says what is meant.
    levels = np.nan_to_num(np.asarray(image).astype(np.float32))
    peak = 65535.0 if image.mode.startswith("I;16") else _white_of(float(levels.max(initial=0.0)), image.mode)
    return Image.fromarray(np.clip(np.rint(levels * (255.0 / peak)), 0, 255).astype(np.uint8))


def _white_of(highest: float, mode: str) -> float:
    """What 32-bit numbers mean by white: no file says, but their writers keep to one of these."""
    if mode == "F" and highest <= 1.0:
        return 1.0
    return next((peak for peak in (255.0, 65535.0) if highest <= peak), highest)


def _on_white(image: Image.Image, changes: list[str]) -> Image.Image:
    if image.mode == "1":
        return image.convert("L")
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode in ("L", "La") else "RGBA")
    elif image.mode == "P":
        return image.convert("RGB")
    if image.mode not in ("LA", "RGBA"):
        return image
    colour, alpha = image.convert(image.mode[:-1]), image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return colour
    changes.append(say("transparency laid on white"))
    white = Image.new(colour.mode, colour.size, "white")
    white.paste(colour, mask=alpha)
    return white


def _to_srgb(image: Image.Image, profile: bytes, changes: list[str]) -> Image.Image:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A profile that fits neither the picture nor the standard: its colours are then read as sRGB, as browsers do.
        return image
    if converted is None:
        return image
    changes.append(say("colours converted to sRGB"))
    return converted


def _encode(image: Image.Image, max_bytes: int, changes: list[str]) -> bytes:
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        # Only pixels go in: no EXIF, no profile, no comment. Colours keep full resolution, the video halves them anyway.
        image.info = {}
        image.save(buffer, "JPEG", quality=quality, subsampling=0)
        if buffer.tell() <= max_bytes:
            if quality != _QUALITIES[0]:
                changes.append(say("compressed to {size:.1f} MB", size=buffer.tell() / 1e6))
            return buffer.getvalue()
    raise BadInput(
        say(
            "The picture cannot be made smaller than {most:.1f} MB, which this model asks for: "
            "send it with fewer pixels.",
            most=max_bytes / 1e6,
        )
    )
