"""A Caddyfile as a tree of lines; what the reader does not know it refuses. Caddy's own judgement is not asked here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

_VARIABLE = re.compile(r"\{\$(\w+)(?::([^}]*))?\}")
_ARGUMENT = re.compile(r"\{args\[(\d+)\]\}")
KNOWN: Final = frozenset(
    "admin import handle request_body max_size reverse_proxy dynamic refresh lb_policy lb_try_duration lb_try_interval".split()
)
"""Directives and options that the rules understand; another one has to be thought about first."""


class BadCaddyfile(ValueError):
    """It is no Caddyfile, or one that says more than is understood here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The words of one line, and the lines of the block that it opens."""

    words: tuple[str, ...]
    block: tuple[Line, ...] = ()

    def all(self, name: str) -> Iterator[Line]:
        """Every line of this name in here, however deep."""
        for each in self.block:
            if each.words[0] == name:
                yield each
            yield from each.all(name)

    def one(self, name: str) -> str:
        """What the only line of this name says after it; `BadCaddyfile` where there is none, or more."""
        found = list(self.all(name))
        if len(found) != 1:
            raise BadCaddyfile(f"{name} is there {len(found)} times")
        return " ".join(found[0].words[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Caddyfile:
    """The global options, and one site with its imports unfolded."""

    options: Line
    site: Line
    variables: dict[str, str | None]
    """Names that are filled in from the environment, and their defaults."""

    @classmethod
    def parse(cls, text: str) -> Caddyfile:
        """Read it."""
        lines = [line.split(" #")[0].split() for line in text.splitlines() if not line.strip().startswith("#")]
        blocks = list(_blocks(iter([each for each in lines if each]), depth=0))
        snippets = {each.words[0][1:-1]: each for each in blocks if each.words and each.words[0].startswith("(")}
        options = [each for each in blocks if not each.words]
        sites = [each for each in blocks if each.words and not each.words[0].startswith("(")]
        if len(options) != 1 or len(sites) != 1:
            raise BadCaddyfile(f"{len(options)} blocks of options and {len(sites)} sites")
        site = replace(sites[0], block=_unfolded(sites[0].block, snippets))
        for name in _names(options[0], site):
            if name not in KNOWN:
                raise BadCaddyfile(f"{name} is not understood here")
        return cls(options=options[0], site=site, variables={n: d or None for n, d in _VARIABLE.findall(text)})


def _names(*lines: Line) -> Iterator[str]:
    """The first words of everything inside."""
    for line in lines:
        for each in line.block:
            yield each.words[0]
            yield from _names(each)


def default_of(word: str) -> str:
    """`{$SIZE:60MB}` → `60MB`; anything else as it is."""
    found = _VARIABLE.fullmatch(word)
    return word if found is None else str(found[2])


def _blocks(lines: Iterator[list[str]], *, depth: int) -> Iterator[Line]:
    for words in lines:
        if words == ["}"]:
            if depth == 0:
                raise BadCaddyfile("a block is closed that was not opened")
            return
        if words[-1] == "{":
            yield Line(words=tuple(words[:-1]), block=tuple(_blocks(lines, depth=depth + 1)))
        else:
            yield Line(words=tuple(words))
    if depth:
        raise BadCaddyfile("a block is not closed")


def _unfolded(block: tuple[Line, ...], snippets: dict[str, Line]) -> tuple[Line, ...]:
    found: list[Line] = []
    for each in block:
        if each.words[0] != "import":
            found.append(replace(each, block=_unfolded(each.block, snippets)))
        elif each.words[1] not in snippets:
            raise BadCaddyfile(f"there is no snippet {each.words[1]}")
        else:
            found += [_given(line, each.words[2:]) for line in snippets[each.words[1]].block]
    return tuple(found)


def _given(line: Line, arguments: tuple[str, ...]) -> Line:
    words = tuple(_ARGUMENT.sub(lambda found: arguments[int(found[1])], word) for word in line.words)
    return Line(words=words, block=tuple(_given(each, arguments) for each in line.block))
