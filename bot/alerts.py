"""Alerts: what needs an operator, told once per cause and day, to wherever the settings name.

A place that did not take one is owed it: it is tried again every minute, also after a restart, and every other place is
left in peace. Between the moment in which a place took an alert and the note of it lies a crash's chance of telling twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import structlog

from bot.causes import kind_of
from bot.clock import SystemClock
from bot.ports import Clock
from bot.stores import NoteStore
from bot.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

Sink = Callable[[str], Awaitable[None]]
"""Takes one sentence to a place an operator looks at; what it raises means that it did not arrive."""
OWED: Final = "alerts.owed"
OWED_FOR: Final = timedelta(days=7)
MOST_OWED: Final = 100
"""Older ones are given up: a place that heard nothing for so long needs no list of it."""
TELLS_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is told."""

    cause: str
    """Like `workspace.pending:discord:1`; its kind is documented in `bot.causes`."""
    sentence: str
    """What, why and what to do."""
    at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where an operator looks: `tell` takes an alert there, and raises when it did not arrive."""

    name: str
    tell: Callable[[Alert], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Debt:
    """An alert that some places did not take yet."""

    alert: Alert
    places: tuple[str, ...]


def spoken(name: str, sink: Sink) -> Place:
    """A place that hears the sentence alone."""

    async def tell(alert: Alert) -> None:
        await sink(alert.sentence)

    return Place(name, tell)


class Alerts:
    """Where every part of Reelbot calls for its operator."""

    def __init__(
        self,
        notes: NoteStore,
        sinks: Sequence[Place | Sink] = (),
        *,
        clock: Clock | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._notes = notes
        self._sinks = tuple(sinks)
        self._clock = clock or SystemClock()
        self._metrics = metrics or Metrics()
        self._one_at_a_time = asyncio.Lock()
        self._told: dict[str, date] = {}
        """What this process knows to be told, and on which day: enough while the database does not answer."""
        self._unsaved: dict[str, _Debt] | None = None
        """What is owed, while it could not be written down."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Everywhere an operator is told."""
        return tuple(
            each if isinstance(each, Place) else spoken(f"place {number}", each)
            for number, each in enumerate(self._sinks, 1)
        )

    async def tell(self, cause: str, sentence: str) -> bool:
        """Tell it, unless this cause was told today already; says whether it was. Never raises for a deaf place.

        `cause` names what it is about, like `workspace.pending:discord:1`; `sentence` says what, why and what to do.
        """
        async with self._one_at_a_time:
            if not await self._is_first(cause):
                return False
            log.warning("alert", cause=cause, sentence=sentence)
            self._metrics.alerts.labels(kind_of(cause)).inc()
            debt = _Debt(
                alert=Alert(cause=cause, sentence=sentence, at=self._clock.now()),
                places=tuple(place.name for place in self.places),
            )
            if debt.places:
                # Written down before it is told: whoever is killed meanwhile owes it still.
                await self._remember(await self._owed() | {cause: debt})
                await self._pay(debt)
        return True

    async def retry(self) -> None:
        """Tell again whatever some places did not take; the process that runs the engine does so every minute."""
        async with self._one_at_a_time:
            for debt in (await self._owed()).values():
                await self._pay(debt)

    async def _is_first(self, cause: str) -> bool:
        today = self._clock.now().astimezone(UTC).date()
        try:
            is_first = await self._notes.is_first_today(cause)
        except Exception:
            # Just when the database fails its operator must hear of it.
            log.warning("alert.not_noted", cause=cause, exc_info=True)
            is_first = self._told.get(cause) != today
        self._told[cause] = today
        return is_first

    async def _pay(self, debt: _Debt) -> None:
        """Tell every place it is owed to; what is left is remembered."""
        known = {place.name: place for place in self.places}
        deaf = []
        for name in debt.places:
            if name in known and not await _told(known[name], debt.alert):
                deaf.append(name)
        owed = await self._owed()
        if deaf:
            owed[debt.alert.cause] = _Debt(alert=debt.alert, places=tuple(deaf))
        else:
            owed.pop(debt.alert.cause, None)
        await self._remember(owed)

    async def _owed(self) -> dict[str, _Debt]:
        """By cause, oldest first; without what nobody waits for any more."""
        owed = self._unsaved
        if owed is None:
            try:
                stored = json.loads(await self._notes.get(OWED) or "[]")
                owed = {debt.alert.cause: debt for debt in map(_debt, stored)}
            except Exception:
                # The next look may be able to read it.
                log.warning("alert.not_read", exc_info=True)
                return {}
        oldest = self._clock.now() - OWED_FOR
        young = sorted((debt.alert.at, cause) for cause, debt in owed.items() if debt.alert.at > oldest)
        return {cause: owed[cause] for _, cause in young[-MOST_OWED:]}

    async def _remember(self, owed: dict[str, _Debt]) -> None:
        said = json.dumps([asdict(debt) for debt in owed.values()], default=datetime.isoformat)
        try:
            if said != (await self._notes.get(OWED) or "[]"):
                await self._notes.put(OWED, said)
            self._unsaved = None
        except Exception:
            log.warning("alert.owed_not_noted", exc_info=True)
            self._unsaved = owed


async def _told(place: Place, alert: Alert) -> bool:
    try:
        async with asyncio.timeout(TELLS_WITHIN_S):
            await place.tell(alert)
    except Exception as error:
        # The log has the alert; the other places may hear it. Without the traceback: this may come every minute.
        why = str(error) or type(error).__name__
        log.warning("alert.not_delivered", cause=alert.cause, place=place.name, why=why)
        return False
    return True


def _debt(stored: dict[str, object]) -> _Debt:
    alert, places = stored["alert"], stored["places"]
    assert isinstance(alert, dict)
    assert isinstance(places, list)
    at = datetime.fromisoformat(alert["at"])
    return _Debt(alert=Alert(cause=alert["cause"], sentence=alert["sentence"], at=at), places=tuple(places))
