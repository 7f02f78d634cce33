"""The installation's secret keys: what is derived from them, what is signed with them, and what is sealed.

Several may be in force: the first signs and seals, all verify and open, so that a key can be changed without breaking
what was handed out or written down. Everything is bound to a *purpose*, a constant of the code that uses it: what is made for one is worth nothing for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_encode

from bot.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

SHORTEST_KEY = 16
"""Characters. Fewer can be guessed by trying."""
LONGEST_SIGNED = 4096
"""Characters of a signed text that are looked at; ours have a few hundred."""

_EXPIRES = "exp"
_PAYLOAD = "of"


class CannotUnseal(ConfigurationError):
    """What was sealed here cannot be opened: its key is not among those in force, or it was changed since."""


class KeyRing:
    """The keys of one installation. Never shows one: neither its text nor its `repr` holds any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """The first of `keys` signs; all verify. `ValueError` without one, or for one under 16 characters."""
        if not keys or any(len(key) < SHORTEST_KEY for key in keys):
            raise ValueError(f"a key ring needs keys of at least {SHORTEST_KEY} characters")
        self._keys = tuple(dict.fromkeys(keys))

    def __repr__(self) -> str:
        """How many there are."""
        return f"<KeyRing of {len(self._keys)}>"

    def __reduce__(self) -> str:
        """Refused: a key in a file or a message would be out of our hands."""
        raise TypeError("a key ring is not to be written anywhere")

    def secrets(self) -> tuple[str, ...]:
        """The keys themselves, for the log's redaction. Never to be shown."""
        return self._keys

    def derive(self, purpose: str, value: str) -> str:
        """A secret of its own for `value`: 64 hex digits, HMAC-SHA256 with the first key. The same every time."""
        return _derived(self._keys[0], purpose, value)

    def derive_all(self, purpose: str, value: str) -> tuple[str, ...]:
        """The same by every key, the first key's first: to verify what was derived before a key was changed.

        Compare with `hmac.compare_digest`.
        """
        return tuple(_derived(key, purpose, value) for key in self._keys)

    def sign(self, purpose: str, payload: Mapping[str, Any], *, expires_at: datetime) -> str:
        """`payload` (plain JSON) as signed text that is safe in a URL, good until `expires_at`. It is not secret."""
        return self._serializer(purpose).dumps({_PAYLOAD: dict(payload), _EXPIRES: int(expires_at.timestamp())})

    def read(self, purpose: str, text: str, *, now: datetime) -> dict[str, Any] | None:
        """The payload of a signed text; `None` when it is not ours, was made for another purpose, or has expired."""
        found = self.read_with_expiry(purpose, text, now=now)
        return found[0] if found else None

    def read_with_expiry(self, purpose: str, text: str, *, now: datetime) -> tuple[dict[str, Any], datetime] | None:
        """As `read`, and until when it is good."""
        if len(text) > LONGEST_SIGNED or not text.isascii():
            return None
        try:
            signed = self._serializer(purpose).loads(text)
            payload, expires_at = signed[_PAYLOAD], datetime.fromtimestamp(signed[_EXPIRES], UTC)
        except (BadData, LookupError, TypeError, ValueError, OverflowError):
            return None
        return (payload, expires_at) if now < expires_at else None

    def seal(self, purpose: str, text: str) -> str:
        """`text`, unreadable and unchangeable without a key: printable ASCII, another each time, by the first key.

        It stays good for as long as that key is in force, and shows when it was sealed and about how long the text is.
        """
        return self._vaults(purpose)[0].encrypt(text.encode()).decode("ascii")

    def unseal(self, purpose: str, sealed: str) -> str:
        """The text again. Raises `CannotUnseal`, in one sentence, when no key in force opens it for this purpose."""
        for vault in self._vaults(purpose):
            if (found := _opened(vault, sealed)) is not None:
                return found
        raise CannotUnseal(
            "A secret in the database was sealed with another secret key than REELBOT_SECRET_KEY or the data directory "
            "holds, and cannot be opened; put the former key back, behind the one in use and a comma."
        )

    def is_sealed_by_first(self, purpose: str, sealed: str) -> bool:
        """Whether the first key opens it; if not, it is to be sealed anew before its key is taken away."""
        return _opened(self._vaults(purpose)[0], sealed) is not None

    def _vaults(self, purpose: str) -> list[Fernet]:
        # Imported here: `reelbot --help` and most commands seal nothing.
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        bound = f"reelbot.seal\0{_checked(purpose)}".encode()
        derived = (HKDF(SHA256(), 32, salt=None, info=bound).derive(key.encode()) for key in self._keys)
        return [Fernet(base64.urlsafe_b64encode(key)) for key in derived]

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        # itsdangerous signs with the last key and verifies with all. Its own defaults are SHA-1.
        return _Uncompressed(
            list(reversed(self._keys)),
            salt=f"reelbot.sign\0{_checked(purpose)}",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


class _Uncompressed(URLSafeSerializer):
    """itsdangerous marks a compressed text by a dot in front, and many a reverse proxy refuses paths with hidden names."""

    def dump_payload(self, obj: Any) -> bytes:
        return base64_encode(json.dumps(obj, separators=(",", ":")).encode())


def read_keys(text: str, *, name: str) -> KeyRing:
    """The keys in `text`, separated by commas; `name` says where it stands, for the error.

    Raises `ConfigurationError` when there is none, or one has fewer than 16 characters.
    """
    keys = [key for key in (part.strip() for part in text.split(",")) if key]
    if not keys:
        raise ConfigurationError(
            f"{name} holds no key; put in a long random text (`openssl rand -base64 32` makes one)."
        )
    if any(len(key) < SHORTEST_KEY for key in keys):
        raise ConfigurationError(
            f"{name} holds a key of fewer than {SHORTEST_KEY} characters, which can be guessed; "
            f"use a long random text (`openssl rand -base64 32` makes one)."
        )
    return KeyRing(keys)


def _derived(key: str, purpose: str, value: str) -> str:
    message = f"reelbot.derive\0{_checked(purpose)}\0{value}"
    return hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()


def _opened(vault: Fernet, sealed: str) -> str | None:
    from cryptography.fernet import InvalidToken

    try:
        return vault.decrypt(sealed.encode()).decode()
    except (InvalidToken, UnicodeError):
        return None


def _checked(purpose: str) -> str:
    # The separator must not be part of a purpose: two different pairs could be the same text.
    if not purpose or "\0" in purpose:
        raise ValueError("a purpose is a short constant text")
    return purpose
