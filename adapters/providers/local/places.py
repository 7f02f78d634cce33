"""Parts of a picture in plain words: what "the lower left" or "the upper third" is, and what only sounds like it."""

from __future__ import annotations

import re

Place = tuple[float, float]
"""A part's middle, as fractions of the picture's sides."""

# The middle of the outer thirds: "left" is neither the very edge nor just left of the middle.
_NEAR, _MIDDLE, _FAR = 1 / 6, 1 / 2, 5 / 6
_SIDES = {"left": _NEAR, "right": _FAR}
_LEVELS = {"upper": _NEAR, "top": _NEAR, "lower": _FAR, "bottom": _FAR}

_WORD = r"(?:upper|top|lower|bottom|left|right|middle|cent(?:er|re|ral))"
_NOUN = r"(?:side|corner|part|third|half|edge|end|area|region|section|portion|quarter|quadrant)"
_PICTURE = r"(?:picture|image|photo(?:graph)?|frame|scene|shot|screen|view|painting|drawing|canvas)"
# What may follow. Any other word would be what "left" and "top" belong to: the left hand, the top hat, the right moment.
_NOTHING_MORE = (
    r"(?=\s*(?:$|[^\w\s'\u2019-])|\s+(?:and|or|then|while|as|until|before|but|with|who|that|which|where|when|so|please|"
    r"now|in|at|to|from|over|for|again|first|\w+ly)\b)"
)
PLACE = (
    rf"(?:(?P<the>(?:the|this|that)\s+)?(?:(?:far|very|extreme)\s+)?"
    rf"(?P<words>{_WORD}(?:[\s-]+{_WORD})?)(?P<hand>[\s-]hand(?:ed)?)?(?:[\s-]+(?P<noun>{_NOUN}))?"
    rf"(?:\s+of\s+(?:the|this|that|my|our)\s+{_PICTURE})?{_NOTHING_MORE})"
)
"""A part of the picture, to be read with `place_of`; matches more than that accepts."""


def place_of(found: re.Match[str]) -> Place | None:
    """The part a match of `PLACE` names; None when its words name none ("the upper", "left right", "left hand")."""
    words = re.split(r"[\s-]+", found["words"].lower())
    sides, levels = [word for word in words if word in _SIDES], [word for word in words if word in _LEVELS]
    if len(sides) > 1 or len(levels) > 1:
        return None
    if found["noun"] is None:
        # Adjectives alone are no part, nor is a left hand; and without "the", one word is too little: "what is left".
        alone = len(words) == 1
        if found["hand"] or (alone and (found["the"] is None or words[0] in ("upper", "lower", "central"))):
            return None
    return _SIDES[sides[0]] if sides else _MIDDLE, _LEVELS[levels[0]] if levels else _MIDDLE
