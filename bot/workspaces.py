"""Workspaces: where a bot lives, and whether money may be spent there. Nobody spends until allowed (DESIGN §5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

PRIVATE = "dm-"
"""What the workspace of a direct message begins with; the person's id follows. Each is allowed for itself."""


class Permission(StrEnum):
    """Whether paid models may be used here."""

    PENDING = "pending"
    ALLOWED = "allowed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A Discord server or Slack workspace as we know it."""

    platform: str
    workspace: str
    name: str | None
    permission: Permission
    timezone: str | None
    first_seen_at: datetime
