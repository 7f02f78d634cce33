"""A sentence that is English, and can still be said in another language later.

    say("It costs {price}.", price=price)                       one sentence, with what stands in it
    say_n("{count} clip", "{count} clips", count)               as many as there are
    joined([first, second], " ")                                sentences, or words, one after the other
    listed(words, "or")                                         a, b or c

The first argument of `say` is found in the source by `make messages`, so it is always written out. A value that was
said itself is translated along; any other stands in every language as it does in English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Self

Value = str | int | float
"""What may stand in a sentence; a `Said` is a `str`."""

_NOTHING: Mapping[str, Value] = MappingProxyType({})


class Said(str):
    """An English sentence that knows its template and what stands in it. Compares, prints and is stored as a `str`.

    `str(error)` of an exception made with one is that same `Said`.
    """

    __slots__ = ("msgid", "number", "plural", "values")

    msgid: str
    """The English template, by which catalogues know it."""
    values: Mapping[str, Value]
    plural: str | None
    """The template for any other number than one."""
    number: int | None

    def __new__(
        cls,
        english: str,
        msgid: str,
        values: Mapping[str, Value] = _NOTHING,
        plural: str | None = None,
        number: int | None = None,
    ) -> Self:
        """`english` is the template filled in already."""
        self = super().__new__(cls, english)
        self.msgid, self.values, self.plural, self.number = msgid, values, plural, number
        return self

    def __str__(self) -> str:
        return self

    def __reduce__(self) -> tuple[Callable[..., Said], tuple[object, ...]]:
        return Said, (str.__str__(self), self.msgid, dict(self.values), self.plural, self.number)


class Joined(Said):
    """Pieces one after the other, each sayable by itself."""

    __slots__ = ("parts",)

    parts: tuple[str, ...]

    def __new__(cls, parts: Sequence[str], between: str) -> Self:
        """`between` stands between the pieces, in English."""
        self = super().__new__(cls, between.join(parts), between)
        self.parts = tuple(parts)
        return self

    @property
    def between(self) -> str:
        """What stands between the pieces, in English."""
        return self.msgid

    def __reduce__(self) -> tuple[Callable[..., Said], tuple[object, ...]]:
        return Joined, (self.parts, self.msgid)


def say(msgid: str, /, **values: object) -> Said:
    """A sentence: `msgid` is English with `{names}` of values in it, written out where it is called."""
    stood = {name: _standing(value) for name, value in values.items()}
    return Said(msgid.format_map(stood), msgid, stood)


def say_n(singular: str, plural: str, count: int, /, **values: object) -> Said:
    """A sentence about a number of things: both templates may name `{count}`."""
    stood = {"count": count} | {name: _standing(value) for name, value in values.items()}
    return Said((singular if count == 1 else plural).format_map(stood), singular, stood, plural, count)


def joined(parts: Iterable[str], between: Literal[" ", ", ", "; "] = " ") -> str:
    """The pieces that are not empty, one after the other; a single one is itself."""
    there = [part for part in parts if part]
    if len(there) < 2:
        return there[0] if there else ""
    return Joined(there, between)


def listed(words: Sequence[str], joint: Literal["and", "or"]) -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return words[0] if words else ""
    most, last = joined(words[:-1], ", "), words[-1]
    if joint == "or":
        return say("{most} or {last}", most=most, last=last)
    return say("{most} and {last}", most=most, last=last)


def _standing(value: object) -> Value:
    """What can be kept beside a sentence: numbers stay numbers, so that their template may spell them; the rest is text."""
    return value if type(value) in (int, float) else str(value)  # type: ignore[return-value]
