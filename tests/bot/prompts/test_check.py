"""What a model accepts as a prompt, and what it is sent."""

from __future__ import annotations

import pytest

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.money.prices import Free
from bot.ports import Model
from bot.prompts.check import check_negative, check_prompt, compose
from bot.prompts.text import tidy


def a_model(**changes):
    facts = {
        "provider": "acme",
        "slug": "acme/one",
        "title": "Acme One",
        "durations_s": (5, 10),
        "resolutions": ("480p", "720p"),
        "default_duration_s": 5,
        "default_resolution": "720p",
        "price": Free(),
        "prompt_max": 40,
        "negative_max": 10,
    }
    return Model(**(facts | changes))


@pytest.mark.parametrize("prompt", ["", "  \n\t ", "\x00\x07"])
def test_an_empty_prompt_is_refused(prompt):
    with pytest.raises(BadPrompt, match="prompt is empty"):
        check_prompt(prompt, a_model())


def test_characters_are_counted_as_people_count_them_after_trimming():
    decomposed = "e\u0301" * 40

    assert check_prompt(f"  {decomposed} \n", a_model()) == "\u00e9" * 40


def test_a_long_prompt_is_refused_with_both_numbers():
    with pytest.raises(BadPrompt) as caught:
        check_prompt("x" * 10_000, a_model())

    assert str(caught.value) == "The prompt has 10,000 characters; Acme One takes at most 40."


def test_half_a_character_is_refused():
    with pytest.raises(BadPrompt, match="half of a character"):
        tidy("a\ud83d")


def test_camera_and_motion_become_text_for_models_without_a_real_camera():
    settings = RenderSettings(camera="zoom-in", motion="low")

    assert compose("A fox runs", settings, a_model(prompt_max=800)) == (
        "A fox runs. The camera zooms in. Subtle, slow motion."
    )
    assert compose("A fox runs", settings, a_model(real_camera=True)) == "A fox runs"


def test_camera_text_counts_in_the_limit():
    with pytest.raises(BadPrompt, match="With the words for camera and motion the prompt has 56 characters"):
        compose("x" * 34, RenderSettings(camera="zoom-in"), a_model())


def test_a_negative_prompt_has_its_own_limit():
    assert check_negative("  blurry ", a_model()) == "blurry"
    assert check_negative("  ", a_model(takes_negative=False)) is None
    with pytest.raises(BadPrompt, match="takes at most 10"):
        check_negative("blurry, text", a_model())
    with pytest.raises(BadPrompt, match="takes no negative prompt"):
        check_negative("blurry", a_model(takes_negative=False))
