"""Workspaces: where a bot lives, by which installation, and whether money may be spent there.

Nobody spends until allowed (DESIGN §5).
"""

from __future__ import annotations

from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """That a workspace, or a whole organisation, added the bot: with which rights, and by which token it is spoken for."""

    platform: str
    workspace: str | None
    """Slack's id of the team; `None` when a whole organisation added the bot."""
    enterprise: str | None
    """Slack's id of the organisation (Enterprise Grid) the team belongs to."""
    is_org: bool
    app: str | None
    """Slack's id of the app."""
    bot_user: str
    """Who the bot is among the people there."""
    bot: str | None
    """Slack's id of the bot, which is not its user."""
    scopes: tuple[str, ...]
    """What was granted."""
    token: str = field(repr=False)
    name: str | None
    """Of the workspace or organisation, as it was when it was added."""
    installed_by: str | None
    """Id of the person who added it."""
    installed_at: datetime

    def __post_init__(self) -> None:
        """An organisation is named by itself, everything else by its workspace."""
        if self.is_org != (self.workspace is None) or (self.is_org and self.enterprise is None):
            raise ValueError("an installation belongs to one workspace, or to one whole organisation")
