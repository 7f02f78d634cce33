"""The breaker of one provider: when it rests, and what opens and closes it. Pure; the store keeps its one row.

After one ambiguous create, one create at a time; after two, or repeated failures, it opens. Half-open begins with a
free GET, and goes on one create at a time. While two attempts in a row stand unresolved no further one is made, so that
a storm of errors leaves two jobs unconfirmed and not two hundred. Refusals of a person's input never count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FAILURES_TO_OPEN = 5
"""Passing failures of creates in a row."""
AMBIGUOUS_TO_OPEN = 2
FIRST_REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a provider fares. `paused` is an operator's decision; the rest is measured."""

    provider: str
    paused: bool = False
    ambiguous: int = 0
    failures: int = 0
    throttled: int = 0
    opened: int = 0
    open_until: datetime | None = None
    reason: str | None = None

    @property
    def one_at_a_time(self) -> bool:
        """After an ambiguous or a throttled create, the next goes alone."""
        return self.ambiguous > 0 or self.throttled > 0

    @property
    def takes_creates(self) -> bool:
        """Whether new jobs may be placed now. While open, none; the free request after the rest closes it."""
        return not self.paused and self.open_until is None

    def rest_is_over(self, now: datetime) -> bool:
        """Open, and long enough for the free request that decides. A rest beyond the longest was set by another clock."""
        return self.open_until is not None and not now < self.open_until <= now + LONGEST_REST

    def after_success(self) -> Health:
        """A create was accepted, or refused for the person's own input: the provider answers."""
        return replace(self, ambiguous=0, failures=0, throttled=0, opened=0, open_until=None, reason=None)

    def after_failure(self, now: datetime, reason: str) -> Health:
        """A create provably did not get through, for a passing reason."""
        counted = replace(self, failures=self.failures + 1, reason=reason)
        return opened(counted, now) if counted.failures >= FAILURES_TO_OPEN else counted

    def after_ambiguous(self, now: datetime, reason: str) -> Health:
        """Nobody knows whether a create was taken."""
        counted = replace(self, ambiguous=self.ambiguous + 1, reason=reason)
        return opened(counted, now) if counted.ambiguous >= AMBIGUOUS_TO_OPEN else counted

    def after_throttle(self, now: datetime, wait: timedelta, reason: str) -> Health:
        """The account's rate limit: nobody tries again before it lifts, and then one create alone, never a loop."""
        return replace(self, throttled=self.throttled + 1, open_until=now + min(wait, LONGEST_REST), reason=reason)

    def after_account_refusal(self, now: datetime, reason: str) -> Health:
        """The key, the account or its credit was refused: an operator has to act, and the others need not try."""
        return replace(self, failures=self.failures + 1, open_until=now + LONGEST_REST, reason=reason)

    def after_free_request(self, *, answered: bool, now: datetime) -> Health:
        """The free request that begins half-open: answered, creates go on one at a time; else it rests longer."""
        if answered:
            return replace(self, open_until=None, failures=0, ambiguous=min(self.ambiguous, 1))
        return opened(self, now)


def opened(health: Health, now: datetime) -> Health:
    """Resting from now on, longer each time in a row."""
    rest = min(FIRST_REST * 2**health.opened, LONGEST_REST)
    return replace(health, opened=min(health.opened + 1, 10), open_until=now + rest)
