"""Camera moves: named from the camera's point of view, at rest at both ends, never over the edge."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.local.camera import MOVES, STRENGTHS, Shot, Stage, choose, ease, view_at
from adapters.providers.local.phrases import camera_words, motion_words

STAGES = (Stage(), Stage(width=0.6), Stage(height=0.5), Stage(width=0.999))


def ends(move: str, strength: str = "medium", seed: int = 1, stage: Stage = STAGES[0]):
    path = Shot(move=move, strength=strength, seed=seed).path(stage)
    return view_at(path, 0, 120), view_at(path, 119, 120)


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
def test_every_move_is_at_rest_at_both_ends_and_never_jumps(move: str):
    path = Shot(move=move, strength="high", seed=5).path(Stage())
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
    frame=st.integers(0, 119),
)
def test_no_move_ever_looks_over_the_edge(move, strength, seed, shape, frame):
    share, across = shape
    stage = Stage(width=share) if across else Stage(height=share)

    view = view_at(Shot(move=move, strength=strength, seed=seed).path(stage), frame, 120)

    half_w, half_h = stage.width / view.zoom / 2, stage.height / view.zoom / 2
    assert view.zoom >= 1
    assert view.x - half_w >= -1e-9
    assert view.x + half_w <= 1 + 1e-9
    assert view.y - half_h >= -1e-9
    assert view.y + half_h <= 1 + 1e-9


@pytest.mark.parametrize("move", [move for move in MOVES if move != "static"])
def test_the_same_seed_is_the_same_path_and_another_seed_another(move: str):
    def path(seed: int):
        way = Shot(move=move, seed=seed).path(Stage())
        return [view_at(way, frame, 24) for frame in range(24)]

    assert path(7) == path(7)
    assert path(7) != path(8)


def test_easing_goes_from_nothing_to_everything():
    assert (ease(0), ease(0.5), ease(1)) == (0, 0.5, 1)


@pytest.mark.parametrize(
    ("prompt", "move"),
    [
        ("zoom in on the lake", "zoom-in"),
        ("Zoom slowly in on her face", "zoom-in"),
        ("push in", "zoom-in"),
        ("a slow zoom", "zoom-in"),
        ("a slow zoom out", "zoom-out"),
        ("dolly out", "zoom-out"),
        ("the camera pulls back to reveal the valley", "zoom-out"),
        ("pan left slowly", "pan-left"),
        ("the camera slowly pans to the right", "pan-right"),
        ("panning right over the city", "pan-right"),
        ("tilt up", "pan-up"),
        ("the camera moves down", "pan-down"),
        ("orbit the castle", "orbit"),
        ("the camera circles her", "orbit"),
        ("static camera, only the leaves move", "static"),
        ("no camera movement", "static"),
        ("do not zoom in, pan left instead", "pan-left"),
        ("pan right, then zoom in", "pan-right"),
        ("the leaves start to move", None),
        ("the fog moves in and the sun rises", None),
        ("a pan with eggs on the left", None),
        ("a company of soldiers", None),
        ("", None),
    ],
)
def test_plain_words_name_a_move(prompt: str, move: str | None):
    assert camera_words(prompt) == move


@pytest.mark.parametrize(
    ("prompt", "motion"),
    [
        ("pan left slowly", "low"),
        ("a gentle zoom in", "low"),
        ("a dramatic push in", "high"),
        ("zoom in", None),
        ("the boat drifts slowly", None),
    ],
)
def test_plain_words_say_how_strongly_the_camera_moves(prompt: str, motion: str | None):
    assert motion_words(prompt) == motion


def test_the_settings_word_wins_over_the_prompt():
    shot = choose(camera="orbit", motion="high", prompt="zoom in slowly", seed=1)

    assert (shot.move, shot.strength) == ("orbit", "high")


def test_without_any_word_the_seed_draws_a_gentle_move():
    shots = [choose(camera=None, motion=None, prompt="the leaves start to move", seed=seed) for seed in range(40)]

    assert shots[3] == choose(camera=None, motion=None, prompt="the leaves start to move", seed=3)
    assert len({shot.move for shot in shots}) > 2
    assert {shot.strength for shot in shots} == {"low"}
