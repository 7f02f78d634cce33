"""An emulated Discord on a real socket, for whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.emulators.discord_world import DiscordWorld
from tests.emulators.processes import discord_emulator


@pytest.fixture
def discord_py_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py keeps its addresses with its classes: they are put back for whoever comes next."""
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)


@pytest.fixture
def world(tmp_path: Path, discord_py_as_it_was: None) -> Iterator[DiscordWorld]:
    """One, in which nobody does in the end what no correct client does."""
    emulator = discord_emulator(tmp_path)
    found = DiscordWorld(emulator.url)
    yield found
    violations = found.violations()
    emulator.stop()
    assert violations == []
