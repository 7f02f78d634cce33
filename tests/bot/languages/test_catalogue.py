"""A person reads what was said in their own language, and English where we do not speak it."""

from __future__ import annotations

import pytest

from bot.languages.catalogue import LANGUAGES, in_language, language_of
from bot.languages.said import Said, joined, listed, say, say_n


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"), ("de-DE", "de"), ("de_AT", "de"), ("DE", "de"), ("ja", "ja"), ("ja-JP", "ja"), ("en-US", "en"),
        ("en-GB", "en"), ("fr", "en"), ("pt-BR", "en"), ("", "en"), (None, "en"), ("den", "en"), ("jazz", "en"),
    ],
)  # fmt: skip
def test_a_chats_locale_names_a_language(locale, language):
    """Discord says `de` and `ja`, Slack `de-DE` and `ja-JP`."""
    assert language_of(locale) == language


def test_every_language_is_listed_by_its_own_name():
    assert dict(LANGUAGES) == {"en": "English", "de": "Deutsch", "ja": "日本語"}


def test_a_sentence_is_said_in_three_languages():
    said = say("It will cost {price}.", price="$0.34")

    assert [in_language(said, locale) for locale in ("en-US", "de", "ja", None)] == [
        "It will cost $0.34.", "Das wird $0.34 kosten.", "料金は$0.34です。", "It will cost $0.34.",
    ]  # fmt: skip


def test_what_stands_in_a_sentence_is_said_along():
    said = say("About {time} to go (measured on {count} renders).", time=say("{minutes} minutes", minutes=3), count=20)

    assert in_language(said, "de") == "Noch etwa 3 Minuten (gemessen an 20 Clips)."
    assert in_language(said, "ja") == "あと約3分です（20件の計測による）。"


def test_german_spells_numbers_in_its_own_way_and_money_stays():
    long = say("The prompt has {count:,} characters; {model} takes at most {most:,}.", count=1500, model="X", most=800)
    heavy = say("compressed to {size:.1f} MB", size=9.46)
    dear = say("It cost {price}.", price="$1,234.50")
    seed = say("The seed must lie between 0 and {most}; {seed} does not.", most=2**63 - 1, seed=2**64 + 1)

    assert in_language(long, "de") == "Der Prompt hat 1.500 Zeichen; X nimmt höchstens 800."
    assert in_language(long, "ja") == "プロンプトが1,500文字あります。Xでは最大800文字です。"
    assert in_language(heavy, "de") == "auf 9,5 MB komprimiert"
    assert in_language(dear, "de") == "Das hat $1,234.50 gekostet."
    assert "9223372036854775807 liegen; 18446744073709551617" in in_language(seed, "de")


def test_one_and_many_follow_the_language():
    said = [
        say_n(
            "{count} message could not be deleted from here: {places}.",
            "{count} messages could not be deleted from here: {places}.",
            count,
            places=say("its card"),
        )
        for count in (1, 2)
    ]

    assert [in_language(each, "de") for each in said] == [
        "1 Nachricht ließ sich von hier aus nicht löschen: seine Karte.",
        "2 Nachrichten ließen sich von hier aus nicht löschen: seine Karte.",
    ]
    assert in_language(said[0], "ja") == "ここから削除できなかったメッセージが1件あります: カード"


def test_sentences_and_lists_are_joined_as_the_language_joins_them():
    """Japanese puts no space between sentences, and a comma of its own between words."""
    both = joined((say("It costs nothing."), say("It takes {known}.", known=listed(["a", "b", "c"], "or"))))

    assert both == "It costs nothing. It takes a, b or c."
    assert in_language(both, "de") == "Das kostet nichts. Möglich ist a, b oder c."
    assert in_language(both, "ja") == "料金はかかりません。使えるのはa、b、またはcです。"


def test_somebody_elses_words_are_left_alone():
    """A vendor's sentence stands inside ours as they wrote it."""
    said = say("{provider} says: {text}", provider="WaveSpeed", text="Rendering {failed}")

    assert in_language("Rendering", "de") == "Rendering"
    assert in_language(said, "de") == "WaveSpeed sagt: Rendering {failed}"


def test_a_sentence_of_another_version_stays_english():
    """A job that was kept by a Reelbot that said it otherwise: no catalogue has it any more."""
    gone = Said("It was 5 once.", "It was {count} once.", {"count": 5})
    changed = Said("It cost something.", "It cost {price}.", {})

    assert in_language(gone, "de") == "It was 5 once."
    assert in_language(changed, "ja") == "It cost something."
