"""A sentence in a column: English for whoever reads it there, and all of it for us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.languages.catalogue import in_language
from bot.languages.said import Said, joined, listed, say, say_n
from bot.languages.stored import MARK, pack, unpack

SENTENCES = (
    say("It costs nothing."),
    say("It cost {price}.", price="$0.34"),
    say("About {time} to go (measured on {count} renders).", time=say("a minute"), count=1500),
    say_n("{count} job was erased.", "{count} jobs were erased.", 2),
    joined((say("The provider stopped this render."), say("It cost {price}.", price="$0.34"), "(their words)")),
    say("It takes {known}.", known=listed(["low", "high"], "or")),
)


@pytest.mark.parametrize("said", SENTENCES)
@pytest.mark.parametrize("language", ["de", "ja"])
def test_what_was_kept_is_said_as_it_would_have_been(said, language):
    kept = unpack(pack(said))

    assert kept == said
    assert in_language(kept, language) == in_language(said, language)


@pytest.mark.parametrize("said", SENTENCES)
def test_whoever_reads_the_column_sees_english_first(said):
    assert pack(said).startswith(said + MARK)


@given(st.text())
def test_a_plain_text_is_kept_as_itself(text):
    kept = pack(text)

    assert MARK not in kept
    assert unpack(kept) == text.replace(MARK, " ")
    assert not isinstance(unpack(kept), Said)


@given(st.text(), st.text())
def test_what_somebody_else_wrote_cannot_pass_for_our_own_notes(word, other):
    """A vendor's words stand inside our sentences; the mark that divides the column is taken out of them."""
    said = say("{provider} says: {text}", provider=other, text=word)

    kept = unpack(pack(said))

    assert kept == str(said).replace(MARK, " ")
    assert isinstance(kept, Said)
    assert kept.values == {"provider": other.replace(MARK, " "), "text": word.replace(MARK, " ")}


@given(st.text())
def test_a_damaged_tail_leaves_the_english(tail):
    assert unpack(f"It costs nothing.{MARK}{tail}") == "It costs nothing."


@pytest.mark.parametrize(
    "tail",
    [
        '{"msgid":"It costs {price}."}', '{"msgid":5}', '{"msgid":"{a.b}","values":{"a":"x"}}', "[]", "null", "7",
        '{"parts":[5,"a"],"between":" "}', '{"parts":["other"],"between":" "}', '{"msgid":"x","values":{"y":[]}}',
        '{"msgid":"{","values":{}}', '{"parts":5}', '{"msgid":"x","values":7}', '{"parts":"ab","between":3}',
    ],
)  # fmt: skip
def test_a_tail_that_is_json_and_still_none_of_ours_leaves_the_english(tail):
    assert unpack(f"It costs nothing.{MARK}{tail}") == "It costs nothing."
    assert in_language(unpack(f"It costs nothing.{MARK}{tail}"), "de") == "It costs nothing."


def test_every_cut_of_a_kept_sentence_still_begins_with_its_english():
    """A column that was cut short somewhere by somebody's tool."""
    whole = pack(SENTENCES[2])

    for length in range(len(SENTENCES[2]), len(whole)):
        assert unpack(whole[:length]) == SENTENCES[2]
