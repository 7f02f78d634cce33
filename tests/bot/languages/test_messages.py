"""The catalogues hold everything that is said, in every language, and nothing else."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tools.messages import LOCALE, ROOT, TEMPLATE, TRANSLATED, pages, sources, unwritten

SPOKEN = (
    "bot/cards", "bot/jobs", "bot/prompts", "bot/tracker", "bot/money/limits.py", "bot/keeping/forgetting.py",
    "bot/service.py", "adapters/media", "adapters/providers", "adapters/chat/gallery.py",
)  # fmt: skip
"""Where sentences are made that a chat shows."""
OPERATORS = ("adapters/providers/wavespeed/webhook.py", "adapters/providers/eachlabs/webhook.py")
"""Among them, what only a caller of a webhook is answered: a machine."""
FIRST = frozenset(
    "BadInput BadPrompt NotFound Expired TooLate LimitReached DiskFull Refused Throttled Unconfirmed ResultGone "
    "ProviderUnavailable UploadNotOffered KeyRefused DeliveryDelayed DeliveryRefused DeliveryUnclear Withheld".split()
)
"""Errors whose first argument a person reads."""
NAMED = {"JobError": "message", "Failed": "message", "Failure": "message", "CannotTell": "reason", "Unknown": "reason"}
"""Values whose sentence has a name."""
FILTERS = frozenset({"bot/jobs/search.py"})
"""What is wrong with the filters of a search is said in English so far."""


def catalogue(language: str) -> Catalog:
    return read_po(io.BytesIO((LOCALE / f"{language}.po").read_bytes()), locale=language)


def messages(language: str) -> list[Message]:
    return [each for each in catalogue(language) if each.id]


def forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def names_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(
    "path", [TEMPLATE, *(LOCALE / f"{language}.po" for language in TRANSLATED)], ids=lambda p: p.name
)
def test_the_catalogues_are_current(path: Path):
    """Every sentence of the source is there, and none that the source has not: `make messages` writes the files."""
    assert path.read_text(encoding="utf-8") == pages()[path], f"{path.name} is out of date: run `make messages`"


def test_every_sentence_is_written_out_where_it_is_said():
    """A template that is put together at run time is in no catalogue."""
    assert unwritten() == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_missing_or_doubtful(language):
    missing = [each.id for each in messages(language) if each.fuzzy or not all(forms(each.string))]

    assert missing == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_names_the_same_values(language):
    """Of a sentence about one thing the number may be left out; everything else stands in both."""
    for each in messages(language):
        asked = set.union(*(names_in(form) for form in forms(each.id)))
        for form in filter(None, forms(each.string)):
            assert names_in(form) | ({"count"} & asked) == asked, (each.id, form)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_sentence_ends_as_its_english_does(language):
    """What is a whole sentence stays one; what stands inside another gets no full stop of its own."""
    ends = {"de": (".", "?", "!"), "ja": ("。", "？", "！", "か？", "}", ")", "）")}[language]
    for each in messages(language):
        for form in filter(None, forms(each.string)):
            if forms(each.id)[0].endswith("."):
                assert form.endswith(ends), (each.id, form)
            if forms(each.id)[0][-1].isalnum():
                assert not form.endswith((".", "。")), (each.id, form)


def test_german_is_informal_and_typographic():
    for each in messages("de"):
        for form in forms(each.string):
            assert not re.search(r"\b(Sie|Ihr|Ihre|Ihren|Ihnen)\b", form), form
            assert '"' not in form, form
            assert not re.search(r"\b\w*(fuer|koenn|moegl|ueber|geloescht|groess)\w*", form), form


def test_the_files_say_nothing_of_the_machine_they_were_made_on():
    for path in (TEMPLATE, *(LOCALE / f"{language}.po" for language in TRANSLATED)):
        head, _, rest = path.read_text(encoding="utf-8").partition("\n\n")
        assert not re.search(r"Date|Generated|Translator|Team", head)
        assert not re.search(r"^#: /|^#: .*:\d", rest, re.MULTILINE)


def test_what_a_chat_shows_is_said_and_not_only_written():
    """An f-string in a refusal would be English for ever; the sentence is made with `say`."""
    unsaid = []
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(SPOKEN) or name in OPERATORS or name in FILTERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                said = node.args[0] if node.func.id in FIRST and node.args else None
                wanted = NAMED.get(node.func.id)
                said = next((each.value for each in node.keywords if each.arg == wanted), said)
                if isinstance(said, ast.JoinedStr | ast.Constant):
                    unsaid.append(f"{name}:{node.lineno}")
    assert unsaid == []
