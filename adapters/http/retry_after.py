"""`Retry-After`: seconds or a date (RFC 9110 §10.2.3), and rubbish, which counts as not said. And dates as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 900.0
"""Whoever asks for more is asked again after a quarter of an hour."""


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait, 0 to 900; `None` when the header is missing or says nothing. `headers` in lower case."""
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.isascii() and said.isdigit():
        return min(float(said), LONGEST_S)
    moment = http_date(said)
    return None if moment is None else min(max((moment - now).total_seconds(), 0.0), LONGEST_S)


def http_date(said: str) -> datetime | None:
    """A moment as HTTP writes it; `None` for anything else. Without a zone it is UTC."""
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, LookupError, OverflowError):
        return None  # it is an open question how many ways the standard library has of giving up
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
