"""What texts carry: the escaping of what people write, and the pings that a bot must not send."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

PING = re.compile(r"<(?:!(?:channel|here|everyone|subteam\^[^>]*)[^>]*|@(?P<user>[UW][A-Z0-9]+)[^>]*)>")
_KEPT = re.compile(r"<(?:@[UW][A-Z0-9]+|#C[A-Z0-9]+\|[^>]*|!(?:here|channel|everyone))>")
_ANGLE = re.compile(r"<(https?://[^>|]+)(?:\|[^>]*)?>")
_LINK = re.compile(r"https?://[^\s<>|]+")


def escaped(text: str) -> str:
    """As Slack hands on what somebody wrote: `&`, `<`, `>` escaped, mentions and links in angle brackets."""
    parts: list[str] = []
    last = 0
    for kept in _KEPT.finditer(text):
        parts += [_plain(text[last : kept.start()]), kept[0]]
        last = kept.end()
    return "".join([*parts, _plain(text[last:])])


def _plain(text: str) -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(lambda found: f"<{found[0]}>", safe)


def rich_text(text: str) -> list[dict[str, Any]]:
    """The `blocks` that Slack's own clients send with a text."""
    elements: list[dict[str, Any]] = []
    for part in re.split(r"(<@[UW][A-Z0-9]+>)", text):
        if part.startswith("<@"):
            elements.append({"type": "user", "user_id": part[2:-1]})
        elif part:
            # Rich text carries what was typed; only the message's `text` is escaped.
            elements.append({"type": "text", "text": unescape(_ANGLE.sub(r"\1", part))})
    section = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "block_id": "rich1", "elements": [section]}] if elements else []


def pings(texts: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Everybody who would be pinged, and may not be; `*` allows every single person."""
    able = set(allowed)
    found: list[str] = []
    for text in texts:
        for ping in PING.finditer(text):
            if not (ping["user"] and ({ping["user"], "*"} & able)):
                found.append(ping[0])
    return found
