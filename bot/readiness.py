"""Whether jobs would be carried out, part by part: what `/readyz` says.

`fail` means that jobs are not carried out. `warn` leaves us ready: what runs goes on, and providers must still reach us.
Where many processes share an installation, one that only takes jobs is ready while no worker is alive, or while an
operator is still to resume: taking it out of service would keep people, webhooks and that operator out.
"""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from bot.doctor.finding import Part
from bot.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from bot.installation import App


async def examine(app: App) -> dict[str, Part]:
    """Every part by its name. Asks nobody outside, and never raises."""
    parts = {"database": await _database(app)}
    if parts["database"].status == "ok":
        parts["migrations"] = await _migrations(app)
        parts["held"] = await _held(app)
    parts["engine"] = await _engine(app)
    parts["disk"] = await _disk(app)
    if parts["database"].status == "ok":
        parts |= {f"provider.{name}": await _provider(app, name) for name in app.desk.providers}
    for name, is_connected in app.desk.connections.stand().items():
        connected = Part(status="ok", what="connected")
        parts[f"chat.{name}"] = connected if is_connected else Part(status="warn", what="not connected; trying on")
    return parts


async def _database(app: App) -> Part:
    try:
        await app.database.probe()
        await app.origin.held()
    except Exception as error:
        # Whatever keeps the database from being read or written, the answer is the same. The driver's own words will do.
        why = str(getattr(error, "orig", None) or error) or type(error).__name__
        return Part(status="fail", what=why)
    return Part(status="ok", what="can be written")


async def _migrations(app: App) -> Part:
    return await app.ground.schema()


async def _held(app: App) -> Part:
    held = await app.origin.held()
    if held is None:
        return Part(status="ok", what="nothing is held")
    return Part(status="warn" if app.ground.is_shared else "fail", what=held)


async def _engine(app: App) -> Part:
    try:
        who = await app.ground.who_runs()
    except DatabaseUnavailable as error:
        return Part(status="fail", what=str(error))
    if who is None:
        return Part(status="warn" if app.ground.is_shared else "fail", what="not running")
    return Part(status="ok", what=who)


async def _disk(app: App) -> Part:
    least = app.settings.disk.min_free_mb * 1_000_000
    try:
        free = (await asyncio.to_thread(shutil.disk_usage, app.data_dir)).free
    except OSError as error:
        return Part(status="fail", what=error.strerror or type(error).__name__)
    left = f"{free / 1e9:.1f} GB free"
    if free < least:
        return Part(status="warn", what=f"{left}: too little for new jobs")
    if free < 2 * least:
        return Part(status="warn", what=f"{left}: soon too little for new jobs")
    return Part(status="ok", what=left)


async def _provider(app: App, name: str) -> Part:
    health = await app.stores.health.load(name)
    if health.paused:
        return Part(status="warn", what="paused; its jobs wait")
    if health.open_until is not None:
        return Part(status="warn", what=f"not answering; trying again at {health.open_until:%H:%M} UTC")
    return Part(status="ok", what="takes orders")
