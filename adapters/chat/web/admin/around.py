"""What the admin pages need to know of the installation around the service."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bot.doctor.finding import Finding

Examination = Callable[[], AsyncIterator[Finding]]
"""Checks that are run when this is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The installation, as far as it is not in `Service`."""

    zone: ZoneInfo
    """Whose days and months the spending page shows: the installation's."""
    glance: Examination
    """Checks that cost next to nothing, for the first page."""
    examination: Examination
    """Everything that `reelbot doctor` checks."""
    examine_chats: Examination
    """What couriers find of their chats."""
