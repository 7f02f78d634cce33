"""Plain words for the camera: what names a move and a part of the picture, and what only sounds like it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.local.camera import MOVES, choose
from adapters.providers.local.phrases import Wish, camera_wish, motion_words

LEFT, MIDDLE, RIGHT = 1 / 6, 1 / 2, 5 / 6
TOP, BOTTOM = 1 / 6, 5 / 6


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
    wish = camera_wish(prompt)
    assert (wish.move if wish else None) == move


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


@pytest.mark.parametrize(
    ("prompt", "move", "focus"),
    [
        ("zoom in on the lower left", "zoom-in", (LEFT, BOTTOM)),
        ("zoom into the top right corner", "zoom-in", (RIGHT, TOP)),
        ("Zoom in toward the lower-right corner of the image, slowly", "zoom-in", (RIGHT, BOTTOM)),
        ("zoom slowly in on the bottom right", "zoom-in", (RIGHT, BOTTOM)),
        ("zoom in slowly and steadily on the left-hand side", "zoom-in", (LEFT, MIDDLE)),
        ("a slow zoom on the left side", "zoom-in", (LEFT, MIDDLE)),
        ("close in on the left side", "zoom-in", (LEFT, MIDDLE)),
        ("push in on the centre", "zoom-in", (MIDDLE, MIDDLE)),
        ("push in on the middle", "zoom-in", (MIDDLE, MIDDLE)),
        ("dolly in to the far left", "zoom-in", (LEFT, MIDDLE)),
        ("zoom in on the upper third", "zoom-in", (MIDDLE, TOP)),
        ("zoom in on the top of the picture", "zoom-in", (MIDDLE, TOP)),
        ("zoom in on the woman on the left", "zoom-in", (LEFT, MIDDLE)),
        ("zoom in on the woman with the red umbrella in the lower right corner", "zoom-in", (RIGHT, BOTTOM)),
        ("zoom in on the left, then on the right", "zoom-in", (LEFT, MIDDLE)),
        ("zoom in slowly, focusing on the lower left", "zoom-in", (LEFT, BOTTOM)),
        ("focus on the bottom", "zoom-in", (MIDDLE, BOTTOM)),
        ("the camera focuses on the lower third", "zoom-in", (MIDDLE, BOTTOM)),
        ("zoom out from the lower right", "zoom-out", (RIGHT, BOTTOM)),
        ("the camera pulls back from the top left", "zoom-out", (LEFT, TOP)),
        ("pan to the upper part", "pan-up", (MIDDLE, TOP)),
        ("pan to the lower left", "pan-left", (LEFT, BOTTOM)),
        ("the camera pans slowly towards the bottom right", "pan-right", (RIGHT, BOTTOM)),
        ("pan to the right side", "pan-right", (RIGHT, MIDDLE)),
        ("pan right from the left side to the river", "pan-right", (LEFT, MIDDLE)),
        ("pan from the lower left", "pan-right", (LEFT, BOTTOM)),
        ("pan left along the bottom", "pan-left", (MIDDLE, BOTTOM)),
        ("pan across the bottom", "pan-right", (MIDDLE, BOTTOM)),
        ("pan down the left side", "pan-down", (LEFT, MIDDLE)),
        ("tilt up to the top left corner", "pan-up", (LEFT, TOP)),
        ("orbit around the lower right", "orbit", (RIGHT, BOTTOM)),
        ("orbit the woman on the left", "orbit", (LEFT, MIDDLE)),
        ("static shot of the upper left", "static", (LEFT, TOP)),
        ("don\u2019t zoom in on the left; pan to the lower right", "pan-right", (RIGHT, BOTTOM)),
    ],
)
def test_plain_words_name_a_part_of_the_picture(prompt: str, move: str, focus: tuple[float, float]):
    assert camera_wish(prompt) == Wish(move=move, focus=focus)


@pytest.mark.parametrize(
    ("prompt", "move"),
    [
        ("pan to the right", "pan-right"),
        ("pan from left to right", "pan-right"),
        ("pan slowly from the bottom to the top", "pan-up"),
        ("zoom in. A bird on the right flies off", "zoom-in"),
        ("zoom in while a bird on the right flies", "zoom-in"),
        ("zoom in and the man on the left waves", "zoom-in"),
        ("zoom in with fog on the left", "zoom-in"),
        ("zoom in, but not on the left", "zoom-in"),
        ("zoom in on her left hand", "zoom-in"),
        ("zoom in on the left hand", "zoom-in"),
        ("zoom in on the top hat", "zoom-in"),
        ("zoom in on the top of the tower", "zoom-in"),
        ("zoom in on the left of the car", "zoom-in"),
        ("zoom in on the man to the left of the car", "zoom-in"),
        ("zoom in on the right moment", "zoom-in"),
        ("zoom in on what is left", "zoom-in"),
        ("zoom in right now", "zoom-in"),
        ("zoom in on the upper", "zoom-in"),
        ("zoom out to reveal the man on the right", "zoom-out"),
        ("a satellite in orbit on the left", "orbit"),
        ("static camera, only the left leaves move", "static"),
    ],
)
def test_words_that_lead_nowhere_leave_the_whole_picture(prompt: str, move: str):
    """The move is asked for; what lies left or right, or belongs to somebody's left hand, is no part of it."""
    assert camera_wish(prompt) == Wish(move=move)


@pytest.mark.parametrize(
    "prompt",
    [
        "the left hand waves",
        "a bird on the right",
        "don't zoom in on the left",
        "do not focus on the left",
        "the archer focuses on the centre",
        "she smiles and focuses on the right",
        "a portrait in focus on the left",
        "the middle of the lake",
    ],
)
def test_words_about_the_scene_ask_nothing_of_the_camera(prompt: str):
    assert camera_wish(prompt) is None


_WORDS = (
    "zoom in on into out from pan left right to the lower upper top bottom middle centre corner side third hand of "
    "picture focus focusing camera orbit static shot don't not and then , . woman slowly across along"
).split()


@given(
    prompt=st.text(max_size=200) | st.lists(st.sampled_from(_WORDS), max_size=25).map(" ".join),
    camera=st.none() | st.sampled_from(MOVES),
)
def test_whatever_is_written_there_is_a_shot(prompt: str, camera: str | None):
    """No prompt is an error, a part lies in the picture, and nobody gets a part without a move."""
    wish, shot = camera_wish(prompt), choose(camera=camera, motion=None, prompt=prompt, seed=1)

    assert shot.move in MOVES
    assert wish is None or wish.move in MOVES
    assert shot.focus == (wish.focus if wish else None)
    assert shot.focus is None or (0 < shot.focus[0] < 1 and 0 < shot.focus[1] < 1)


@given(prompt=st.lists(st.sampled_from(_WORDS), max_size=20).map(" ".join))
def test_capitals_and_spaces_at_the_ends_change_nothing(prompt: str):
    assert camera_wish(f"  {prompt.upper()} ") == camera_wish(prompt)
