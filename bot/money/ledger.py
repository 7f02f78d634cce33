"""The ledger's rules: four kinds of entry, and what each changes in every sum.

Append-only. A hold reserves; a settle takes the actual price in its place; a release gives it back untouched; a
correction is a later entry, never an edit. Each entry carries the local day and month of its *hold*, so midnight and
late releases shift nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.jobs.model import Requester
from bot.money.amount import FREE, Money


class EntryKind(StrEnum):
    """The four kinds of entry."""

    HOLD = "hold"
    SETTLE = "settle"
    RELEASE = "release"
    CORRECTION = "correction"


INSTALLATION = "installation"


def workspace_scope(requester: Requester) -> str:
    """`workspace:slack:T1`."""
    return f"workspace:{requester.platform}:{requester.workspace}"


def channel_scope(requester: Requester) -> str | None:
    """`channel:discord:1:2`, or `None` outside a channel."""
    if requester.channel is None:
        return None
    return f"channel:{requester.platform}:{requester.workspace}:{requester.channel}"


def user_scope(requester: Requester) -> str:
    """`user:discord:1:7`."""
    return f"user:{requester.person}"


def role_scopes(requester: Requester) -> tuple[str, ...]:
    """`role:discord:1:9` for each role."""
    return tuple(f"role:{requester.platform}:{requester.workspace}:{role}" for role in requester.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Where and when a hold counts: its scopes, and the local day and month in both zones."""

    workspace_scope: str
    channel_scope: str | None
    user_scope: str
    day: str
    month: str
    installation_day: str
    installation_month: str

    def sums(self) -> Iterator[tuple[str, str]]:
        """Every (scope, period) whose sum an entry with this booking changes."""
        yield INSTALLATION, self.installation_day
        yield INSTALLATION, self.installation_month
        for scope in (self.workspace_scope, self.channel_scope, self.user_scope):
            if scope is not None:
                yield scope, self.day
                yield scope, self.month


def book(requester: Requester, now: datetime, *, workspace_zone: ZoneInfo, installation_zone: ZoneInfo) -> Booking:
    """The booking of a hold made now."""
    local, installation = now.astimezone(workspace_zone), now.astimezone(installation_zone)
    return Booking(
        workspace_scope=workspace_scope(requester),
        channel_scope=channel_scope(requester),
        user_scope=user_scope(requester),
        day=f"{local:%Y-%m-%d}",
        month=f"{local:%Y-%m}",
        installation_day=f"{installation:%Y-%m-%d}",
        installation_month=f"{installation:%Y-%m}",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What an entry changes in every sum it counts in."""

    money: Money
    jobs: int


def hold_delta(amount: Money) -> Delta:
    """A hold counts its amount and one job."""
    return Delta(money=amount, jobs=1)


def settle_delta(held: Money, charged: Money) -> Delta:
    """A settle puts the actual price in the hold's place; it may be above it, and is then booked in full."""
    return Delta(money=charged - held, jobs=0)


def release_delta(held: Money) -> Delta:
    """A release takes back the amount and the job."""
    return Delta(money=-held, jobs=-1)


def correction_delta(amount: Money) -> Delta:
    """A correction adds its signed amount and no job."""
    return Delta(money=amount, jobs=0)


NOTHING = Delta(money=FREE, jobs=0)
