"""Draws a picture to try Reelbot with: mountains over a lake at sunrise, from nothing but arithmetic."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from adapters.media.files import written_whole

WIDTH, HEIGHT = 1600, 900
_HORIZON = 560
_SUN = (1090, 395)
_SEED = 11

Floats = NDArray[np.floating[Any]]

_SKY = (
    (0.0, (38, 52, 104)),
    (0.35, (104, 92, 148)),
    (0.62, (226, 142, 128)),
    (0.82, (252, 190, 128)),
    (1.0, (255, 224, 168)),
)
# Height of the foot above the horizon, of the peaks above the foot, roughness, and the colour, from far to near.
_RANGES = (
    (70, 170, 0.50, (148, 128, 168)),
    (40, 130, 0.52, (108, 98, 146)),
    (18, 90, 0.55, (70, 72, 116)),
    (4, 46, 0.62, (38, 48, 78)),
)


def draw_sample(into: Path) -> None:
    """Write the sample picture as a JPEG, 1600x900; the same every time."""
    rng = np.random.default_rng(_SEED)
    scene = _sky(rng)
    for foot, height, roughness, colour in _RANGES:
        _mountains(scene, rng, foot, height, roughness, colour)
    _trees(scene, rng)
    _lake(scene, rng)
    _shore(scene, rng)
    pixels = np.clip(scene + rng.standard_normal(scene.shape, dtype=np.float32) * 1.2, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(0.5)).save(buffer, "JPEG", quality=93, subsampling=0)
    with written_whole(into) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _rgb(red: int, green: int, blue: int) -> Floats:
    return np.array([red, green, blue], dtype=np.float32)


def _gradient(stops: tuple[tuple[float, tuple[int, int, int]], ...], at: Floats) -> Floats:
    places = [place for place, _ in stops]
    bands = [np.interp(at, places, [colour[band] for _, colour in stops]) for band in range(3)]
    return np.stack(bands, axis=-1).astype(np.float32)


def _noise(rng: np.random.Generator, width: int, height: int, cells: tuple[int, int], octaves: int) -> Floats:
    """Smooth noise around 0: grids of random numbers, enlarged and added up, each finer and fainter."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        grid = rng.normal(0, 1, (cells[1] * 2**octave + 1, cells[0] * 2**octave + 1)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)) * 0.5**octave
    return total


def _sky(rng: np.random.Generator) -> Floats:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    scene = _gradient(_SKY, np.linspace(0, HEIGHT / _HORIZON, HEIGHT))[:, None, :].repeat(WIDTH, axis=1)
    distance = np.hypot(x - _SUN[0], y - _SUN[1])
    clouds = np.clip(_noise(rng, WIDTH, HEIGHT, (3, 11), 5) - 0.15, 0, 1.4)[..., None]
    lit = np.exp(-distance / 520)[..., None]
    cloud = _rgb(176, 140, 168) * (1 - lit) + _rgb(255, 206, 168) * lit
    scene += (cloud - scene) * clouds * 0.42
    glow = np.exp(-distance / 150)[..., None] * 0.85 + np.exp(-distance / 420)[..., None] * 0.3
    scene += (_rgb(255, 238, 200) - scene) * np.minimum(glow, 1)
    disc = np.clip(47 - distance, 0, 1)[..., None]
    scene += (_rgb(255, 252, 236) - scene) * disc
    return scene


def _ridge(rng: np.random.Generator, roughness: float) -> Floats:
    """A skyline between 0 and 1: waves of random phase, each shorter one lower by `roughness`."""
    x = np.linspace(0, 1, WIDTH)
    line = np.zeros(WIDTH)
    for octave in range(8):
        phase, bend = rng.uniform(0, 1), rng.uniform(0.8, 1.2)
        # Folded waves have the sharp crests of rock; sines would look like dunes.
        line += (1 - 2 * np.abs(2 * ((x * 2.1 * bend * 2**octave + phase) % 1) - 1)) * roughness**octave
    return np.asarray((line - line.min()) / np.ptp(line))


def _mountains(
    scene: Floats, rng: np.random.Generator, foot: int, height: int, roughness: float, colour: tuple[int, int, int]
) -> None:
    crest = _HORIZON - foot - height * _ridge(rng, roughness)
    top = int(crest.min())
    slab = scene[top:_HORIZON]
    depth = (np.arange(top, _HORIZON)[:, None] - crest[None, :]).astype(np.float32)
    covers = np.clip(depth, 0, 1)[..., None]
    # Faces turned to the sun are lighter; mist gathers at the foot.
    # Smoothed, for a face is broader than the teeth of its crest.
    smooth = np.convolve(np.pad(crest, 20, mode="edge"), np.hanning(43)[1:-1] / np.hanning(43).sum(), mode="valid")
    slope = np.gradient(smooth) * np.sign(np.arange(WIDTH) - _SUN[0])
    faces = np.clip(slope, -1.2, 1.2)[None, :] * np.exp(-np.clip(depth, 0, None) / 70)
    rock = _noise(rng, WIDTH, len(slab), (40, 9), 4) * 4 + faces * 15
    mist = np.clip(depth / (height + foot), 0, 1)[..., None] ** 2 * 0.55
    body = np.array(colour, dtype=np.float32) + rock[..., None].astype(np.float32)
    body += (np.array([240, 186, 160], dtype=np.float32) - body) * mist
    slab += (body - slab) * covers


def _trees(scene: Floats, rng: np.random.Generator) -> None:
    """A dark line of firs on the far shore."""
    x = np.arange(WIDTH)
    tops = np.full(WIDTH, 5.0)
    for _ in range(420):
        middle, size = rng.uniform(0, WIDTH), rng.gamma(5.0, 4.0)
        # Thicker at both ends, thin below the sun.
        size *= 0.35 + 1.1 * abs(middle - _SUN[0]) / WIDTH
        tops = np.maximum(tops, size - np.abs(x - middle) * 3.1)
    depth = np.arange(HEIGHT)[:, None] - (_HORIZON - tops)[None, :]
    scene += (_rgb(24, 32, 48) - scene) * np.clip(depth, 0, 1)[..., None]


def _lake(scene: Floats, rng: np.random.Generator) -> None:
    """Everything above the horizon once more, upside down, darker, broken by waves that grow towards us."""
    rows = np.arange(HEIGHT - _HORIZON)
    near = rows / rows[-1]
    waves = _noise(rng, WIDTH, len(rows), (24, 60), 3)
    source = np.clip(_HORIZON - 1 - rows[:, None] * 1.25 + waves * (1.0 + 13 * near[:, None]), 0, _HORIZON - 1)
    shift = waves * (0.6 + 5 * near[:, None])
    columns = np.clip(np.arange(WIDTH)[None, :] + shift, 0, WIDTH - 1)
    mirrored = scene[source.astype(int), columns.astype(int)]
    water = mirrored * 0.80 + _rgb(16, 26, 46) * 0.5
    # The sun's road: glints in a strip below it that widens towards us.
    strip = np.exp(-(((np.arange(WIDTH)[None, :] - _SUN[0]) / (36 + 150 * near[:, None])) ** 2))
    glints = np.clip(waves - 0.35, 0, 1.2) * strip
    water += (_rgb(255, 222, 176) - water) * np.clip(glints * 1.1 + strip * 0.10, 0, 1)[..., None]
    water += _rgb(255, 214, 180) * (0.16 * np.exp(-rows / 5.0))[:, None, None]
    scene[_HORIZON:] = water * (1 - 0.25 * near**2)[:, None, None]


def _shore(scene: Floats, rng: np.random.Generator) -> None:
    """Reeds in the lower left corner: something near, so that a camera move has depth to speak of."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    dark = _rgb(14, 18, 30)
    bank = HEIGHT - 26 - 60 * np.exp(-(((x[0] + 60) / 420.0) ** 2)) + rng.normal(0, 1, WIDTH).cumsum() * 0.12
    scene += (dark - scene) * np.clip(y - bank[None, :], 0, 1)[..., None]
    for _ in range(110):
        foot, length = rng.gamma(1.4, 150), rng.uniform(60, 210)
        lean = rng.normal(0.10, 0.12)
        top = max(0, int(HEIGHT - 40 - length))
        heights = HEIGHT - np.arange(top, HEIGHT)
        middle = foot + lean * heights * (heights / 260)
        width = 0.5 + 1.9 * (1 - heights / (length + 60))
        left = max(0, int(middle.min()) - 4)
        right = min(WIDTH, int(middle.max()) + 5)
        if left >= right:
            continue
        covers = np.clip(width[:, None] - np.abs(x[top:, left:right] - middle[:, None]) + 0.5, 0, 1)[..., None]
        scene[top:, left:right] += (dark - scene[top:, left:right]) * covers
