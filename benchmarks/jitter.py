"""How steadily a camera moves and how sharp it sees: measured in a clip's decoded frames against its picture.

Also what the renderer's own tests measure with. How it is done, and how it was checked, is in `measure`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from adapters.providers.local.camera import Shot, view_at
from adapters.providers.local.renderer import Box, framing

Floats = NDArray[np.float64]

_PAD = 8
_BORDER = 12
"""Pixels at the edge that do not count: the gradients of the ideal are one-sided there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steadiness:
    """What was found in a clip (luma)."""

    jitter_px: float
    """RMS of the camera's unsteadiness, in pixels of the clip."""
    sharpness: float
    """Gradient energy of the decoded frames beside the ideal ones'; 1 is Lanczos from the source, uncompressed."""
    breathing: float
    """How much that changes over time (standard deviation): a picture that blurs and clears again breathes."""


def measure(clip: Path, picture: Path, shot: Shot, *, bt709: bool = True, every: int = 3) -> Steadiness:
    """Compare every so many frames of the clip with what the shot's camera should have seen.

    The ideal frame is rendered from the source at the nominal camera. What the decoded frame differs by is explained,
    by weighted least squares, as a camera error (two shifts and a scale), blur, gain and offset; the ideal is rendered
    again at the corrected camera until the step is small. The error at nine points of the frame, less a polynomial of
    degree 5 in time (a smooth error is no jitter), is the jitter, as RMS.
    """
    source = _source(picture, bt709)
    size = (source.width - 2 * _PAD, source.height - 2 * _PAD)
    errors, times, energies = [], [], []
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        output, frames = (stream.width, stream.height), stream.frames
        fit = framing(size, output)
        path = shot.path(fit.stage)
        points = np.array([(x, y) for x in (-0.4, 0.0, 0.4) for y in (-0.4, 0.0, 0.4)]) * output
        for number, frame in enumerate(container.decode(stream)):
            if number % every == 0:
                seen = frame.to_ndarray()[: output[1], : output[0]].astype(np.float64)
                error = _camera_error(seen, source, fit.box(view_at(path, number, frames)))
                errors.append(np.stack([error.dx + error.scale * points[:, 0], error.dy + error.scale * points[:, 1]]))
                energies.append(_energy(seen) / _energy(error.ideal))
                times.append(number / frames)
    moved = np.array(errors).reshape(len(times), -1)
    smooth = np.polynomial.polynomial.polyfit(np.array(times), moved, 5)
    rest = moved - np.polynomial.polynomial.polyval(np.array(times), smooth).T
    # Degrees of freedom of the polynomial are given back, so that measuring fewer frames flatters nobody.
    squares = (rest.reshape(len(times), 2, -1) ** 2).sum(axis=1).mean()
    return Steadiness(
        jitter_px=float(np.sqrt(squares * len(times) / (len(times) - 6))),
        sharpness=float(np.mean(energies)),
        breathing=float(np.std(energies)),
    )


@lru_cache(maxsize=4)
def _source(picture: Path, bt709: bool) -> Image.Image:
    """The picture's luma, padded by its own edge: Pillow refuses a box that pokes out, as a corrected one may."""
    with Image.open(picture) as opened:
        red, green, blue = (np.asarray(band, dtype=np.float64) for band in opened.convert("RGB").split())
    kr, kb = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    luma = 16 + 219 / 255 * (kr * red + (1 - kr - kb) * green + kb * blue)
    return Image.fromarray(np.pad(luma, _PAD, mode="edge").astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """How far a frame's camera is from where it should be: shift in output pixels, relative scale; and its ideal."""

    dx: float
    dy: float
    scale: float
    ideal: Floats


def _camera_error(seen: Floats, source: Image.Image, box: Box) -> _Error:
    """By Gauss-Newton."""
    height, width = seen.shape
    dx = dy = scale = 0.0
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = x - width / 2 + 0.5, y - height / 2 + 0.5
    # Every second row and column: six figures need no more, and neighbours say nearly the same.
    inner = (slice(_BORDER, -_BORDER, 2), slice(_BORDER, -_BORDER, 2))
    for _ in range(4):
        ideal = _ideal(source, box, (width, height), dx, dy, scale)
        gx, gy = np.gradient(ideal, axis=1), np.gradient(ideal, axis=0)
        blur = np.gradient(gx, axis=1) + np.gradient(gy, axis=0)
        columns = [gx, gy, gx * x + gy * y, blur, ideal, np.ones_like(ideal)]
        # Columns of like size, else the normal equations lose digits.
        design = np.stack([column[inner].ravel() for column in columns], axis=-1)
        sizes = np.linalg.norm(design, axis=0)
        step = _huber(design / sizes, (seen - ideal)[inner].ravel()) / sizes
        # The picture seen is the ideal moved by -step (content moves against the gradient).
        dx, dy, scale = dx - step[0], dy - step[1], scale - step[2]
        if max(abs(step[0]), abs(step[1]), abs(step[2]) * width / 2) < 0.006:
            break
    return _Error(dx=dx, dy=dy, scale=scale, ideal=ideal)


def _huber(design: Floats, residual: Floats) -> Floats:
    """Least squares in which a residual far beyond the usual counts less."""
    weights = np.ones(len(residual))
    found = np.zeros(design.shape[1])
    for _ in range(3):
        weighted = design * weights[:, None]
        found = np.linalg.solve(weighted.T @ design, weighted.T @ residual)
        rest = np.abs(residual - design @ found)
        limit = 1.345 * 1.4826 * float(np.median(rest)) + 1e-9
        weights = np.minimum(1.0, limit / np.maximum(rest, 1e-9))
    return found


def _ideal(source: Image.Image, box: Box, output: tuple[int, int], dx: float, dy: float, scale: float) -> Floats:
    """The frame as Lanczos makes it from the source, its content moved by dx, dy and grown by scale."""
    width, height = box.width / (1 + scale), box.height / (1 + scale)
    left = _PAD + box.left + (box.width - width) / 2 - dx * box.width / output[0]
    top = _PAD + box.top + (box.height - height) / 2 - dy * box.height / output[1]
    frame = source.resize(output, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))
    return np.asarray(frame, dtype=np.float64)


def _energy(frame: Floats) -> float:
    inner = frame[_BORDER:-_BORDER, _BORDER:-_BORDER]
    return float((np.gradient(inner, axis=1) ** 2 + np.gradient(inner, axis=0) ** 2).mean())
