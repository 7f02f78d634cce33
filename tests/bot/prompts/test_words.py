"""The words people type into prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.prompts.text import tidy
from bot.prompts.words import CAMERA_MOVES, MOTIONS, Words, parse


def test_words_are_taken_out_of_the_prompt_wherever_they_stand():
    words = parse('--10s a fox --1080p runs --seed 7 --neg "blurry, --bad" --camera orbit --motion low --model wan/2.7')

    assert words == Words(
        prompt="a fox runs",
        duration_s=10,
        resolution="1080p",
        seed=7,
        negative_prompt="blurry, --bad",
        camera="orbit",
        motion="low",
        model="wan/2.7",
    )


def test_a_prompt_without_words_stays_as_it_is():
    text = "The fox — still half asleep — looks up,\nthen runs -- fast. Well-known: 5s, 10--20."

    assert parse(text) == Words(prompt=text)


@pytest.mark.parametrize("typed", ["—10s a", "–10s a", "a --10S", "a --10s, ", "a ―10s."])
def test_phones_type_dashes_capitals_and_full_stops(typed):
    assert parse(typed).duration_s == 10


@pytest.mark.parametrize(
    "typed",
    [
        '"no text"',
        "“no text”",
        "„no text“",
        "'no text'",
        "\u2018no text\u2019",
        "«no text»",
        '= "no text"',
        "=“no text”",
    ],
)
def test_phones_type_curly_quotes(typed):
    assert parse(f"a —neg {typed} b") == Words(prompt="a b", negative_prompt="no text")


def test_an_apostrophe_closes_no_quote():
    assert parse("a --neg 'don't blur' b") == Words(prompt="a b", negative_prompt="don't blur")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("a --cammera orbit", "I do not know --cammera; did you mean --camera?"),
        ("a —cammera orbit", "I do not know --cammera; did you mean --camera?"),
        ("a --7200p0", "I do not know --7200p0; did you mean --720p?"),
        ("a --duration 5", "I do not know --duration; did you mean --5s?"),
        ("a --wobble", "I do not know --wobble; I know --5s --720p --seed --neg --camera --motion --model."),
        ("a --5s --10s", "--5s and --10s contradict each other; keep one of them."),
        ("a --seed 1 --seed 2", "--seed 1 and --seed 2 contradict each other; keep one of them."),
        ("a --seed seven", "--seed takes a whole number, not seven."),
        ("a --seed -1", "--seed takes a whole number, not -1."),
        ("a --seed", "--seed needs a value, like --seed 7."),
        ("a --neg --5s", '--neg needs a value, like --neg "blurry, text".'),
        ('a --neg "blurry', 'The quote after --neg is never closed: put " where it ends.'),
        ("a --neg “blurry", "The quote after --neg is never closed: put ” where it ends."),
        ('a --neg " "', "--neg has nothing between its quotes."),
        ("a --motion wild", "--motion does not know wild. It takes low or high."),
    ],
)
def test_what_cannot_be_understood_is_named(typed, sentence):
    with pytest.raises(BadPrompt) as caught:
        parse(typed)

    assert str(caught.value) == sentence


def test_a_wrong_camera_move_is_corrected():
    with pytest.raises(BadPrompt, match="did you mean zoom-in"):
        parse("a --camera zom-in")


def test_saying_the_same_twice_is_no_contradiction():
    assert parse("--5s a --5s").duration_s == 5


def test_words_go_over_what_was_set_elsewhere():
    settings = RenderSettings(duration_s=5, resolution="480p", seed=3)

    assert parse("a --10s --motion high").over(settings) == RenderSettings(
        duration_s=10, resolution="480p", seed=3, motion="high"
    )


@given(st.text())
def test_any_text_is_understood_or_refused_in_a_sentence(text):
    try:
        words = parse(text)
    except BadPrompt as error:
        assert str(error)
    else:
        assert words.prompt == tidy(words.prompt)


@given(
    st.lists(
        st.sampled_from(
            ["--", "—", "5s", "neg", "seed", "camera", '"', "“", "”", "'", " ", "=", "\n", "x", "9" * 5000, "٣"]
        )
    ).map("".join)
)
def test_text_that_is_nearly_words_is_understood_or_refused(text):
    try:
        parse(text)
    except BadPrompt as error:
        assert 0 < len(str(error)) < 400


def _is_tidy(text):
    try:
        return bool(text) and tidy(text) == text
    except BadPrompt:
        return False


_part = st.from_regex(r"[a-zéß,.;'-]{0,3}[a-zéß.]", fullmatch=True).filter(lambda part: "--" not in part)
"""Two dashes begin a word of ours: no prompt that was read holds them."""
_prose = st.lists(_part, max_size=8).map(" ".join)


@given(
    prompt=_prose,
    duration_s=st.none() | st.integers(0, 9999),
    resolution=st.none() | st.sampled_from(["480p", "720p", "1080p"]),
    seed=st.none() | st.integers(0, 2**62),
    negative_prompt=st.none() | st.text().map(lambda text: text.replace("»", "")).filter(_is_tidy),
    camera=st.none() | st.sampled_from(CAMERA_MOVES),
    motion=st.none() | st.sampled_from(MOTIONS),
    model=st.none() | st.from_regex(r"[a-z0-9./-]{0,20}[a-z0-9]", fullmatch=True).filter(lambda m: m[:2] != "--"),
)
def test_what_is_written_out_reads_back_the_same(**fields):
    words = Words(**fields)

    assert parse(words.as_text()) == words
