"""Links between pages lead somewhere, and no page tells of the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "requirements" / "README.md"]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page):
    for pair in _LINK.findall(page.read_text(encoding="utf-8")):
        target = pair[0] or pair[1]
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in _anchors(file.read_text(encoding="utf-8")), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_page_begins_with_its_title(page):
    text = page.read_text(encoding="utf-8")

    assert re.match(r"(<[^>]+>\s*)*# \S", text) or text.startswith("# "), page


def test_every_page_of_the_documentation_can_be_reached_from_its_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link, _ in _LINK.findall(index)}
    decisions = {page.resolve() for page in (ROOT / "docs" / "decisions").glob("*.md")}

    pages = {page.resolve() for page in (ROOT / "docs").rglob("*.md")} - decisions
    assert pages - linked == {(ROOT / "docs" / "README.md").resolve()}
