"""What stands for a forgotten person until the month ends: a keyed hash, so that limits still count."""

from __future__ import annotations

from bot.keys import KeyRing
from bot.money.ledger import Pseudonyms

PURPOSE = "forgotten person"
LENGTH = 32
"""Hex digits: 128 bits, far more than people."""


class KeyedPseudonyms(Pseudonyms):
    """By the installation's keys: whoever has the database alone can try names and learn nothing."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def scope(self, person: str) -> str:
        """The scope that is written."""
        return self.scopes(person)[0]

    def scopes(self, person: str) -> tuple[str, ...]:
        """Every scope that may have been written, also before a key was changed."""
        return tuple(f"user:forgotten:{each[:LENGTH]}" for each in self._keys.derive_all(PURPOSE, person))
