"""What is proven and warned of before `reelbot run` takes anything on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from bot.doctor import media

if TYPE_CHECKING:
    from bot.app import App

log = structlog.get_logger(__name__)


async def prove(app: App) -> None:
    """That files can be kept, where that is not the data directory, which was tried when it was opened.

    `ConfigurationError` says in one sentence what cannot be done: better no start than jobs that all fail the same way.
    """
    if app.settings.media_url is not None:
        await app.ground.media.probe()
    if media.is_own(app):
        log.warning("media.not_shared", what=media.NOT_SHARED, why=media.NOT_SHARED_WHY, fix=media.NOT_SHARED_FIX)
    if (left := await app.ground.left_behind()) is not None:
        fix = "Stop, and move it with `reelbot db copy` (docs/howto/move-to-postgresql.md); or move the file away."
        log.warning("database.another_lies_here", what=left, why="Nobody goes on with its jobs.", fix=fix)
