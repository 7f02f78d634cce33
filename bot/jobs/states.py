"""The states of a job and the only moves between them.

This file is the whole truth about the life of a job: it knows nothing of databases or sockets, the
database refuses any other move, and the diagram in `docs/explanation/architecture.md` is drawn from it.
A move the table lacks raises and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a job stands; the words are part of the public contract."""

    RECEIVED = "received"
    QUOTED = "quoted"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    UNCONFIRMED = "unconfirmed"
    RENDERING = "rendering"
    FETCHING = "fetching"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    # A person asked; inputs may still live on the platform.
    State.RECEIVED: frozenset({State.QUOTED, State.QUEUED, State.FAILED, State.CANCELLED}),
    # Waits for the person's Start; 15 minutes without one, and it is cancelled.
    State.QUOTED: frozenset({State.QUEUED, State.CANCELLED}),
    # Money is held. Dearer now: back to QUOTED, the person is asked. 24 hours: FAILED.
    State.QUEUED: frozenset({State.SUBMITTING, State.QUOTED, State.FAILED, State.CANCELLED}),
    # Saved before the request leaves. Back to QUEUED only when provably nothing was started; after a crash UNCONFIRMED.
    State.SUBMITTING: frozenset({State.RENDERING, State.QUEUED, State.FAILED, State.UNCONFIRMED}),
    # Left only by proof (an id) or by a person's decision; never back to QUEUED.
    State.UNCONFIRMED: frozenset({State.RENDERING, State.FAILED}),
    State.RENDERING: frozenset({State.FETCHING, State.FAILED, State.CANCELLED}),
    State.FETCHING: frozenset({State.DELIVERING, State.CANCELLED, State.FAILED}),
    State.DELIVERING: frozenset({State.DELIVERED, State.UNDELIVERED}),
    # Send again makes a new delivery.
    State.DELIVERED: frozenset({State.DELIVERING}),
    State.UNDELIVERED: frozenset({State.DELIVERING}),
    # Late proof of a charge: the clip is still fetched.
    State.FAILED: frozenset({State.FETCHING}),
    State.CANCELLED: frozenset({State.FETCHING}),
}

FINAL = frozenset({State.DELIVERED, State.UNDELIVERED, State.FAILED, State.CANCELLED})
"""States in which the engine has nothing left to do by itself."""

UNFINISHED = tuple(state for state in State if state not in FINAL)
"""The others."""

BEFORE_SUBMITTING = frozenset({State.RECEIVED, State.QUOTED, State.QUEUED})
"""States in which cancelling is immediate and free."""

RUNNING = frozenset({State.SUBMITTING, State.UNCONFIRMED, State.RENDERING})
"""States that count as a person's running jobs."""


def is_allowed(old: State, new: State) -> bool:
    """Whether the table has the move `old` → `new`."""
    return new in TRANSITIONS[old]


def require(old: State, new: State) -> None:
    """Raise `ValueError` unless the table has the move `old` → `new`."""
    if not is_allowed(old, new):
        raise ValueError(f"a job never goes from {old} to {new}")
