"""A transition as a value: decided purely by a step, carried out by the store in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.jobs.model import Asset, Delivery, Job, Outcome
from bot.jobs.states import State
from bot.money.amount import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Reserve money; refused with `LimitReached` when any limit has no room, and then nothing is written."""

    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Take the actual price in the place of the hold. Without an open hold (late proof) it becomes a correction."""

    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Give the hold back untouched: provably, or by the provider's rule, nothing was charged."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFact:
    """What became known of an attempt. Written whether or not the transition it comes with succeeds."""

    attempt_id: str
    outcome: Outcome | None = None
    provider_job_id: str | None = None
    reason: str | None = None
    ended: bool = False
    """It no longer occupies the account's capacity."""
    likely_refused: bool = False
    """See `Submission.likely_refused`."""
    refund_expected: bool | None = None
    """The provider's rule gives the money back, and its books do not say so yet; `False` when that is settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFact:
    """How a delivery ended. Written whether or not the transition it comes with succeeds."""

    delivery_id: str
    outcome: str
    method: str | None = None
    place: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One transition, with everything that must become true in the same transaction.

    `to` equal to the job's state changes fields without moving (a wait, a note). Facts are written first and stay even
    when somebody else has moved the job meanwhile; then the store raises `Fenced`.
    """

    job: Job
    to: State
    changes: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """For the event row."""
    money: Hold | Settle | Release | None = None
    attempt: AttemptFact | None = None
    ended_delivery: DeliveryFact | None = None
    new_delivery: Delivery | None = None
    assets: tuple[tuple[str, Asset], ...] = ()
    """Roles and files the job now refers to."""
    taken: tuple[int, ...] = ()
    """Wishes this answers."""
    unless_wished: bool = False
    """Give way (`Fenced`) to a cancel or confirm that was committed meanwhile."""
