"""What `reelbot doctor` says of the room left, and of what should have been deleted by now."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.doctor.finding import Finding

if TYPE_CHECKING:
    from bot.app import App

LATE = timedelta(days=3)


def disk(app: App) -> Finding:
    """Room for clips; with too little, no new jobs are taken."""
    free, kept_free = shutil.disk_usage(app.data_dir).free, app.settings.disk.min_free_mb * 1_000_000
    what = f"{free / 1e9:.1f} GB are free for clips"
    fix = "Free some space, move REELBOT_DATA_DIR, or let `reelbot sweep` delete what is kept no longer."
    if free < kept_free:
        why = (
            f"Below {kept_free / 1e6:.0f} MB (REELBOT_DISK__MIN_FREE_MB) no new jobs are taken; those under way go on."
        )
        return Finding(id="disk", status="fail", what=what, why=why, fix=fix)
    if free < 2 * kept_free:
        why = "It will soon be too little for new jobs."
        return Finding(id="disk", status="warn", what=what, why=why, fix=fix)
    return Finding(id="disk", status="ok", what=what)


async def sweep(app: App) -> Finding:
    """Whether what is kept no longer is deleted, too."""
    sweeper, now = app.service.sweeper, app.desk.clock.now()
    if not sweeper.is_needed:
        return Finding(id="sweep", status="ok", what="everything is kept for ever")
    swept_at, trust = await sweeper.standing()
    why = "Pictures, clips and prompts stay longer than you set, and the disk fills up."
    if not trust.is_trusted:
        what = f"the clock jumped (noticed {trust.doubted_since:%Y-%m-%d %H:%M} UTC), so nothing is deleted by it"
        fix = "Set this machine's clock. After a day of going evenly it is believed; `reelbot sweep --yes` does so now."
        return Finding(id="sweep", status="warn", what=what, why=why, fix=fix)
    if swept_at is None:
        return Finding(id="sweep", status="ok", what="nothing was deleted yet by its age")
    if now - swept_at > LATE:
        what = f"what is kept no longer was last deleted on {swept_at:%Y-%m-%d}"
        fix = "Keep `reelbot run` running: it does so daily. Or run `reelbot sweep`."
        return Finding(id="sweep", status="warn", what=what, why=why, fix=fix)
    return Finding(id="sweep", status="ok", what=f"what is kept no longer was deleted on {swept_at:%Y-%m-%d}")
