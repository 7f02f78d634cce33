"""Camera moves: named from the camera's point of view, at rest at both ends, never over the edge."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.local.camera import MOVES, STRENGTHS, Shot, Stage, View, choose, ease, view_at

STAGES = (Stage(), Stage(width=0.6), Stage(height=0.5), Stage(width=0.999))
PARTS = [(x, y) for x in (1 / 6, 1 / 2, 5 / 6) for y in (1 / 6, 1 / 2, 5 / 6)]


def ends(move: str, strength: str = "medium", seed: int = 1, stage: Stage = STAGES[0], focus=None):
    path = Shot(move=move, strength=strength, seed=seed, focus=focus).path(stage)
    return view_at(path, 0, 120), view_at(path, 119, 120)


def shows(view: View, part: tuple[float, float], stage: Stage) -> bool:
    """Whether a part's middle is on the screen."""
    return (
        abs(part[0] - view.x) <= stage.width / view.zoom / 2 and abs(part[1] - view.y) <= stage.height / view.zoom / 2
    )


def distance(view: View, part: tuple[float, float]) -> float:
    return abs(part[0] - view.x) + abs(part[1] - view.y)


@pytest.mark.parametrize(
    ("move", "axis", "sign"),
    [("pan-left", "x", -1), ("pan-right", "x", 1), ("pan-up", "y", -1), ("pan-down", "y", 1)],
)
@pytest.mark.parametrize("stage", STAGES)
def test_a_pan_moves_the_camera_the_way_it_is_named(move: str, axis: str, sign: int, stage: Stage):
    first, last = ends(move, stage=stage)

    assert (getattr(last, axis) - getattr(first, axis)) * sign > 0.05
    assert first.zoom == last.zoom


def test_zooming_in_comes_closer_and_zooming_out_goes_back():
    near, far = ends("zoom-in"), ends("zoom-out")

    assert near[0].zoom == far[1].zoom == 1.0
    assert near[1].zoom == far[0].zoom > 1.1


def test_a_static_camera_stays():
    first, last = ends("static")

    assert first == last


def test_an_orbit_comes_back_to_where_it_began():
    first, last = ends("orbit")

    assert (last.x, last.y) == pytest.approx((first.x, first.y))


@pytest.mark.parametrize("move", [move for move in MOVES if move != "static"])
def test_more_motion_goes_further(move: str):
    reach = {}
    for strength in STRENGTHS:
        path = Shot(move=move, strength=strength, seed=1).path(Stage())
        views = [view_at(path, frame, 120) for frame in range(120)]
        reach[strength] = max(
            abs(view.x - views[0].x) + abs(view.y - views[0].y) + abs(view.zoom - views[0].zoom) for view in views
        )

    assert reach["low"] < reach["medium"] < reach["high"]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("focus", [None, (1 / 6, 5 / 6), (0.5, 1 / 6)])
@pytest.mark.parametrize("stage", STAGES)
def test_every_move_is_at_rest_at_both_ends_and_never_jumps(move: str, focus: tuple[float, float] | None, stage: Stage):
    path = Shot(move=move, strength="high", seed=5, focus=focus).path(stage)
    views = [view_at(path, frame, 120) for frame in range(120)]
    steps = [abs(b.x - a.x) + abs(b.y - a.y) + abs(b.zoom - a.zoom) for a, b in pairwise(views)]

    assert steps[0] < 1e-4
    assert steps[-1] < 1e-4
    assert max(abs(b - a) for a, b in pairwise(steps)) < 0.002


@given(
    move=st.sampled_from(MOVES),
    strength=st.sampled_from(sorted(STRENGTHS)),
    seed=st.integers(0, 2**31 - 1),
    shape=st.tuples(st.floats(0.05, 1), st.booleans()),
    focus=st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    frame=st.integers(0, 119),
)
def test_no_move_ever_looks_over_the_edge(move, strength, seed, shape, focus, frame):
    """Whatever was named, however long the picture: every view lies wholly inside it."""
    share, across = shape
    stage = Stage(width=share) if across else Stage(height=share)
    path = Shot(move=move, strength=strength, seed=seed, focus=focus).path(stage)

    view = view_at(path, frame, 120)

    half_w, half_h = stage.width / view.zoom / 2, stage.height / view.zoom / 2
    assert view.zoom >= 1
    assert view.x - half_w >= -1e-9
    assert view.x + half_w <= 1 + 1e-9
    assert view.y - half_h >= -1e-9
    assert view.y + half_h <= 1 + 1e-9


@given(
    strength=st.sampled_from(sorted(STRENGTHS)),
    shape=st.tuples(st.floats(0.05, 1), st.booleans()),
    focus=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_zoom_ends_as_near_to_the_named_part_as_the_picture_allows(strength, shape, focus):
    """The end of a zoom-in is the closest framing centred on the part, moved only as far as the edge demands;
    a zoom-out is the same way back."""
    share, across = shape
    stage = Stage(width=share) if across else Stage(height=share)

    start, end = ends("zoom-in", strength, stage=stage, focus=focus)
    back = ends("zoom-out", strength, stage=stage, focus=focus)

    nearest = stage.inside(View(x=focus[0], y=focus[1], zoom=STRENGTHS[strength].close))
    assert (end.x, end.y, end.zoom) == pytest.approx((nearest.x, nearest.y, nearest.zoom))
    assert (start.x, start.y, start.zoom) == pytest.approx((0.5, 0.5, 1.0))
    assert distance(end, focus) <= distance(start, focus) + 1e-9
    assert (back[0].x, back[0].y, back[0].zoom) == pytest.approx((end.x, end.y, end.zoom))
    assert (back[1].x, back[1].y, back[1].zoom) == pytest.approx((start.x, start.y, start.zoom))


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("part", PARTS)
def test_a_named_part_is_on_the_screen_when_a_zoom_has_come_close(part: tuple[float, float], stage: Stage):
    for strength in STRENGTHS:
        assert shows(ends("zoom-in", strength, stage=stage, focus=part)[1], part, stage)
        assert shows(ends("zoom-out", strength, stage=stage, focus=part)[0], part, stage)


@pytest.mark.parametrize(
    ("move", "focus", "at_its_end"),
    [
        ("pan-left", (1 / 6, 5 / 6), True),
        ("pan-right", (5 / 6, 1 / 2), True),
        ("pan-up", (1 / 2, 1 / 6), True),
        ("pan-down", (5 / 6, 5 / 6), True),
        ("pan-right", (1 / 6, 5 / 6), False),
        ("pan-left", (5 / 6, 1 / 2), False),
        ("pan-down", (1 / 2, 1 / 6), False),
    ],
)
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_a_pan_ends_at_the_part_it_leads_to_and_begins_at_the_part_it_leads_away_from(
    move: str, focus: tuple[float, float], at_its_end: bool, stage: Stage, strength: str
):
    """The part is on the screen at that end of the way, and nearer to its middle than at the other."""
    first, last = ends(move, strength, stage=stage, focus=focus)

    near, far = (last, first) if at_its_end else (first, last)
    assert shows(near, focus, stage)
    assert distance(near, focus) < distance(far, focus)


@pytest.mark.parametrize("move", ["pan-left", "pan-right"])
def test_a_pan_along_a_side_keeps_to_it(move: str):
    """ "Pan left along the bottom" stays as low as it can, all the way, and goes the way it is named."""
    first, last = ends(move, focus=(0.5, 5 / 6))

    plain = ends(move)[0]
    assert first.y == last.y > plain.y
    assert first.y + 0.5 / first.zoom == pytest.approx(1.0)
    assert (last.x - first.x) * (1 if move == "pan-right" else -1) > 0.1


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("strength", STRENGTHS)
def test_an_orbit_swings_around_the_part_that_was_named(part: tuple[float, float], strength: str):
    """The part never leaves the screen, and the swing is as wide on it as without a part."""

    def seen(focus):
        path = Shot(move="orbit", strength=strength, seed=1, focus=focus).path(Stage())
        return [view_at(path, frame, 120) for frame in range(120)]

    def swing(views: list[View]) -> float:
        return (max(view.x for view in views) - min(view.x for view in views)) * views[0].zoom

    around, plain = seen(part), seen(None)

    assert all(shows(view, part, Stage()) for view in around)
    assert swing(around) == pytest.approx(swing(plain), rel=0.01)


def test_a_static_camera_shows_the_named_part_close():
    first, last = ends("static", focus=(5 / 6, 1 / 6))

    assert first == last
    assert (first.x, first.y, first.zoom) == pytest.approx((2 / 3, 1 / 3, 1.5))


@pytest.mark.parametrize("move", [move for move in MOVES if move != "static"])
def test_the_same_seed_is_the_same_path_and_another_seed_another(move: str):
    def path(seed: int):
        way = Shot(move=move, seed=seed).path(Stage())
        return [view_at(way, frame, 24) for frame in range(24)]

    assert path(7) == path(7)
    assert path(7) != path(8)


def test_easing_goes_from_nothing_to_everything():
    assert (ease(0), ease(0.5), ease(1)) == (0, 0.5, 1)


def test_the_settings_word_wins_over_the_prompt():
    shot = choose(camera="orbit", motion="high", prompt="zoom in slowly", seed=1)

    assert (shot.move, shot.strength) == ("orbit", "high")


def test_without_any_word_the_seed_draws_a_gentle_move():
    shots = [choose(camera=None, motion=None, prompt="the leaves start to move", seed=seed) for seed in range(40)]

    assert shots[3] == choose(camera=None, motion=None, prompt="the leaves start to move", seed=3)
    assert len({shot.move for shot in shots}) > 2
    assert {shot.strength for shot in shots} == {"low"}


def test_the_prompt_says_where_also_when_the_settings_say_how():
    shot = choose(camera="zoom-out", motion=None, prompt="focus on the lower left", seed=1)

    assert (shot.move, shot.focus) == ("zoom-out", (1 / 6, 5 / 6))


def test_a_part_named_without_a_move_is_zoomed_in_on():
    shot = choose(camera=None, motion=None, prompt="slowly focus on the upper third", seed=1)

    assert (shot.move, shot.strength, shot.focus) == ("zoom-in", "low", (1 / 2, 1 / 6))
