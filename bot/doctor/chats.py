"""What `reelbot doctor` says of the chats, and of the places there that wait to be allowed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from bot.doctor.finding import Finding
from bot.ports import Examined
from bot.workspaces import Permission

if TYPE_CHECKING:
    from bot.app import App


async def examine(app: App) -> AsyncIterator[Finding]:
    """Every check of every chat that is set up."""
    for name, courier in app.desk.couriers.items():
        found: object = courier
        if isinstance(found, Examined):
            channel = app.settings.alerts.discord_channel if name == "discord" else None
            async for finding in found.examine(channel):
                yield finding
    pending = [each for each in await app.stores.workspaces.all() if each.permission is Permission.PENDING]
    if not pending:
        yield Finding(id="workspaces", status="ok", what="no server or workspace waits to be allowed")
        return
    named = ", ".join(f"{each.platform}:{each.workspace} ({each.name or 'no name'})" for each in pending[:5])
    first = f"{pending[0].platform}:{pending[0].workspace}"
    yield Finding(
        id="workspaces",
        status="warn",
        what=f"{len(pending)} wait to be allowed: {named}",
        why="Only the `local` provider works there; nothing is spent.",
        fix=f"`reelbot workspaces allow {first}`, or `block`.",
    )
