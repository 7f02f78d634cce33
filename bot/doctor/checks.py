"""The checks of `reelbot doctor`, in the order in which things break. Each is one small function.

A check that cannot run because an earlier one failed is left out: one cause, one line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from bot.doctor import alerts, backups, chats, keeping, media, providers
from bot.doctor.finding import Finding
from bot.errors import ConfigurationError, MediaUnavailable

if TYPE_CHECKING:
    from bot.app import App
    from bot.settings import Settings


async def examine() -> list[Finding]:
    """Run every check; never raises for something that is wrong with the installation."""
    from bot.settings import load_settings

    try:
        settings = load_settings()
    except ConfigurationError as error:
        why = "Reelbot does not start with settings it does not understand."
        return [Finding(id="settings", status="fail", what=str(error), why=why, fix="Correct the setting it names.")]
    findings = [Finding(id="settings", status="ok", what="every setting is understood")]
    findings += [each async for each in _open(settings)]
    return findings


async def _open(settings: Settings) -> AsyncIterator[Finding]:
    from bot.app import open_app
    from bot.settings.describe import secrets
    from bot.telemetry.logs import set_up_logs

    # What is logged while it opens belongs on standard error, like that of every short command.
    level = "warning" if settings.log.level == "info" else settings.log.level
    set_up_logs(level=level, shape=settings.log.format, secrets=secrets(settings))
    try:
        async with open_app(settings) as app:
            async for finding in examine_app(app):
                yield finding
    except ConfigurationError as error:
        if isinstance(error.__cause__, MediaUnavailable):
            yield media.failed(error)
            return
        fix = "Do what the line above says."
        why = "Reelbot does not start like this."
        yield Finding(id=error.code, status="fail", what=str(error), why=why, fix=fix)


async def examine_app(app: App) -> AsyncIterator[Finding]:
    """Every check of an installation that is open already."""
    yield Finding(id="data_dir", status="ok", what=f"{app.data_dir} can be written")
    yield keeping.disk(app)
    yield await media.examine(app)
    for finding in (await _database(app), await _engine(app), await _ledger(app)):
        yield finding
    async for finding in backups.examine(app):
        yield finding
    yield await keeping.sweep(app)
    for name in app.desk.providers:
        async for finding in providers.examine(app, name):
            yield finding
    async for finding in providers.examine_webhooks(app):
        yield finding
    async for finding in chats.examine(app):
        yield finding
    yield alerts.finding(app)
    yield await _unconfirmed(app)


async def glance(app: App) -> AsyncIterator[Finding]:
    """The checks that cost next to nothing, for a page that is opened often."""
    yield keeping.disk(app)
    yield await _engine(app)
    async for finding in backups.examine(app):
        yield finding
    yield await keeping.sweep(app)
    yield alerts.finding(app)


async def _database(app: App) -> Finding:
    fault = await app.ground.fault()
    if fault is None:
        return Finding(id="database", status="ok", what="the database is intact")
    fix = (
        "Stop Reelbot, move the data directory away, and restore the newest backup (docs/howto/back-up-and-restore.md)."
    )
    return Finding(
        id="database", status="fail", what=f"the database is damaged: {fault}", why="Jobs may be lost.", fix=fix
    )


async def _ledger(app: App) -> Finding:
    unequal = await app.unequal_sums()
    if not unequal:
        return Finding(id="ledger", status="ok", what="every sum equals its ledger entries")
    scope, period = unequal[0]
    what = f"the sum of {scope} in {period} differs from its entries"
    return Finding(
        id="ledger", status="fail", what=what, why="Budgets would be wrong.", fix="Report this; it is a fault of ours."
    )


async def _engine(app: App) -> Finding:
    who = await app.ground.who_runs()
    if who is not None:
        return Finding(id="engine", status="ok", what=f"jobs are run by {who}")
    why = "Jobs from the page and from chats wait until it runs; `animate` brings its own."
    return Finding(id="engine", status="warn", what="the engine is not running", why=why, fix="Start `reelbot run`.")


async def _unconfirmed(app: App) -> Finding:
    from bot.jobs.states import State

    waiting = await app.stores.jobs.in_state(State.UNCONFIRMED)
    if not waiting:
        return Finding(id="unconfirmed", status="ok", what="no job waits for your decision")
    what = f"{len(waiting)} unconfirmed: {', '.join(job.id for job in waiting[:5])}"
    why = "Nobody knows whether the provider took them; their money stays held."
    fix = "Look at the provider's own page, then `reelbot resolve ID --as lost` or `--as submitted`."
    return Finding(id="unconfirmed", status="warn", what=what, why=why, fix=fix)
