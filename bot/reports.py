"""What was spent in a span of days, by day, person, channel, workspace and model: figures of the ledger, and what adds up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from bot.errors import BadPrompt
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.money.amount import FREE, Money

LONGEST_SPAN: Final = timedelta(days=366)
COLUMNS: Final = ("by", "name", "provider", "model", "settled_usd", "held_usd", "clips", "open", "not_charged")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the entries of some holds add up to; `settled + held` is what limits count."""

    settled: Money = FREE
    """Taken, corrections included."""
    held: Money = FREE
    """Reserved, and neither taken nor given back."""
    clips: int = 0
    """Renders that were settled."""
    open: int = 0
    """Renders whose money is held still."""
    not_charged: int = 0
    """Holds that were given back: what failed or was cancelled and cost nothing."""

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            settled=self.settled + other.settled,
            held=self.held + other.held,
            clips=self.clips + other.clips,
            open=self.open + other.open,
            not_charged=self.not_charged + other.not_charged,
        )

    @property
    def counted(self) -> Money:
        """Taken and reserved together, as limits count."""
        return self.settled + self.held


NOTHING_SPENT: Final = Spent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one of them spent: a person, a channel or a workspace, named as in scopes without the first word."""

    name: str
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """What was spent on one day of the installation, at one provider's model."""

    day: date
    provider: str
    model: str
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was spent in a span of the installation's days, both ends counted; a hold's own day decides."""

    since: date
    until: date
    days: tuple[DayLine, ...] = ()
    """Days with entries, oldest first."""
    people: tuple[Line, ...] = ()
    """Who spent most first; the same in the others."""
    channels: tuple[Line, ...] = ()
    """Of jobs that were asked for in a channel."""
    workspaces: tuple[Line, ...] = ()

    @property
    def total(self) -> Spent:
        """All of it."""
        return total(each.spent for each in self.days)

    @property
    def models(self) -> tuple[DayLine, ...]:
        """Each provider's models over the whole span (`day` is its first), what cost most first."""
        sums: dict[tuple[str, str], Spent] = {}
        for each in self.days:
            key = (each.provider, each.model)
            sums[key] = sums.get(key, NOTHING_SPENT) + each.spent
        lines = (DayLine(day=self.since, provider=key[0], model=key[1], spent=spent) for key, spent in sums.items())
        return tuple(
            sorted(lines, key=lambda each: (-each.spent.counted, -each.spent.clips, each.provider, each.model))
        )

    def by_day(self) -> Iterator[tuple[date, dict[str, Spent]]]:
        """Every day of the span, those without entries too: what was spent at each provider."""
        found: dict[date, dict[str, Spent]] = {}
        for each in self.days:
            at = found.setdefault(each.day, {})
            at[each.provider] = at.get(each.provider, NOTHING_SPENT) + each.spent
        for number in range((self.until - self.since).days + 1):
            day = self.since + timedelta(days=number)
            yield day, found.get(day, {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Clips that are kept and were not posted: how many there are, and the newest of them."""

    count: int
    newest: tuple[Job, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedPerson:
    """Somebody whose requests are refused."""

    person: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """An operator's (or a restore's) word that a provider starts nothing new."""

    provider: str
    """`*` stands for all of them."""
    since: datetime
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How many jobs of a provider stand in one state that is not the end."""

    provider: str
    state: State
    count: int


def total(all_spent: Iterable[Spent]) -> Spent:
    """The sum."""
    return sum(all_spent, NOTHING_SPENT)


def read_span(since: str | None, until: str | None, today: date) -> tuple[date, date]:
    """The days somebody asks about; without a word the month that is. `BadPrompt` says what makes no sense."""
    last = _day(until, "until") or today
    first = _day(since, "since") or last.replace(day=1)
    if first > last:
        raise BadPrompt(f"No day lies between {first} and {last}; turn them round.")
    if last - first >= LONGEST_SPAN:
        raise BadPrompt(f"At most {LONGEST_SPAN.days} days are shown at once.")
    return first, last


def spending_as_csv(found: Spending) -> str:
    """The same figures as a table (RFC 4180). A cell a spreadsheet would take for a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for day in found.days:
        writer.writerow(_cells("day", f"{day.day:%Y-%m-%d}", day.provider, day.model, day.spent))
    kinds: Sequence[tuple[str, Sequence[Line]]] = (
        ("person", found.people),
        ("channel", found.channels),
        ("workspace", found.workspaces),
    )
    for kind, lines in kinds:
        for line in lines:
            writer.writerow(_cells(kind, line.name, "", "", line.spent))
    return out.getvalue()


def _cells(kind: str, name: str, provider: str, model: str, spent: Spent) -> tuple[str, ...]:
    texts = (f"'{text}" if text.startswith(_FORMULA) else text for text in (name, provider, model))
    figures = (spent.clips, spent.open, spent.not_charged)
    return (kind, *texts, spent.settled.to_usd(), spent.held.to_usd(), *map(str, figures))


def _day(text: str | None, name: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadPrompt(f"{name} must be a day like 2026-11-21; {text[:40]!r} is none.") from error
