"""Camera moves: which one a person asked for, and where the camera looks at every moment. Pure functions, no pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from adapters.providers.local.phrases import camera_words, motion_words

MOVES = ("static", "zoom-in", "zoom-out", "pan-left", "pan-right", "pan-up", "pan-down", "orbit")
"""Words for the camera's own move: after `pan-left` the picture's content has travelled to the right."""

_GENTLE = ("zoom-in", "zoom-in", "zoom-out", "pan-left", "pan-right")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the camera sees: its centre as fractions of the picture's sides, and how far it is zoomed in.

    At `zoom` 1 it sees the widest crop of the picture that has the clip's aspect.
    """

    x: float
    y: float
    zoom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How much of the picture the widest crop covers, as fractions of the picture's sides; one of them is 1."""

    width: float = 1.0
    height: float = 1.0

    def inside(self, view: View) -> View:
        """The nearest view which does not look over the picture's edge."""
        half_w, half_h = self.width / view.zoom / 2, self.height / view.zoom / 2
        x = min(max(view.x, half_w), 1 - half_w)
        y = min(max(view.y, half_h), 1 - half_h)
        return View(x=x, y=y, zoom=view.zoom)


Path = Callable[[float], View]
"""A move: the view at eased time 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """How far a move goes: the zoom at its closest, the travel of a pan in view sizes, the radius of an orbit."""

    zoom: float
    travel: float
    radius: float


STRENGTHS = {
    "low": Strength(zoom=1.12, travel=0.12, radius=0.025),
    "medium": Strength(zoom=1.25, travel=0.22, radius=0.05),
    "high": Strength(zoom=1.55, travel=0.45, radius=0.09),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One camera move, fully decided: the same shot is the same path, whatever machine renders it."""

    move: str
    strength: str = "medium"
    seed: int = 0

    def path(self, stage: Stage) -> Path:
        """The way of the camera over a picture of this shape, before easing."""
        drawn = random.Random(f"{self.seed}:{self.move}")
        make = _PATHS[self.move]
        path = make(self.move, STRENGTHS[self.strength], drawn, stage)
        return lambda eased: stage.inside(path(eased))


def choose(*, camera: str | None, motion: str | None, prompt: str, seed: int) -> Shot:
    """Decide the shot: the settings' word, else the prompt's plain words, else a gentle move drawn by the seed."""
    strength = motion or motion_words(prompt)
    asked = camera or camera_words(prompt)
    if asked is not None:
        return Shot(move=asked, strength=strength or "medium", seed=seed)
    move = random.Random(f"{seed}:move").choice(_GENTLE)
    return Shot(move=move, strength=strength or "low", seed=seed)


def ease(time: float) -> float:
    """From rest at 0 to rest at 1, with no jolt at either end (quintic smoothstep)."""
    return time * time * time * (time * (time * 6 - 15) + 10)


def view_at(path: Path, frame: int, frames: int) -> View:
    """The view of one frame. Nothing is rounded here, so that no move can be jerky."""
    return path(ease(frame / (frames - 1)) if frames > 1 else 0.0)


# --- the moves ----------------------------------------------------------------------------------------------------


def _static(move: str, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    return lambda eased: View(x=0.5, y=0.5, zoom=1.0)


def _zoom(move: str, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    # The point the zoom closes in on stays where it is on the screen; a third around the middle suits most pictures.
    focus_x, focus_y = drawn.uniform(0.38, 0.62), drawn.uniform(0.40, 0.60)

    def path(eased: float) -> View:
        nearness = eased if move == "zoom-in" else 1 - eased
        # Growing by the same factor in the same time is what the eye calls even.
        zoom = strength.zoom**nearness
        return View(x=focus_x + (0.5 - focus_x) / zoom, y=focus_y + (0.5 - focus_y) / zoom, zoom=zoom)

    return path


def _pan(move: str, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    along, across = (stage.width, stage.height) if move in ("pan-left", "pan-right") else (stage.height, stage.width)
    # A picture longer than the clip's frame has room to travel already; only what is missing is zoomed for.
    zoom = max(1.04, along * (1 + strength.travel))
    travel = min(1 - along / zoom, strength.travel * along / zoom)
    start = 0.5 - travel / 2 if move in ("pan-right", "pan-down") else 0.5 + travel / 2
    end = 1 - start
    slack = max(0.0, 1 - across / zoom)
    level = 0.5 + slack * drawn.uniform(-0.35, 0.35)
    drift = slack * drawn.uniform(-0.1, 0.1)

    def path(eased: float) -> View:
        moving, still = start + (end - start) * eased, level + drift * (eased - 0.5)
        x, y = (moving, still) if move in ("pan-left", "pan-right") else (still, moving)
        return View(x=x, y=y, zoom=zoom)

    return path


def _orbit(move: str, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    # A flat picture has no behind: the camera swings once around the middle on an ellipse and comes back.
    turn = drawn.choice((-1.0, 1.0)) * 2 * math.pi
    begin = drawn.uniform(0, 2 * math.pi)
    zoom = 1 / (1 - 2.2 * strength.radius)

    def path(eased: float) -> View:
        angle = begin + turn * eased
        return View(
            x=0.5 + strength.radius * stage.width * math.cos(angle),
            y=0.5 + strength.radius * stage.height * math.sin(angle),
            zoom=zoom,
        )

    return path


_PATHS: dict[str, Callable[[str, Strength, random.Random, Stage], Path]] = {
    "static": _static,
    "zoom-in": _zoom,
    "zoom-out": _zoom,
    "pan-left": _pan,
    "pan-right": _pan,
    "pan-up": _pan,
    "pan-down": _pan,
    "orbit": _orbit,
}
