"""Faults on demand: the next n requests of a route suffer one.

    {"route": "POST /channels/*/messages", "fault": "reset", "when": "after", "times": 2, "skip": 0}

`*` in a route is one path segment, `**` any number; the path begins after `/api/v10`, without the query. The faults:

    status:500|502|503|504…   an answer with that status       reset          a TCP reset instead of an answer
    hang[:seconds]            nothing for so long (for ever)    429[:seconds]  throttled, with scope `shared`
    error:CODE                one of Discord's codes            413            40005 without looking
    banned                    Cloudflare's page for an address that asked too often: 429, HTML, no `Via`

`when` is `before` (the request changes nothing), `after` (it is carried out, then this happens) or, for a reset, `mid-body`
(after the first `after_bytes` of the body). A `hang` of some seconds is followed by the request being served as usual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

FAULT = re.compile(r"status:[45]\d\d|reset|hang(:[\d.]+)?|429(:[\d.]+)?|error:\d+|413|banned")


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
        if not FAULT.fullmatch(self.fault) or self.when not in {"before", "after", "mid-body"}:
            raise ValueError(f"no such fault: {self.fault} {self.when}")
        if self.when == "mid-body" and self.fault != "reset":
            raise ValueError("only a reset happens in the middle of a body")

    @property
    def word(self) -> str:
        return self.fault.partition(":")[0]

    @property
    def number(self) -> float | None:
        """What stands after the colon."""
        text = self.fault.partition(":")[2]
        return float(text) if text else None

    def matches(self, route: str) -> bool:
        pattern = re.escape(self.route).replace(r"\*\*", ".*").replace(r"\*", "[^/ ]+")
        return re.fullmatch(pattern, route) is not None


class Faults:
    """The rules that are left, oldest first."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def add(self, **facts: Any) -> None:
        self.rules.append(Fault(**facts))

    def take(self, method: str, path: str) -> Fault | None:
        """What this request is to suffer."""
        for rule in self.rules:
            if rule.matches(f"{method} {path}"):
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                if rule.times <= 0:
                    self.rules.remove(rule)
                return rule
        return None
