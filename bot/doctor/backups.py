"""What `reelbot doctor` says of backups, and of a database that came from one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.doctor.finding import Finding

if TYPE_CHECKING:
    from bot.app import App


async def examine(app: App) -> AsyncIterator[Finding]:
    """Whether there is a backup to go back to, and whether this installation is one that came back."""
    yield await _backup(app)
    held = await app.origin.held()
    if held is not None:
        why = "What it was made from may have gone on with the same jobs."
        fix = "Look at `reelbot history` and at the providers' pages, then `reelbot resume`."
        yield Finding(id="held", status="warn", what=held, why=why, fix=fix)


async def _backup(app: App) -> Finding:
    if app.backups is None:
        return Finding(id="backup", status="ok", what="backups are made by whoever runs PostgreSQL and the media store")
    standing, now = await app.backups.standing(), app.desk.clock.now()
    plan, newest, failure = standing.plan, standing.newest, standing.failure
    if not plan.every:
        return Finding(id="backup", status="ok", what="scheduled backups are off (REELBOT_BACKUP__EVERY_HOURS=0)")
    why = "Without one, a broken disk takes every job, budget and clip with it."
    if failure is not None and (newest is None or failure.at > newest):
        what = f"the backup of {failure.at:%Y-%m-%d %H:%M} UTC was not made: {failure.why}"
        fix = "Do what it says; it is tried again every hour, or at once by `reelbot backup FILE`."
        return Finding(id="backup", status="warn", what=what, why=why, fix=fix)
    since = newest or standing.oldest_job
    if since is None:
        return Finding(id="backup", status="ok", what="nothing was made yet that could be lost")
    if now - since > 2 * plan.every:
        what = f"the newest backup is {_spelt(now - since)} old" if newest else "there is no backup yet"
        fix = f"Keep `reelbot run` running: it makes one every {_spelt(plan.every)}. Or run `reelbot backup FILE`."
        return Finding(id="backup", status="warn", what=f"{what} ({plan.directory})", why=why, fix=fix)
    what = f"the newest backup is {_spelt(now - since)} old" if newest else "the first backup is not due yet"
    return Finding(id="backup", status="ok", what=what)


def _spelt(time: timedelta) -> str:
    hours = round(time.total_seconds() / 3600)
    if hours < 1:
        return "less than an hour"
    if hours < 48:
        return "an hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"
