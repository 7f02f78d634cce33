"""Which ground the settings ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.ground.ground import Ground
from bot.ports import Clock
from bot.settings import Settings


async def open_ground(settings: Settings, clock: Clock, watch: Callable[[str], None]) -> Ground:
    """The one of the settings, ready. `ConfigurationError` in one sentence when it cannot be used."""
    url = server_of(settings)
    if url is None:
        from bot.ground.one_machine import OneMachine

        return await OneMachine.open(settings, clock, watch)
    from bot.ground.many_machines import ManyMachines

    return await ManyMachines.open(settings, url, clock, watch)


def server_of(settings: Settings) -> str | None:
    """The address of PostgreSQL; `None` with SQLite."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    return None if url is None or url.startswith("sqlite") else url


def upgrade_database(settings: Settings) -> tuple[str, Path | None]:
    """Bring the database to this version; returns its schema and the backup made before, if one was."""
    from storage import data_dir, schema

    url = server_of(settings)
    if url is not None:
        from bot.ground.many_machines import prepare_database

        prepare_database(url)
        return schema.HEAD, None
    from bot.ground.one_machine import DATABASE_FILE
    from bot.ground.sqlite_file import refuse_moved

    path = data_dir.prepare(settings.data_dir) / DATABASE_FILE
    refuse_moved(path)
    return schema.HEAD, schema.prepare(path)
