"""Camera moves in plain words: what a prompt like "zoom in slowly on the lake" asks of the camera."""

from __future__ import annotations

import re

_HOW = r"(?:[\s-]+(?:slowly|gently|quickly|fast|slightly))?"
_CAMERA = r"camera (?:slowly |gently |quickly )?"
_GOES = r"(?:moves?|moving|slides?|sliding|glides?|gliding|drifts?|drifting)"
_TURNS = (
    rf"(?:(?:pan|tilt|truck)(?:s|n?ing)?|{_CAMERA}{_GOES}|(?:move|slide|glide|drift) the camera)"
    rf"{_HOW}[\s-]+(?:to the |to |towards the |toward the )?"
)

# "moves in" and "rises" count only of the camera: fog moves in and the sun rises without it.
_PHRASES = {
    "zoom-in": (
        rf"zoom(?:s|ing)?{_HOW}[\s-]+in(?:to)?",
        rf"(?:push|doll(?:y|ie))(?:e?s|ing)?{_HOW}[\s-]+in",
        rf"{_CAMERA}(?:moves|pushes|comes|gets|goes) (?:in|closer)",
        r"(?:slow|gentle|subtle|fast|quick|dramatic) zoom(?![\s-]+out)",
        r"clos(?:e|ing) in on",
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


def camera_words(prompt: str) -> str | None:
    """The first camera move the prompt asks for in plain words ("zoom in on the lake"), if any; "no zoom" is none."""
    found = [
        (match.start(), move)
        for move, phrase in _COMPILED.items()
        for match in phrase.finditer(prompt)
        if not _DENIED.search(prompt[: match.start()])
    ]
    return min(found)[1] if found else None


def motion_words(prompt: str) -> str | None:
    """`low` or `high` when the prompt speaks of the camera and says how ("pan left slowly"), else None."""
    if camera_words(prompt) is None:
        return None
    gently, strongly = _GENTLY.search(prompt), _STRONGLY.search(prompt)
    if gently and (not strongly or gently.start() < strongly.start()):
        return "low"
    return "high" if strongly else None
