"""Limits: which rule applies where, what is left of it, and the sentence of a refusal.

Installation, workspace and channel limits are pots: everything in them adds up. The personal allowance is one figure
per person and workspace: the person's own, else the most generous of their roles, else the default. `0` means none,
absent means no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.errors import LimitReached
from bot.languages.said import joined, say
from bot.money.amount import Money

UNLIMITED = -1
"""Stored to say "no limit here" where a broader rule would otherwise apply."""


class Period(StrEnum):
    """What a limit is per; resets at local midnight, or on the first of the month."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A rule for one scope and period. `None`: not set here; `UNLIMITED`: no limit; 0: none."""

    scope: str
    period: Period
    micro_usd: int | None = None
    jobs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one scope stands in one period: the limits in force (`None`: no limit), what is used, when it resets."""

    scope: str
    period: Period
    limit_usd: Money | None
    limit_jobs: int | None
    used_usd: Money
    used_jobs: int
    resets_at: datetime

    @property
    def left_usd(self) -> Money | None:
        """What may still be spent; never below zero. `None`: no limit."""
        return None if self.limit_usd is None else Money(max(0, self.limit_usd - self.used_usd))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultLimits:
    """The settings' protecting defaults; stored limits win over them."""

    user_daily_jobs: int | None = 20
    user_daily_usd: Money | None = Money.usd(5)
    workspace_monthly_usd: Money | None = Money.usd(100)
    installation_monthly_usd: Money | None = Money.usd(200)

    def as_limits(self) -> tuple[Limit, ...]:
        """The same as rules, by scope kind."""
        return (
            Limit(scope="user:default", period=Period.DAY, micro_usd=self.user_daily_usd, jobs=self.user_daily_jobs),
            Limit(scope="workspace:default", period=Period.MONTH, micro_usd=self.workspace_monthly_usd),
            Limit(scope="installation", period=Period.MONTH, micro_usd=self.installation_monthly_usd),
        )


def resets_at(period: Period, now: datetime, zone: ZoneInfo) -> datetime:
    """The next local midnight, or first of the month, as UTC."""
    local = now.astimezone(zone)
    if period is Period.DAY:
        day = (local + timedelta(days=1)).date()
    else:
        day = (local.replace(day=1) + timedelta(days=32)).date().replace(day=1)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def figure(candidates: Sequence[Sequence[int | None]]) -> int | None:
    """The figure in force: the first group that sets one; within a group the most generous. `None`: no limit."""
    for group in candidates:
        stated = [value for value in group if value is not None]
        if stated:
            return None if UNLIMITED in stated else max(stated)
    return None


def personal(
    user: str, roles: Sequence[str], period: Period, find: Callable[[str, Period], Limit | None]
) -> tuple[int | None, int | None]:
    """The personal allowance (micro-USD, jobs): own, else most generous role, else the default."""
    groups = [[user], list(roles), ["user:default"]]
    rules = [[found for scope in group if (found := find(scope, period)) is not None] for group in groups]
    return (
        figure([[rule.micro_usd for rule in group] for group in rules]),
        figure([[rule.jobs for rule in group] for group in rules]),
    )


def require_room(amount: Money, standings: Iterable[Standing]) -> None:
    """Raise `LimitReached` for the first standing that has no room for one more job at this price."""
    for standing in standings:
        if standing.limit_jobs is not None and standing.used_jobs + 1 > standing.limit_jobs:
            raise LimitReached(_jobs_sentence(standing), scope=standing.scope, resets_at=standing.resets_at)
        if amount > 0 and standing.limit_usd is not None and standing.used_usd + amount > standing.limit_usd:
            raise LimitReached(_money_sentence(standing, amount), scope=standing.scope, resets_at=standing.resets_at)


def _jobs_sentence(standing: Standing) -> str:
    figures = {"limit": standing.limit_jobs, "used": standing.used_jobs}
    # Whole sentences: what belongs to whom is said in another order, and other words, elsewhere.
    match standing.scope.partition(":")[0], standing.period:
        case "installation", Period.DAY:
            said = say(
                "This would exceed this installation's daily limit of {limit} clips; {used} are used.", **figures
            )
        case "installation", Period.MONTH:
            said = say(
                "This would exceed this installation's monthly limit of {limit} clips; {used} are used.", **figures
            )
        case "workspace", Period.DAY:
            said = say("This would exceed this workspace's daily limit of {limit} clips; {used} are used.", **figures)
        case "workspace", Period.MONTH:
            said = say("This would exceed this workspace's monthly limit of {limit} clips; {used} are used.", **figures)
        case "channel", Period.DAY:
            said = say("This would exceed this channel's daily limit of {limit} clips; {used} are used.", **figures)
        case "channel", Period.MONTH:
            said = say("This would exceed this channel's monthly limit of {limit} clips; {used} are used.", **figures)
        case _, Period.DAY:
            said = say("This would exceed your daily limit of {limit} clips; {used} are used.", **figures)
        case _:
            said = say("This would exceed your monthly limit of {limit} clips; {used} are used.", **figures)
    return joined((said, _resets(standing)))


def _money_sentence(standing: Standing, amount: Money) -> str:
    figures = {"price": amount, "limit": standing.limit_usd, "left": standing.left_usd}
    match standing.scope.partition(":")[0], standing.period:
        case "installation", Period.DAY:
            said = say(
                "This clip costs {price}, and of this installation's daily budget of {limit} only {left} is left.",
                **figures,
            )
        case "installation", Period.MONTH:
            said = say(
                "This clip costs {price}, and of this installation's monthly budget of {limit} only {left} is left.",
                **figures,
            )
        case "workspace", Period.DAY:
            said = say(
                "This clip costs {price}, and of this workspace's daily budget of {limit} only {left} is left.",
                **figures,
            )
        case "workspace", Period.MONTH:
            said = say(
                "This clip costs {price}, and of this workspace's monthly budget of {limit} only {left} is left.",
                **figures,
            )
        case "channel", Period.DAY:
            said = say(
                "This clip costs {price}, and of this channel's daily budget of {limit} only {left} is left.", **figures
            )
        case "channel", Period.MONTH:
            said = say(
                "This clip costs {price}, and of this channel's monthly budget of {limit} only {left} is left.",
                **figures,
            )
        case _, Period.DAY:
            said = say("This clip costs {price}, and of your daily budget of {limit} only {left} is left.", **figures)
        case _:
            said = say("This clip costs {price}, and of your monthly budget of {limit} only {left} is left.", **figures)
    return joined((said, _resets(standing)))


def _resets(standing: Standing) -> str:
    return say("It resets at {time} UTC.", time=f"{standing.resets_at:%Y-%m-%d %H:%M}")
