"""What happened to a job, in words and times: its events, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.jobs.model import JobEvent
from bot.jobs.states import State
from bot.money.amount import Money

HAPPENED = {
    State.RECEIVED: "Asked for",
    State.QUOTED: "Priced, and waiting for a yes",
    State.QUEUED: "In line",
    State.SUBMITTING: "Handed to the renderer",
    State.UNCONFIRMED: "Nobody knows yet whether the provider took it",
    State.RENDERING: "Rendering",
    State.FETCHING: "The clip is being fetched",
    State.DELIVERING: "The clip is here, and being brought",
    State.DELIVERED: "Delivered",
    State.UNDELIVERED: "Kept, but not posted",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}
ENTRIES = {"hold": "Held", "settle": "Charged", "release": "Given back", "correction": "Corrected"}
RELATIONS = {
    "again": "another take",
    "edit": "edited",
    "extend": "extended",
    "loop": "made a loop",
    "frame": "went on from the last frame",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of it."""

    at: datetime
    words: str
    note: str
    after_s: float | None
    """Since the line before."""


def timeline(events: Sequence[JobEvent]) -> list[Happening]:
    """Oldest first."""
    lines: list[Happening] = []
    for event in events:
        after = (event.at - lines[-1].at).total_seconds() if lines else None
        lines.append(Happening(at=event.at, words=HAPPENED[event.state], note=_note(event), after_s=after))
    return lines


def _note(event: JobEvent) -> str:
    """What an event's details add for people; what is for us alone stays out."""
    reason = event.details.get("reason")
    if isinstance(reason, str):
        return reason
    for name, words in (("price", "priced at"), ("held", "held")):
        amount = event.details.get(name)
        if isinstance(amount, str):
            return f"{words} {Money.usd(amount)}" if Money.usd(amount) else ""
    return ""
