"""Faults on demand, for every emulator: the next n requests of a route suffer one.

    {"route": "POST /channels/*/messages", "fault": "reset", "when": "after", "times": 2, "skip": 0}

`*` in a route is one part of a path, `**` any number of them. Which words there are says each emulator. `when` is `before`
(the request changes nothing), `after` (it is carried out, then this happens) or, for a reset, `mid-body` (after the first
`after_bytes` of the body). A `hang` of some seconds is followed by the request being served as usual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule, and how often it still applies."""

    route: str
    fault: str
    when: str = "before"
    times: int = 1
    skip: int = 0
    after_bytes: int = 1000

    def __post_init__(self) -> None:
        if self.when not in {"before", "after", "mid-body"}:
            raise ValueError(f"no such fault: {self.fault} {self.when}")
        if self.when == "mid-body" and self.fault != "reset":
            raise ValueError("only a reset happens in the middle of a body")

    @property
    def word(self) -> str:
        return self.fault.partition(":")[0]

    @property
    def value(self) -> str:
        """What stands after the colon."""
        return self.fault.partition(":")[2]

    @property
    def number(self) -> float | None:
        """The same, as a number."""
        return float(self.value) if self.value else None

    def matches(self, route: str) -> bool:
        pattern = re.escape(self.route).replace(r"\*\*", ".*").replace(r"\*", "[^/ ]+")
        return re.fullmatch(pattern, route) is not None


class Faults:
    """The rules that are left, oldest first; `words` are the faults this emulator knows."""

    def __init__(self, words: re.Pattern[str]) -> None:
        self._words = words
        self.rules: list[Fault] = []

    def add(self, **facts: Any) -> None:
        rule = Fault(**facts)
        if not self._words.fullmatch(rule.fault):
            raise ValueError(f"no such fault: {rule.fault}")
        self.rules.append(rule)

    def take(self, route: str) -> Fault | None:
        """What this request is to suffer."""
        for rule in self.rules:
            if rule.matches(route):
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                if rule.times <= 0:
                    self.rules.remove(rule)
                return rule
        return None
