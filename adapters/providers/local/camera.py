"""Camera moves: which one a person asked for, and where the camera looks at every moment. Pure functions, no pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from adapters.providers.local.phrases import camera_wish, motion_words
from adapters.providers.local.places import Place

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
    """How far a move goes: the zoom at its closest, the travel of a pan in view sizes, the radius of an orbit.

    `close` is the zoom at its closest on a part of the picture somebody named: that part is then most of what is seen.
    """

    zoom: float
    close: float
    travel: float
    radius: float


STRENGTHS = {
    "low": Strength(zoom=1.12, close=1.3, travel=0.12, radius=0.025),
    "medium": Strength(zoom=1.25, close=1.5, travel=0.22, radius=0.05),
    "high": Strength(zoom=1.55, close=1.9, travel=0.45, radius=0.09),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One camera move, fully decided: the same shot is the same path, whatever machine renders it.

    With a `focus`, the part of the picture a person named, a zoom-in ends on it and a zoom-out begins on it; an orbit
    swings around it; a pan ends there, or begins there when it leads away from it; and a static camera shows that part
    close from the first frame to the last: the words would otherwise mean nothing.
    """

    move: str
    strength: str = "medium"
    seed: int = 0
    focus: Place | None = None

    def path(self, stage: Stage) -> Path:
        """The way of the camera over a picture of this shape, before easing."""
        drawn = random.Random(f"{self.seed}:{self.move}")
        make = _PATHS[self.move]
        path = make(self, STRENGTHS[self.strength], drawn, stage)
        return lambda eased: stage.inside(path(eased))


def choose(*, camera: str | None, motion: str | None, prompt: str, seed: int) -> Shot:
    """Decide the shot: the settings' word, else the prompt's plain words, else a gentle move drawn by the seed.

    Which part of the picture it is about only the prompt can say, also where the settings chose the move.
    """
    strength = motion or motion_words(prompt)
    wish = camera_wish(prompt)
    focus = None if wish is None else wish.focus
    asked = camera or (None if wish is None else wish.move)
    if asked is not None:
        return Shot(move=asked, strength=strength or "medium", seed=seed, focus=focus)
    move = random.Random(f"{seed}:move").choice(_GENTLE)
    return Shot(move=move, strength=strength or "low", seed=seed)


def ease(time: float) -> float:
    """From rest at 0 to rest at 1, with no jolt at either end (quintic smoothstep)."""
    return time * time * time * (time * (time * 6 - 15) + 10)


def view_at(path: Path, frame: int, frames: int) -> View:
    """The view of one frame. Nothing is rounded here, so that no move can be jerky."""
    return path(ease(frame / (frames - 1)) if frames > 1 else 0.0)


# --- the moves ----------------------------------------------------------------------------------------------------


def _static(shot: Shot, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    if shot.focus is None:
        return lambda eased: View(x=0.5, y=0.5, zoom=1.0)
    still = stage.inside(View(x=shot.focus[0], y=shot.focus[1], zoom=strength.close))
    return lambda eased: still


def _zoom(shot: Shot, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    if shot.focus is None:
        closest = strength.zoom
        # The point the zoom closes in on stays where it is on the screen; a third around the middle suits most pictures.
        fixed_x, fixed_y = drawn.uniform(0.38, 0.62), drawn.uniform(0.40, 0.60)
    else:
        closest = strength.close
        near = stage.inside(View(x=shot.focus[0], y=shot.focus[1], zoom=closest))
        # The one point that stays on the screen when the zoom goes straight from the whole to that part.
        fixed_x, fixed_y = ((at - 0.5 / closest) / (1 - 1 / closest) for at in (near.x, near.y))

    def path(eased: float) -> View:
        nearness = eased if shot.move == "zoom-in" else 1 - eased
        # Growing by the same factor in the same time is what the eye calls even.
        zoom = closest**nearness
        return View(x=fixed_x + (0.5 - fixed_x) / zoom, y=fixed_y + (0.5 - fixed_y) / zoom, zoom=zoom)

    return path


def _pan(shot: Shot, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    sideways, onwards = shot.move in ("pan-left", "pan-right"), shot.move in ("pan-right", "pan-down")
    along, across = (stage.width, stage.height) if sideways else (stage.height, stage.width)
    # A picture longer than the clip's frame has room to travel already; only what is missing is zoomed for.
    zoom = max(1.04, along * (1 + strength.travel))
    room = 1 - along / zoom
    travel = min(room, strength.travel * along / zoom)
    slack = max(0.0, 1 - across / zoom)
    if shot.focus is None:
        middle = 0.5
        level = 0.5 + slack * drawn.uniform(-0.35, 0.35)
        drift = slack * drawn.uniform(-0.1, 0.1)
        levels = (level - drift / 2, level + drift / 2)
    else:
        place, height = shot.focus if sideways else shot.focus[::-1]
        # The part lies at the end of the way that leads to it, at the start of one that leads away, else half-way.
        middle = place if place == 0.5 else place + (travel / 2 if place < 0.5 else -travel / 2)
        levels = _levels(place, height, slack, towards=(place > 0.5) == onwards)
    middle = min(max(middle, 0.5 - (room - travel) / 2), 0.5 + (room - travel) / 2)
    start, end = (middle - travel / 2, middle + travel / 2)[:: 1 if onwards else -1]

    def path(eased: float) -> View:
        moving, still = start + (end - start) * eased, levels[0] + (levels[1] - levels[0]) * eased
        x, y = (moving, still) if sideways else (still, moving)
        return View(x=x, y=y, zoom=zoom)

    return path


def _levels(place: float, height: float, slack: float, *, towards: bool) -> tuple[float, float]:
    """Where a pan to a part is across its way, at its start and its end: a corner is reached, a side is kept."""
    level = min(max(height, 0.5 - slack / 2), 0.5 + slack / 2)
    if place == 0.5:
        return level, level
    return (0.5, level) if towards else (level, 0.5)


def _orbit(shot: Shot, strength: Strength, drawn: random.Random, stage: Stage) -> Path:
    # A flat picture has no behind: the camera swings once around the middle on an ellipse and comes back.
    turn = drawn.choice((-1.0, 1.0)) * 2 * math.pi
    begin = drawn.uniform(0, 2 * math.pi)
    zoom, radius = 1 / (1 - 2.2 * strength.radius), strength.radius
    middle_x = middle_y = 0.5
    if shot.focus is not None:
        # Closer, so that there is room to have the part in the middle; the swing stays as wide on the screen.
        radius *= zoom / strength.close
        zoom = strength.close
        room_x, room_y = (0.5 - side * (0.5 / zoom + radius) for side in (stage.width, stage.height))
        middle_x = min(max(shot.focus[0], 0.5 - room_x), 0.5 + room_x)
        middle_y = min(max(shot.focus[1], 0.5 - room_y), 0.5 + room_y)

    def path(eased: float) -> View:
        angle = begin + turn * eased
        return View(
            x=middle_x + radius * stage.width * math.cos(angle),
            y=middle_y + radius * stage.height * math.sin(angle),
            zoom=zoom,
        )

    return path


_PATHS: dict[str, Callable[[Shot, Strength, random.Random, Stage], Path]] = {
    "static": _static,
    "zoom-in": _zoom,
    "zoom-out": _zoom,
    "pan-left": _pan,
    "pan-right": _pan,
    "pan-up": _pan,
    "pan-down": _pan,
    "orbit": _orbit,
}
