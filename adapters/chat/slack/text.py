"""What people wrote, shown as it is; and the small parts of which messages and forms are made.

Facts: `&`, `<` and `>` are the only characters Slack reads in text that is not plain; a section holds 3,000 of them, a
header 150, a button's label 75 and its value 2,000 (docs.slack.dev, Block Kit, read 2026-05-26).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

SECTION: Final = 3000
LABEL: Final = 75
HEADER: Final = 150
OPTION: Final = 75
"""Characters of a menu's entry."""
VALUE: Final = 150
"""Characters of what an entry stands for."""
MOST_OPTIONS: Final = 100
FALLBACK: Final = 3500
"""Characters of the text beside the blocks, for notifications and screen readers; an update takes 4,000."""

Block = dict[str, Any]


def escaped(text: str) -> str:
    """As text in which nothing is read: no mention, no link, no `<!channel>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def one_line(text: str, most: int) -> str:
    """A person's words on one line, at most `most` characters of them."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def moment(at: datetime, style: str = "{date_short_pretty} {time}") -> str:
    """A time that each reader's own client says in their zone; only in text that is not plain."""
    return f"<!date^{int(at.timestamp())}^{style}|{at:%Y-%m-%d %H:%M} UTC>"


def plain(text: str, most: int = SECTION) -> Block:
    """A text in which nothing is read."""
    return {"type": "plain_text", "text": text[:most] or " ", "emoji": False}


def marked(text: str, most: int = SECTION) -> Block:
    """A text with marks of ours; what others wrote in it is escaped already."""
    return {"type": "mrkdwn", "text": text[:most] or " ", "verbatim": True}


def section(text: Block, accessory: Block | None = None) -> Block:
    """A paragraph, with something to press beside it."""
    return {"type": "section", "text": text} | ({"accessory": accessory} if accessory is not None else {})


def small(lines: Sequence[Block]) -> list[Block]:
    """Small print: at most ten lines a block."""
    return [{"type": "context", "elements": list(lines[first : first + 10])} for first in range(0, len(lines), 10)]


def button(label: str, action: str, value: str, *, style: str | None = None, confirm: Block | None = None) -> Block:
    """Something to press; the action and the value come back with the press."""
    made: Block = {"type": "button", "text": plain(label, LABEL), "action_id": action, "value": value}
    made |= {"style": style} if style else {}
    return made | ({"confirm": confirm} if confirm else {})


def link(label: str, url: str, action: str) -> Block:
    """A button that opens an address."""
    return {"type": "button", "text": plain(label, LABEL), "action_id": action, "url": url}


def row(buttons: Sequence[Block]) -> list[Block]:
    """Buttons side by side; none at all are no block."""
    return [{"type": "actions", "elements": list(buttons)}] if buttons else []


def option(label: str, value: str) -> Block:
    """An entry of a menu."""
    return {"text": plain(label, OPTION), "value": value}


def message(text: str, blocks: Sequence[Block] | None = None) -> dict[str, Any]:
    """A message: always with a text, and with blocks, so that an edit shows no "(edited)"."""
    return {"text": text[:FALLBACK], "blocks": list(blocks) if blocks is not None else [section(marked(text))]}
