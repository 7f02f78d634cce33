"""The role `discord`, before an emulated Discord on a real socket: it comes, stays, and goes in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.chat.discord import role
from adapters.chat.discord.courier import DiscordCourier
from adapters.chat.discord.role import discord_role
from bot.app import App, open_app
from bot.errors import ConfigurationError
from bot.settings import load_settings
from tests.emulators.discord_world import DiscordWorld

pytestmark = pytest.mark.usefixtures("discord_py_as_it_was")


@asynccontextmanager
async def an_app(folder: Path, **discord: Any) -> AsyncIterator[App]:
    """A Reelbot that has a bot."""
    settings = load_settings({"data_dir": folder / "data", "discord": discord}, environ={}, cwd=folder)
    async with open_app(settings) as app:
        yield app


def the_role(app: App) -> Any:
    """Of this app."""
    courier: Any = app.desk.couriers["discord"]
    assert isinstance(courier, DiscordCourier)
    return discord_role(app.service, app.settings, courier, app.readiness)


async def test_it_connects_tells_its_commands_and_leaves(world: DiscordWorld, tmp_path: Path) -> None:
    """With two unprivileged intents and that of the servers; when the block ends the connection is closed."""
    async with an_app(tmp_path, token=world.token, api_url=world.api_url) as app, the_role(app):
        (identified,) = world.journal("identified")
        names = {each["name"] for each in world.commands(None)}

    assert identified["intents"] == (1 << 0) | (1 << 9) | (1 << 12)
    assert {"animate", "Animate this", "history", "settings", "forget-me"} <= names


async def test_a_range_of_shards_is_all_that_connects(world: DiscordWorld, tmp_path: Path) -> None:
    """One process of several: its part, and the number of all."""
    async with an_app(tmp_path, token=world.token, api_url=world.api_url, shards="1/4") as app, the_role(app):
        shards = [each["shard"] for each in world.journal("identified")]

    assert shards == [[1, 4]]


async def test_a_wrong_token_is_said_at_the_start(world: DiscordWorld, tmp_path: Path) -> None:
    """As a fault of the settings, in one sentence that names the setting."""
    async with an_app(tmp_path, token="wrong." + "x" * 30, api_url=world.api_url) as app:
        with pytest.raises(ConfigurationError, match="REELBOT_DISCORD__TOKEN"):
            async with the_role(app):
                pass


async def test_without_a_connection_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord may be away when we start: it is tried again, and nothing else waits for it."""
    monkeypatch.setattr(role, "CONNECTS_WITHIN_S", 0.05)
    entered = False
    async with (
        an_app(tmp_path, token="some.token.here", api_url="http://127.0.0.1:9/api/v10") as app,
        the_role(app),
    ):
        entered = True

    assert entered


async def test_without_a_token_there_is_no_role(world: DiscordWorld, tmp_path: Path) -> None:
    """Said so, with the setting's name."""
    async with an_app(tmp_path, token=world.token, api_url=world.api_url) as app:
        courier: Any = app.desk.couriers["discord"]
        settings = load_settings({"data_dir": tmp_path / "other"}, environ={}, cwd=tmp_path)

        with pytest.raises(ConfigurationError, match="REELBOT_DISCORD__TOKEN"):
            async with discord_role(app.service, settings, courier, app.readiness):
                pass
