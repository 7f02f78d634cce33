"""What `reelbot doctor` says of where pictures and clips are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.doctor.finding import Finding
from bot.errors import ConfigurationError, MediaUnavailable, ReelbotError

if TYPE_CHECKING:
    from bot.app import App

PAGE = "docs/howto/keep-media-in-the-cloud.md"
NOT_SHARED = "each process keeps pictures and clips in its own data directory"
NOT_SHARED_WHY = "With PostgreSQL another process does not find them there: jobs fail, and clips cannot be shown."
NOT_SHARED_FIX = f"Set REELBOT_MEDIA_URL, the same for all: a bucket, or a directory that all of them mount ({PAGE})."


async def examine(app: App) -> Finding:
    """Whether a file can be kept, read and deleted there; and whether whoever shares the database finds it."""
    try:
        await app.ground.media.probe()
    except (ConfigurationError, MediaUnavailable) as error:
        return failed(error)
    if is_own(app):
        return Finding(id="media", status="warn", what=NOT_SHARED, why=NOT_SHARED_WHY, fix=NOT_SHARED_FIX)
    where = app.settings.media_url or "the data directory"
    return Finding(id="media", status="ok", what=f"pictures and clips are kept in {where}")


def failed(error: ReelbotError) -> Finding:
    """A store that cannot be used, in its own words."""
    why = "No picture can be taken in, and no finished clip be kept or shown."
    fix = f"Correct what it names; {PAGE} has the settings, keys and rights of each kind of store."
    return Finding(id="media", status="fail", what=str(error), why=why, fix=fix)


def is_own(app: App) -> bool:
    """Whether other processes would look for files elsewhere than this one."""
    return app.ground.is_shared and app.settings.media_url is None
