"""How the admin pages write what others said: the filters that only they need."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_TICKED = re.compile(r"`([^`]+)`")


def spell(seconds: float | None) -> str:
    """A measured length of time: `42 s`, `3 min 5 s`."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def sentence(text: str) -> str:
    """A reason that was written down in a few words, as a sentence of its own."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def ticked(text: str) -> Markup:
    """What stands between backticks as code; everything escaped."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped right there
