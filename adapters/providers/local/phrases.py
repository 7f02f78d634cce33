"""Camera moves in plain words: what a prompt like "zoom in slowly on the lower left" asks of the camera."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.providers.local.places import PLACE, Place, place_of

_HOW = r"(?:[\s-]+(?:slowly|gently|quickly|fast|slightly))?"
_CAMERA = r"camera (?:slowly |gently |quickly )?"
_GOES = r"(?:moves?|moving|slides?|sliding|glides?|gliding|drifts?|drifting)"
_TURN = rf"(?:(?:pan|tilt|truck)(?:s|n?ing)?|{_CAMERA}{_GOES}|(?:move|slide|glide|drift) the camera)"
_TURNS = rf"{_TURN}{_HOW}[\s-]+(?:to the |to |towards the |toward the )?"

# "moves in" and "rises" count only of the camera: fog moves in and the sun rises without it.
_PHRASES = {
    "zoom-in": (
        rf"zoom(?:s|ing)?{_HOW}[\s-]+in(?:to)?",
        rf"(?:push|doll(?:y|ie))(?:e?s|ing)?{_HOW}[\s-]+in(?:to)?",
        rf"{_CAMERA}(?:moves|pushes|comes|gets|goes) (?:in|closer)",
        r"(?:slow|gentle|subtle|fast|quick|dramatic) zoom(?![\s-]+out)",
        r"clos(?:e|ing) in(?= on\b)",
    ),
    "zoom-out": (
        rf"(?:zoom|doll(?:y|ie))(?:s|ing)?{_HOW}[\s-]+out",
        rf"pull(?:s|ing)?{_HOW}[\s-]+(?:back|out|away)",
        rf"{_CAMERA}(?:backs|moves|goes|pulls) (?:away|back|out)",
    ),
    "pan-left": (rf"{_TURNS}left",),
    "pan-right": (rf"{_TURNS}right",),
    "pan-up": (rf"{_TURNS}up(?:wards?)?", rf"(?:crane|pedestal)s?{_HOW}[\s-]+up", rf"{_CAMERA}rises"),
    "pan-down": (
        rf"{_TURNS}down(?:wards?)?",
        rf"(?:crane|pedestal)s?{_HOW}[\s-]+down",
        rf"{_CAMERA}(?:sinks|descends|lowers)",
    ),
    "orbit": (
        r"orbit(?:s|ing)?",
        r"arc(?:s|ing)?[\s-]+around",
        rf"{_CAMERA}(?:circles?|circling|rotates?|revolves?)",
    ),
    "static": (
        r"(?:static|still|fixed|locked(?:[\s-]+off)?) (?:camera|shot)",
        rf"{_CAMERA}(?:stays|is|remains|keeps|holds) (?:still|static|fixed)",
        r"(?:no|without) camera (?:movement|motion|moves?)",
        r"on a tripod|tripod shot",
    ),
}
_COMPILED = {move: re.compile(rf"\b(?:{'|'.join(patterns)})\b", re.IGNORECASE) for move, patterns in _PHRASES.items()}
_DENIED = re.compile(r"(?:\bno|\bnot|n['\u2019]t|\bdont|\bnever|\bwithout)(?:\s+\w+)?\s+$", re.IGNORECASE)
_GENTLY = re.compile(r"\b(?:slow|gentle|gently|subtle|subtly|slight|soft|calm)(?:ly)?\b", re.IGNORECASE)
_STRONGLY = re.compile(r"\b(?:fast|quick|rapid|strong|big|dramatic(?:al)?)(?:ly)?\b", re.IGNORECASE)

# These ask for the camera only together with a part of the picture: "pan to the lower left", "focus on the bottom".
_TO_A_PART = re.compile(rf"\b{_TURN}(?={_HOW}[\s-]+(?:over|across|along|to|towards?|from|into)\b)", re.IGNORECASE)
_FOCUS = re.compile(r"\b(?:(?<=camera )focuses|focus(?:ing)?)(?= (?:in )?(?:up)?on\b)", re.IGNORECASE)
# Said to us or of the camera; an archer focuses too.
_TO_US = re.compile(r"(?:^|[^\w\s'\u2019]|\b(?:camera|shot|slowly|gently|please|and|then))\s*$", re.IGNORECASE)
_FROM_TO = re.compile(
    r"\s+(?:(?:slowly|gently|quickly) )?from (?:the )?(?P<start>left|right|top|bottom)(?: side| edge)?"
    r" to (?:the )?(?P<end>left|right|top|bottom)(?: side| edge)?\b",
    re.IGNORECASE,
)
_ACROSS = {
    ("left", "right"): "pan-right",
    ("right", "left"): "pan-left",
    ("top", "bottom"): "pan-down",
    ("bottom", "top"): "pan-up",
}

# How the words after a move lead to a part of the picture. Through anything else they are about something else:
# "zoom in with a bird on the left", "zoom out to reveal the man on the right".
_LEADS = {
    "zoom-in": r"(?:on|onto|upon|to|towards?|into|at|in on|in to)\s+",
    "zoom-out": r"(?:starting |beginning )?from\s+",
    "pan": r"(?:over |across |along )?(?P<lead>to|towards?|into|from|over|across|along)\s+",
    "orbit": r"(?:around\s+|about\s+)?",
    "static": r"(?:of|on|at)\s+",
}
_CLAUSE_END = re.compile(
    r"[.,;:!?()\n]|\b(?:then|while|as|until|before|but|not|when|and(?!\s+\w+ly\b))\b", re.IGNORECASE
)
_ADVERB = r"\s*(?:(?:very\s+)?\w+ly\s+(?:and\s+\w+ly\s+)?|closer\s+)?"
# Either the part itself, or something that is there: "on the woman with the red umbrella on the left".
_SOMETHING_THERE = r"(?:[\w'\u2019-]+\s+){1,10}?(?:on|in|at|near|along)\s+(?=(?:the|this)\s)"
# "Pan down the left side" needs no word between.
_PLACES = {
    move: re.compile(
        rf"{_ADVERB}(?:{lead}(?:{_SOMETHING_THERE})?{'|(?=the )' if move == 'pan' else ''}){PLACE}", re.IGNORECASE
    )
    for move, lead in _LEADS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a prompt asks of the camera: the move, and the part of the picture it named, if any."""

    move: str
    focus: Place | None = None


def camera_wish(prompt: str) -> Wish | None:
    """The first camera move the prompt asks for in plain words ("zoom in on the lake"), if any; "no zoom" is none.

    A part of the picture counts only where the words of a move lead to it: a bird on the right is a bird.
    """
    found = [
        (match.start(), Wish(move=move, focus=_part_after(prompt, match, move)))
        for move, phrase in _COMPILED.items()
        for match in phrase.finditer(prompt)
        if not _denied(prompt, match)
    ]
    directed = {start for start, _ in found}
    found += [
        (match.start(), wish)
        for match in _TO_A_PART.finditer(prompt)
        if match.start() not in directed and not _denied(prompt, match) and (wish := _pan_to(prompt, match)) is not None
    ]
    found += [
        (match.start(), Wish(move="zoom-in", focus=focus))
        for match in _FOCUS.finditer(prompt)
        if not _denied(prompt, match)
        and _TO_US.search(prompt[: match.start()])
        and (focus := _part_after(prompt, match, "zoom-in")) is not None
    ]
    if not found:
        return None
    wishes = [wish for _, wish in sorted(found, key=lambda each: each[0])]
    first = wishes[0]
    if first.focus is None and all(wish.move == first.move for wish in wishes):
        # "Zoom in slowly, focusing on the left": the second phrase says where.
        return next((wish for wish in wishes if wish.focus is not None), first)
    return first


def motion_words(prompt: str) -> str | None:
    """`low` or `high` when the prompt speaks of the camera and says how ("pan left slowly"), else None."""
    if camera_wish(prompt) is None:
        return None
    gently, strongly = _GENTLY.search(prompt), _STRONGLY.search(prompt)
    if gently and (not strongly or gently.start() < strongly.start()):
        return "low"
    return "high" if strongly else None


def _denied(prompt: str, match: re.Match[str]) -> bool:
    return _DENIED.search(prompt[: match.start()]) is not None


def _part_after(prompt: str, match: re.Match[str], move: str) -> Place | None:
    """The part of the picture that the words after a move lead to, within their clause."""
    pan = move.startswith("pan-")
    start = match.end()
    if move == "zoom-in" and match[0].lower().endswith("into"):
        start -= len("to")
    elif pan and (side := re.search(r"(?:to|towards?) the (?:left|right)$", match[0], re.IGNORECASE)):
        # "Pan to the left side": the words of the direction are those of the part. "Pan to the left" is a direction.
        start = match.start() + side.start() - 1
    found = _place(prompt, start, "pan" if pan else move)
    if found is None or (found.end() <= match.end() and pan):
        return None
    return place_of(found)


def _pan_to(prompt: str, match: re.Match[str]) -> Wish | None:
    """A pan without a direction of its own: it goes to the part named, or from it, or through it."""
    if across := _FROM_TO.match(prompt, match.end()):
        move = _ACROSS.get((across["start"].lower(), across["end"].lower()))
        return Wish(move=move) if move else None
    found = _place(prompt, match.end(), "pan")
    place = None if found is None else place_of(found)
    if found is None or place is None:
        return None
    x, y = place[0] - 0.5, place[1] - 0.5
    if (lead := (found["lead"] or "").lower()) == "from":
        x, y = -x, -y
    # Along the bottom is sideways, and so is to a corner.
    if abs(x) >= abs(y) or lead in ("over", "along", "across"):
        return Wish(move="pan-left" if x < 0 else "pan-right", focus=place)
    return Wish(move="pan-up" if y < 0 else "pan-down", focus=place)


def _place(prompt: str, start: int, lead: str) -> re.Match[str] | None:
    end = _CLAUSE_END.search(prompt, start)
    return _PLACES[lead].match(prompt, start, end.start() if end else len(prompt))
