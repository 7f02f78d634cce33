"""Prompt words: `--5s --1080p --camera orbit …` typed into a prompt, in any front end.

Unknown words are named, not swallowed; whoever contradicts himself is asked. Phones turn `--` into a dash and straight
quotes into curly ones, so both are understood. A value is one word, or anything in quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from bot.errors import BadPrompt
from bot.jobs.model import RenderSettings
from bot.languages.said import joined, listed, say
from bot.prompts.text import tidy

CAMERA_MOVES = ("zoom-in", "zoom-out", "pan-left", "pan-right", "pan-up", "pan-down", "orbit", "static")
MOTIONS = ("low", "high")

_TAKES_VALUE = {"seed": "seed", "neg": "negative_prompt", "camera": "camera", "motion": "motion", "model": "model"}
_CHOICES = {"camera": CAMERA_MOVES, "motion": MOTIONS}
_COMMON = ("5s", "10s", "480p", "720p", "1080p")
_ALSO_CALLED = {
    "negative": "neg",
    "negative-prompt": "neg",
    "no": "neg",
    "duration": "5s",
    "length": "5s",
    "resolution": "720p",
    "size": "720p",
}
_OPENING = re.compile(r"(?<!\S)(--|[\u2012-\u2015])(?=[^\W_])")
_NAME = re.compile(r"[^\s=]+")
_QUOTES = {
    '"': '"',
    "'": "'",
    "\u201c": "\u201d\u201c",
    "\u201d": "\u201d",
    "\u201e": "\u201c\u201d",
    "\u2018": "\u2019",
    "\u2019": "\u2019",
    "\u00ab": "\u00bb",
}
_ENDINGS = ".,;:!?"
_MOST_DIGITS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A prompt without its words, and what the words set; `None` is not said."""

    prompt: str
    duration_s: int | None = None
    resolution: str | None = None
    seed: int | None = None
    negative_prompt: str | None = None
    camera: str | None = None
    motion: str | None = None
    model: str | None = None

    def over(self, settings: RenderSettings) -> RenderSettings:
        """The settings with everything the words say put in their place (the model is the caller's to choose)."""
        said = {
            field.name: value
            for field in fields(RenderSettings)
            if (value := getattr(self, field.name, None)) is not None
        }
        return replace(settings, **said)

    def as_text(self) -> str:
        """The prompt and its words as one would type them; `parse` reads it back."""
        words = [self.prompt]
        words += [f"--{self.duration_s}s"] if self.duration_s is not None else []
        words += [f"--{self.resolution}"] if self.resolution is not None else []
        for word, field in _TAKES_VALUE.items():
            value = getattr(self, field)
            if value is not None:
                words.append(f"--{word} {_quoted(str(value)) if word == 'neg' else value}")
        return " ".join(word for word in words if word)


def parse(text: str) -> Words:
    """Take the words out of a prompt. `BadPrompt`, in one sentence, for what cannot be understood."""
    text = tidy(text)
    said: dict[str, tuple[str | int, str]] = {}
    kept: list[str] = []
    start = position = 0
    while found := _OPENING.search(text, position):
        name_match = _NAME.match(text, found.end())
        assert name_match is not None  # the opening looks ahead for a letter or digit
        name = name_match.group().rstrip(_ENDINGS).casefold()
        if found.group() != "--" and not _is_like_a_word(name):
            # A dash in a sentence, not a word of ours.
            position = name_match.end()
            continue
        kept.append(text[start : found.start()].strip(" "))
        field, value, typed, position = _read(text, name, name_match.end())
        start = position
        _put(said, field, value, typed)
    kept.append(text[start:].strip(" "))
    values: dict[str, Any] = {field: value for field, (value, _) in said.items()}
    return Words(prompt=tidy(" ".join(part for part in kept if part)), **values)


def _read(text: str, name: str, end: int) -> tuple[str, str | int, str, int]:
    """One word: the field it sets, its value, how it was typed, and where the text goes on."""
    if re.fullmatch(r"[0-9]{1,4}s", name):
        return "duration_s", int(name[:-1]), f"--{name}", end
    if re.fullmatch(r"[0-9]{1,5}p", name):
        return "resolution", f"{int(name[:-1])}p", f"--{name}", end
    if name not in _TAKES_VALUE:
        raise BadPrompt(_unknown(name))
    value, end = _value(text, name, end)
    field = _TAKES_VALUE[name]
    if name == "neg":
        return field, tidy(value), f'--neg "{value}"', end
    value = value.rstrip(_ENDINGS)
    typed = f"--{name} {value}"
    if name == "seed":
        if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
            raise BadPrompt(say("--seed takes a whole number, not {word}.", word=_shown(value)))
        return field, int(value), typed, end
    if name in _CHOICES:
        value = value.casefold()
        if value not in _CHOICES[name]:
            raise BadPrompt(_no_choice(name, value))
    return field, value, typed, end


def _value(text: str, name: str, end: int) -> tuple[str, int]:
    """The value that follows `--name`, after a space or `=`: one word, or what stands in quotes."""
    rest = text[end:]
    begin = end + len(rest) - len(rest.lstrip(" \t\n="))
    opening = text[begin : begin + 1]
    if opening in _QUOTES and opening:
        for at in range(begin + 1, len(text)):
            # An apostrophe inside a word closes nothing.
            if text[at] in _QUOTES[opening] and not text[at + 1 : at + 2].isalnum():
                value = text[begin + 1 : at]
                if not value.strip():
                    raise BadPrompt(say("--{name} has nothing between its quotes.", name=name))
                return value, at + 1
        raise BadPrompt(
            say(
                "The quote after --{name} is never closed: put {quote} where it ends.",
                name=name,
                quote=_QUOTES[opening][0],
            )
        )
    match = _NAME.match(text, begin)
    if match is None or _OPENING.match(text, begin):
        example = {"neg": '"blurry, text"', "seed": "7", "model": "NAME"}.get(name) or _CHOICES[name][0]
        raise BadPrompt(say("--{name} needs a value, like --{name} {example}.", name=name, example=example))
    return match.group(), match.end()


def _put(said: dict[str, tuple[str | int, str]], field: str, value: str | int, typed: str) -> None:
    before = said.get(field)
    if before is not None and before[0] != value:
        raise BadPrompt(
            say("{first} and {second} contradict each other; keep one of them.", first=before[1], second=typed)
        )
    said[field] = (value, typed)


def _unknown(name: str) -> str:
    meant = _ALSO_CALLED.get(name) or _closest(name, (*_TAKES_VALUE, *_COMMON))
    known = "--5s --720p --seed --neg --camera --motion --model"
    word = _shown(f"--{name}")
    if meant:
        return say("I do not know {word}; did you mean --{meant}?", word=word, meant=meant)
    return say("I do not know {word}; I know {known}.", word=word, known=known)


def _no_choice(name: str, value: str) -> str:
    hint, word = _closest(value, _CHOICES[name]), _shown(value)
    if hint:
        unknown = say("--{name} does not know {word}; did you mean {hint}?", name=name, word=word, hint=hint)
    else:
        unknown = say("--{name} does not know {word}.", name=name, word=word)
    return joined((unknown, say("It takes {known}.", known=listed(_CHOICES[name], "or"))))


def _is_like_a_word(name: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}[sp]", name) or name in _TAKES_VALUE or _closest(name, tuple(_TAKES_VALUE)))


def _closest(word: str, known: tuple[str, ...]) -> str | None:
    return next(iter(get_close_matches(word[:40], known, n=1, cutoff=0.7)), None)


def _shown(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:40]}…"


def _quoted(value: str) -> str:
    """In the first kind of quotes that does not end too early."""
    for opening, closing in (('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u00ab", "\u00bb")):
        closes_early = any(
            value[at] in _QUOTES[opening] and not value[at + 1 : at + 2].isalnum() for at in range(len(value))
        )
        if not closes_early:
            return f"{opening}{value}{closing}"
    return f'"{value}"'
