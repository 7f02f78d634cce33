"""What people wrote, shown as it is: no formatting, no mention, no link and no emoji comes of it."""

from __future__ import annotations

import re
from datetime import datetime

_MARKS = re.compile(r"([\\*_~`|>#\[\]()<])")
_AT_THE_START = re.compile(r"^(\d*)([-+.)])")
"""What makes a list of a line that begins with it."""
_NOTHING = "\u200b"


def plain(text: str, most: int) -> str:
    """A person's words on one line, at most `most` characters of them, with every character that Discord would read made dumb."""
    line = " ".join(text.split())
    if len(line) > most:
        line = f"{line[: most - 1].rstrip()}…"
    # A mention, a link and an emoji begin with these; a character of no width in between leaves them text.
    line = line.replace("@", f"@{_NOTHING}").replace("://", f":{_NOTHING}//")
    return _AT_THE_START.sub(r"\1\\\2", _MARKS.sub(r"\\\1", line))


def moment(at: datetime, style: str = "R") -> str:
    """A time that each reader's own client says in words, and keeps true: "2 minutes ago"."""
    return f"<t:{int(at.timestamp())}:{style}>"
