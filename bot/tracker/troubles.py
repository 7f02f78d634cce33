"""Accounts that an operator has to see to: a key that is refused, credit that is used up. Remembered by the process that
runs the engine, until the provider takes an order again; a restart learns it anew from the next refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

About = Literal["account", "balance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What is wrong with an account, and the provider's own words for it."""

    about: About
    why: str


@dataclass(slots=True)
class Troubles:
    """By provider; the latest one counts."""

    _standing: dict[str, Trouble] = field(default_factory=dict)

    def note(self, provider: str, about: About, why: str) -> None:
        """The provider said so."""
        self._standing[provider] = Trouble(about=about, why=why)

    def over(self, provider: str) -> None:
        """It took an order, or answered to the key: whatever was wrong is not any more."""
        self._standing.pop(provider, None)

    @property
    def standing(self) -> Mapping[str, Trouble]:
        """Everything that is not over."""
        return dict(self._standing)
