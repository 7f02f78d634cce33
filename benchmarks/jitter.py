"""How steadily a camera moves: measured from a clip's decoded frames against the picture it was made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from adapters.providers.local.camera import Shot, View, view_at
from adapters.providers.local.renderer import Box, Framing, framing

PICTURE = (2400, 1350)
OUTPUT = (1280, 720)
FRAMES = 120
SEED = 3


def path_of(move: str) -> Callable[[int], View]:
    """Where the camera of both sides is, frame by frame."""
    path = Shot(move=move, strength="medium", seed=SEED).path(framing(PICTURE, OUTPUT).stage)
    return lambda frame: view_at(path, frame, FRAMES)


def jitter_px(clip: Path, picture: Path, move: str, *, bt709: bool, every: int = 3) -> float:
    """RMS of the camera's unsteadiness in the decoded file, in output pixels (luma)."""
    with Image.open(picture) as opened:
        source = _luma(opened.convert("RGB"), bt709=bt709)
    fit, view = framing(PICTURE, OUTPUT), path_of(move)
    points = np.array([(x, y) for x in (-0.4, 0.0, 0.4) for y in (-0.4, 0.0, 0.4)]) * OUTPUT
    errors, times = [], []
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % every == 0:
                seen = frame.to_ndarray()[: OUTPUT[1], : OUTPUT[0]].astype(np.float64)
                dx, dy, scale = _camera_error(seen, source, fit.box(view(number)), fit)
                errors.append(np.stack([dx + scale * points[:, 0], dy + scale * points[:, 1]], axis=-1).ravel())
                times.append(number / FRAMES)
    moved = np.array(errors)
    smooth = np.polynomial.polynomial.polyfit(np.array(times), moved, 5)
    rest = moved - np.polynomial.polynomial.polyval(np.array(times), smooth).T
    # Degrees of freedom of the polynomial are given back, so that measuring fewer frames flatters nobody.
    return float(np.sqrt((rest.reshape(len(times), -1, 2) ** 2).sum(axis=2).mean() * len(times) / (len(times) - 6)))


def _luma(image: Image.Image, *, bt709: bool) -> Image.Image:
    red, green, blue = (np.asarray(band, dtype=np.float64) for band in image.split())
    kr, kb = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    return Image.fromarray((16 + 219 / 255 * (kr * red + (1 - kr - kb) * green + kb * blue)).astype(np.float32))


def _camera_error(seen: np.ndarray, source: Image.Image, box: Box, fit: Framing) -> tuple[float, float, float]:
    """How far the frame's camera is from `box`: shift in output pixels and relative scale, by Gauss-Newton."""
    dx = dy = scale = 0.0
    y, x = np.mgrid[0 : OUTPUT[1], 0 : OUTPUT[0]].astype(np.float64)
    x, y = x - OUTPUT[0] / 2 + 0.5, y - OUTPUT[1] / 2 + 0.5
    inner = (slice(12, -12), slice(12, -12))
    for _ in range(4):
        ideal = _ideal(source, box, fit, dx, dy, scale)
        gx, gy = np.gradient(ideal, axis=1), np.gradient(ideal, axis=0)
        blur = np.gradient(gx, axis=1) + np.gradient(gy, axis=0)
        columns = [gx, gy, gx * x + gy * y, blur, ideal, np.ones_like(ideal)]
        # Columns of like size, else the normal equations lose digits.
        design = np.stack([column[inner].ravel() for column in columns], axis=-1)
        sizes = np.linalg.norm(design, axis=0)
        step = _huber(design / sizes, (seen - ideal)[inner].ravel()) / sizes
        # The picture seen is the ideal moved by -step (content moves against the gradient).
        dx, dy, scale = dx - step[0], dy - step[1], scale - step[2]
        if max(abs(step[0]), abs(step[1]), abs(step[2]) * OUTPUT[0] / 2) < 0.006:
            break
    return dx, dy, scale


def _huber(design: np.ndarray, residual: np.ndarray) -> np.ndarray:
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


def _ideal(source: Image.Image, box: Box, fit: Framing, dx: float, dy: float, scale: float) -> np.ndarray:
    """The frame as Lanczos makes it from the source, its content moved by dx, dy and grown by scale."""
    width, height = box.width / (1 + scale), box.height / (1 + scale)
    left = box.left + (box.width - width) / 2 - dx * box.width / OUTPUT[0]
    top = box.top + (box.height - height) / 2 - dy * box.height / OUTPUT[1]
    # Pillow refuses a box that pokes out, which a corrected one may by a fraction: the source is padded by its edge.
    pad = 8
    padded = _padded(source, pad)
    frame = padded.resize(
        OUTPUT, Image.Resampling.LANCZOS, box=(left + pad, top + pad, left + pad + width, top + pad + height)
    )
    return np.asarray(frame, dtype=np.float64)


_PADDED: dict[int, Image.Image] = {}


def _padded(source: Image.Image, pad: int) -> Image.Image:
    if id(source) not in _PADDED:
        _PADDED[id(source)] = Image.fromarray(np.pad(np.asarray(source), pad, mode="edge"))
    return _PADDED[id(source)]
