"""Alerts reach every place once per cause and day; one that is deaf stops nobody, and hears it when it listens again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from bot.alerts import Alert, Alerts, Place
from bot.causes import CAUSES, kind_of
from bot.telemetry.metrics import Metrics
from tests.house import House, a_house

ROOT = Path(__file__).parents[2]
PENDING = "workspace.pending:discord:1"


class Ear:
    """A place that remembers what it heard, and can be deaf."""

    def __init__(self, name: str, *, is_deaf: bool = False) -> None:
        self.heard: list[Alert] = []
        self.is_deaf = is_deaf
        self.place = Place(name, self._tell)

    @property
    def sentences(self) -> list[str]:
        """What was said, in order."""
        return [alert.sentence for alert in self.heard]

    async def _tell(self, alert: Alert) -> None:
        if self.is_deaf:
            raise OSError("no connection")
        self.heard.append(alert)


def alerts_of(house: House, *ears: Ear, metrics: Metrics | None = None) -> Alerts:
    return Alerts(house.app.stores.notes, [ear.place for ear in ears], clock=house.clock, metrics=metrics)


async def test_every_place_hears_it_once_and_a_deaf_one_stops_nobody(tmp_path: Path) -> None:
    """What a place raises is logged; the next one is told all the same."""
    deaf, good, metrics = Ear("deaf", is_deaf=True), Ear("good"), Metrics()
    async with a_house(tmp_path) as house:
        alerts = alerts_of(house, deaf, good, metrics=metrics)

        told = [await alerts.tell(PENDING, "A new server waits.") for _ in range(3)]

    assert told == [True, False, False]
    assert good.sentences == ["A new server waits."]
    assert 'reelbot_alerts_total{cause="workspace.pending"} 1.0' in metrics.exposition().decode()


async def test_a_bare_function_is_a_place_too(tmp_path: Path) -> None:
    """It hears the sentence alone."""
    heard: list[str] = []

    async def hear(sentence: str) -> None:
        heard.append(sentence)

    async with a_house(tmp_path) as house:
        await Alerts(house.app.stores.notes, [hear], clock=house.clock).tell(PENDING, "A new server waits.")

    assert heard == ["A new server waits."]


async def test_the_next_day_it_is_told_again(tmp_path: Path) -> None:
    """What still stands is not forgotten."""
    ear = Ear("good")
    async with a_house(tmp_path) as house:
        alerts = alerts_of(house, ear)
        for _ in range(3):
            await alerts.tell(PENDING, "A new server waits.")
            await house.clock.advance(24 * 3600)

    assert len(ear.heard) == 3


async def test_a_deaf_place_is_told_when_it_listens_again_and_the_others_are_left_in_peace(tmp_path: Path) -> None:
    """Also by another process, after a restart: what is owed is written down."""
    deaf, good = Ear("deaf", is_deaf=True), Ear("good")
    async with a_house(tmp_path) as house:
        await alerts_of(house, deaf, good).tell(PENDING, "A new server waits.")
        later = alerts_of(house, deaf, good)

        await later.retry()
        deaf.is_deaf = False
        for _ in range(3):
            await later.retry()

    assert deaf.sentences == good.sentences == ["A new server waits."]
    assert deaf.heard[0].at == good.heard[0].at


async def test_nobody_is_owed_anything_for_ever(tmp_path: Path) -> None:
    """After a week it is no news; and a place that is not set up any more is not waited for."""
    deaf, gone = Ear("deaf", is_deaf=True), Ear("gone", is_deaf=True)
    async with a_house(tmp_path) as house:
        await alerts_of(house, deaf, gone).tell(PENDING, "A new server waits.")
        await alerts_of(house, deaf).retry()
        await house.clock.advance(7 * 24 * 3600 + 1)
        deaf.is_deaf = gone.is_deaf = False
        await alerts_of(house, deaf, gone).retry()

    assert deaf.heard == gone.heard == []


async def test_a_database_that_fails_makes_nobody_mute(tmp_path: Path) -> None:
    """Just then its operator must hear of it: once, and a deaf place when it listens again."""

    class Broken:
        async def get(self, name: str) -> str | None:
            raise OSError("disk I/O error")

        async def put(self, name: str, value: str) -> None:
            raise OSError("disk I/O error")

        async def is_first_today(self, cause: str) -> bool:
            raise OSError("disk I/O error")

    deaf, good = Ear("deaf", is_deaf=True), Ear("good")
    alerts = Alerts(Broken(), [deaf.place, good.place])

    told = [await alerts.tell("database.fault", "It is damaged.") for _ in range(2)]
    deaf.is_deaf = False
    await alerts.retry()
    await alerts.retry()

    assert told == [True, False]
    assert deaf.sentences == good.sentences == ["It is damaged."]


def _causes_told() -> Iterator[str]:
    """Every cause that the program names, as far as its kind: the first argument of `tell`, and what the watch yields."""
    for folder in ("bot", "adapters"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                said = None
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tell":
                    said = node.args[0] if len(node.args) == 2 else None
                elif file.name == "watch.py" and isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple):
                    said = node.value.elts[0]
                if said is not None:
                    text = ast.unparse(said).removeprefix("f").strip("'\"")
                    if re.match(r"[a-z_]+\.", text):
                        yield kind_of(text)


def test_every_cause_is_documented_and_nothing_else_is() -> None:
    """What can be told has its meaning and its cure in the reference, by the same id."""
    told = set(_causes_told())
    dynamic = {"provider.{trouble.about}": {"provider.account", "provider.balance"},
               "budget.{threshold}": {"budget.80", "budget.100"}}  # fmt: skip
    told = {each for kind in told for each in dynamic.get(kind, {kind})}

    assert told == {cause.id for cause in CAUSES}
