"""What is drawn from the program is never out of date, and what the program can do is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.jobs.states import TRANSITIONS, State
from bot.settings.names import all_settings
from tools.generate_docs import PARTS, commands, error_classes, pages

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("path", pages(), ids=str)
def test_generated_pages_are_current(path):
    assert (ROOT / path).read_text(encoding="utf-8") == pages()[path], f"{path} is out of date: run `make docs`"


def test_every_setting_has_a_meaning_that_ends_in_a_full_stop():
    for setting in all_settings().values():
        assert (setting.field.description or "").endswith("."), setting.name


def test_every_setting_is_documented_and_nothing_else_is():
    text = (REFERENCE / "settings.md").read_text()

    assert re.findall(r"^\| `(REELBOT_\w+)`", text, re.MULTILINE) == list(all_settings())


def test_every_command_is_documented():
    text = (REFERENCE / "cli.md").read_text()

    assert [tuple(found.split()) for found in re.findall(r"^## reelbot (.+)$", text, re.MULTILINE)] == commands()


def test_every_error_code_is_documented():
    text = (REFERENCE / "error-codes.md").read_text()

    for each in error_classes():
        assert f"| `{each.code}` |" in text, each


def test_every_code_that_a_job_can_end_with_is_documented():
    text = (REFERENCE / "error-codes.md").read_text()
    literal = re.compile(r'\b(?:JobError|Failure|Failed)\(\s*code="(\w+)"|\b_?(?:fail|keep)\([^"]*?"([a-z_]+)",')
    used = {
        code
        for folder in ("bot/tracker", "bot/jobs", "adapters/providers", "storage")
        for file in (ROOT / folder).rglob("*.py")
        for found in literal.findall(file.read_text())
        for code in found
        if code
    }

    assert {"not_confirmed", "queue_timeout", "lost_at_provider"} <= used, "the search no longer finds what is there"
    assert not {code for code in used if f"| `{code}` |" not in text}


def test_the_diagram_has_every_move_and_no_other():
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", PARTS["states"](), re.MULTILINE))

    assert drawn == {(old.value, new.value) for old, following in TRANSITIONS.items() for new in following}
    assert len(State) == len(TRANSITIONS)


def test_the_readme_and_the_glossary_name_things_that_exist():
    for page in ("README.md", "CONTRIBUTING.md", "docs/glossary.md", "docs/explanation/architecture.md"):
        for name in re.findall(r"`((?:bot|adapters|storage|tests|tools|docs)/[\w./-]*)`", (ROOT / page).read_text()):
            assert (ROOT / name).exists(), f"{page} names {name}"
