"""What most commands begin with: settings, logs, an open App, and who is asking."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.deciding import Decider
from bot.jobs.actions import Presser
from bot.jobs.model import Requester
from bot.people import Role

if TYPE_CHECKING:
    from bot.app import App

ME = Requester(platform="cli", workspace="local", user="local")
"""The person at the command line: the operator's own."""
OPERATOR = Presser(person=ME.person, is_operator=True)
DECIDER = Decider(person=ME.person, role=Role.OPERATOR)


@asynccontextmanager
async def session(overrides: Mapping[str, object] | None = None, *, quiet: bool = True) -> AsyncIterator[App]:
    """An open App. `quiet` keeps the logs of short commands to warnings."""
    from bot.app import open_app
    from bot.settings import load_settings
    from bot.settings.describe import secrets
    from bot.telemetry.logs import set_up_logs

    settings = load_settings(overrides)
    level = settings.log.level
    # Short commands speak through their own output; what they log below a warning would only stand in its way.
    shown = "warning" if quiet and level == "info" else level
    set_up_logs(level=shown, shape=settings.log.format, secrets=secrets(settings))
    async with open_app(settings) as app:
        yield app


async def carry_out_here(app: App, job_id: str) -> None:
    """With no engine running, take one job as far as it goes: so that `cancel` and the like need no server."""
    await app.ground.carry_out(app, job_id)
