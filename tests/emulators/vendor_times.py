"""Moments as both services write and read them: RFC 3339."""

from __future__ import annotations

from datetime import UTC, datetime


def written(at: float, *, nanoseconds: bool = False) -> str:
    """Seconds since the epoch, in UTC; with nine digits after the point when asked."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds" if nanoseconds else "milliseconds")
    return moment.removesuffix("+00:00") + ("789Z" if nanoseconds else "Z")


def read(text: object, default: float) -> float | None:
    """Seconds since the epoch: `default` for no text, `None` for one that is no moment with a zone."""
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
