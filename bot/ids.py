"""Identity: ids that sort by time, and tokens nobody can guess."""

from __future__ import annotations

import secrets
import time
import uuid

JobId = str


def new_id() -> str:
    """A UUIDv7 (RFC 9562): unique, and sorting by its text sorts by creation time to the millisecond.

    Becomes `uuid.uuid7` once Python 3.14 is the oldest we support.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def new_token() -> str:
    """192 random bits, safe in a URL."""
    return secrets.token_urlsafe(24)
