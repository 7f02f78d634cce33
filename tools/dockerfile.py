"""Reads a Dockerfile and a `.dockerignore`, as much of them as ours need; refuses what it does not know.

Used by `tools/replay_image.py` and by `tests/deploy/`. Source of the rules: the Dockerfile reference of Docker's manual.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

WORDS = frozenset(
    "ARG FROM ENV WORKDIR COPY ADD RUN USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD LABEL SHELL".split()
)
_FLAG = re.compile(r"--([a-z-]+)=(\S+)\s*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


class BadDockerfile(ValueError):
    """A line that this reader does not understand; says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction with its continuation lines joined."""

    line: int
    word: str
    flags: Mapping[str, str] = field(default_factory=dict)
    """`--from=build` → `{"from": "build"}`."""
    text: str
    """What stands behind the flags."""

    @property
    def array(self) -> list[str] | None:
        """The words of the exec form (`["a", "b"]`), or None where it is the shell form."""
        text = self.text.removeprefix("CMD").strip() if self.word == "HEALTHCHECK" else self.text
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return found if isinstance(found, list) and all(isinstance(each, str) for each in found) else None

    @property
    def words(self) -> list[str]:
        """Sources and target of a copy, names of a volume: the exec form, or what a shell would split."""
        return self.array if self.array is not None else shlex.split(self.text)

    @property
    def pairs(self) -> dict[str, str]:
        """The names and values of ENV, LABEL or ARG; an ARG without a default is empty."""
        return {name: value for name, _, value in (each.partition("=") for each in shlex.split(self.text))}

    @property
    def commands(self) -> list[str]:
        """The simple commands of a RUN that is a chain of `&&`."""
        return [each.strip() for each in self.text.split("&&")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """From one FROM to the next."""

    base: str
    name: str | None
    instructions: tuple[Instruction, ...]

    def all(self, *words: str) -> list[Instruction]:
        """The instructions of these kinds, in their order."""
        return [each for each in self.instructions if each.word in words]

    def last(self, word: str) -> Instruction | None:
        """The one that counts."""
        return next(iter(reversed(self.all(word))), None)

    @property
    def environment(self) -> dict[str, str]:
        """What its ENV lines say, all together, nothing put in yet."""
        return {name: value for each in self.all("ENV") for name, value in each.pairs.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What stands before the first FROM, and the stages."""

    arguments: Mapping[str, str]
    stages: tuple[Stage, ...]

    @property
    def final(self) -> Stage:
        """The stage that becomes the image."""
        return self.stages[-1]

    def base(self, stage: Stage) -> str:
        """Its base image with the defaults of the arguments put in."""
        return filled(stage.base, self.arguments)


def filled(text: str, values: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced; what has no value becomes nothing, as in a build."""
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], ""), text)


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile. Raises `BadDockerfile`."""
    arguments: dict[str, str] = {}
    stages: list[tuple[str, str | None, list[Instruction]]] = []
    for each in _instructions(text):
        if each.word == "FROM":
            base, *rest = each.text.split()
            if rest and (len(rest) != 2 or rest[0].upper() != "AS"):
                raise BadDockerfile(f"line {each.line}: FROM {each.text}")
            stages.append((base, rest[1] if rest else None, []))
        elif stages:
            stages[-1][2].append(each)
        elif each.word == "ARG":
            arguments |= each.pairs
        else:
            raise BadDockerfile(f"line {each.line}: {each.word} before FROM")
    if not stages:
        raise BadDockerfile("there is no FROM")
    return Dockerfile(
        arguments=arguments,
        stages=tuple(Stage(base=base, name=name, instructions=tuple(found)) for base, name, found in stages),
    )


def _instructions(text: str) -> Iterator[Instruction]:
    joined, began = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        # Comments and empty lines may stand between the lines of one instruction, and are no part of it.
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        began = began if joined else number
        joined += line.strip()
        if joined.endswith("\\"):
            joined = joined[:-1].rstrip() + " "
            continue
        yield _instruction(began, joined)
        joined = ""
    if joined:
        raise BadDockerfile(f"line {began}: goes on behind the end of the file")


def _instruction(line: int, joined: str) -> Instruction:
    word, _, rest = joined.partition(" ")
    if word.upper() not in WORDS:
        raise BadDockerfile(f"line {line}: {word} is not known here")
    if "<<" in rest:
        raise BadDockerfile(f"line {line}: here-documents are not known here")
    flags, rest = {}, rest.strip()
    while found := _FLAG.match(rest):
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    return Instruction(line=line, word=word.upper(), flags=flags, text=rest)


@dataclass(frozen=True, slots=True)
class Ignored:
    """The rules of a `.dockerignore`."""

    patterns: tuple[tuple[bool, re.Pattern[str]], ...]

    @classmethod
    def parse(cls, text: str) -> Ignored:
        """One rule a line; `!` takes back, `#` comments."""
        lines = [each.strip() for each in text.splitlines() if each.strip() and not each.startswith("#")]
        return cls(tuple((not each.startswith("!"), _pattern(each.removeprefix("!"))) for each in lines))

    def covers(self, path: str) -> bool:
        """Whether a path of the context stays outside: the last rule counts that fits it or a folder above it."""
        ignored = False
        above = [path, *(str(each) for each in Path(path).parents if str(each) != ".")]
        for leaves_out, pattern in self.patterns:
            if any(pattern.fullmatch(each) for each in above):
                ignored = leaves_out
        return ignored


def _pattern(rule: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", rule.strip("/"))
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(each) or re.escape(each) for each in parts))
