"""An emulated Slack for all tests of a module, and a Reelbot in it for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.adapters.chat.slack.room import Room, a_room
from tests.emulators.processes import slack_emulator
from tests.emulators.slack_world import SlackWorld


@pytest.fixture(scope="module", name="town")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlackWorld]:
    process = slack_emulator(tmp_path_factory.mktemp("slack"), limits=False)
    yield SlackWorld(process.url)
    process.stop()


@pytest.fixture(name="room")
async def _room(tmp_path: Path, town: SlackWorld) -> AsyncIterator[Room]:
    async with a_room(tmp_path, town) as room:
        yield room
