"""A call of the Web API, and how one is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.emulators.slack_state import Grant


@dataclass(slots=True, kw_only=True)
class Call:
    """One request: the method, its arguments after their check, and for whom."""

    method: str
    args: dict[str, Any]
    grant: Grant

    def get(self, name: str, default: Any = None) -> Any:
        return self.args.get(name, default)


@dataclass(slots=True)
class Refused(Exception):
    """`{"ok": false, "error": …}`, with more facts beside it."""

    error: str
    why: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {"ok": False, "error": self.error, **self.facts}


def invalid(*messages: str) -> Refused:
    """What Slack says to wrong arguments."""
    told = {"response_metadata": {"messages": [f"[ERROR] {one}" for one in messages]}}
    return Refused("invalid_arguments", "; ".join(messages), told)
