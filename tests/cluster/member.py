"""One process of the cluster: `python -m tests.cluster.member ROLES SETTINGS.json`.

The product as `reelbot run` has it, but for what decodes: three hundred clips are probed by nobody here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from bot.app import Parts, open_app
from bot.cli.serve import serve_roles
from bot.settings import load_settings
from bot.telemetry.logs import set_up_logs
from tests.fakes.workshop import FakeWorkshop


async def live(roles: frozenset[str], settings_file: Path) -> None:
    """Until SIGTERM."""
    settings = load_settings(json.loads(settings_file.read_text()), environ={}, cwd=settings_file.parent)
    set_up_logs(level="info", shape="json", secrets=[])
    async with open_app(settings, Parts(workshop=FakeWorkshop())) as app:
        await serve_roles(app, roles, as_json=True)


if __name__ == "__main__":
    asyncio.run(live(frozenset(sys.argv[1].split(",")), Path(sys.argv[2])))
