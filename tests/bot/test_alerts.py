"""Alerts reach every sink once per cause and day, and a deaf sink stops nobody."""

from __future__ import annotations

from pathlib import Path

from bot.alerts import Alerts
from tests.house import a_house


async def test_every_sink_hears_it_once_and_a_deaf_one_stops_nobody(tmp_path: Path) -> None:
    """What a sink raises is logged; the next one is told all the same."""
    heard: list[str] = []

    async def deaf(sentence: str) -> None:
        raise OSError("no connection")

    async def good(sentence: str) -> None:
        heard.append(sentence)

    async with a_house(tmp_path) as house:
        alerts = Alerts(house.app.stores.notes, [deaf, good])

        told = [await alerts.tell("workspace.pending:discord:1", "A new server waits.") for _ in range(3)]

    assert told == [True, False, False]
    assert heard == ["A new server waits."]
