"""The page on the audit trail has every act there is, in its own words, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from bot.acts import ACTS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "audit.md"


def test_every_act_is_on_the_page() -> None:
    """With the line that the program has for it."""
    rows = re.findall(r"^\| `([a-z]+\.[a-z]+)` \| [^|]+ \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert dict(rows) == dict(ACTS)
    assert [name for name, _ in rows] == sorted(ACTS)
