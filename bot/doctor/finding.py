"""What a check yields, and how a part stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `reelbot doctor`. `id` is stable; troubleshooting pages are keyed by it."""

    id: str
    status: Literal["ok", "warn", "fail"]
    what: str
    why: str = ""
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        """`{id, status, what, why, fix}`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How one part stands."""

    status: Literal["ok", "warn", "fail"]
    what: str

    def as_json(self) -> dict[str, str]:
        """`{"status", "what"}`."""
        return asdict(self)
