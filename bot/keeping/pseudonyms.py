"""What stands for a forgotten person: keyed hashes, so that limits still count and nothing is ordered twice.

Whoever has the database alone can try names and learns nothing; the key is the installation's.
"""

from __future__ import annotations

from bot.keys import KeyRing

FORGOTTEN = "forgotten"
"""Stands where a person stood."""
FORGOTTEN_SCOPE = f"user:{FORGOTTEN}"
LENGTH = 32
"""Hex digits: 128 bits, far more than people."""

_PERSON, _REQUEST = "forgotten person", "forgotten request"


class Pseudonyms:
    """By the installation's keys; without any, nobody was ever forgotten."""

    def __init__(self, keys: KeyRing | None = None) -> None:
        self._keys = keys

    def scopes(self, person: str) -> tuple[str, ...]:
        """The scopes a forgotten person's ledger entries may carry; the first is the one that is written."""
        return tuple(f"{FORGOTTEN_SCOPE}:{each}" for each in self._derived(_PERSON, person))

    def request_keys(self, person: str, request_key: str) -> tuple[str, ...]:
        """What an erased job of a forgotten person may carry for this request key; the first is written."""
        return tuple(f"{FORGOTTEN}:{each}" for each in self._derived(_REQUEST, f"{person}\0{request_key}"))

    def _derived(self, purpose: str, value: str) -> tuple[str, ...]:
        found = self._keys.derive_all(purpose, value) if self._keys is not None else ()
        return tuple(each[:LENGTH] for each in found)
