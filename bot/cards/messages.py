"""All text people see about a job, in one place. No platform's formats; user text is escaped by each chat."""

from __future__ import annotations

from bot.jobs.model import Job
from bot.jobs.states import State

HEADLINES = {
    State.RECEIVED: "Looking at your picture",
    State.QUOTED: "Ready when you are",
    State.QUEUED: "In line",
    State.SUBMITTING: "Handing it to the renderer",
    State.UNCONFIRMED: "Checking whether the provider took it",
    State.RENDERING: "Rendering",
    State.FETCHING: "Fetching your clip",
    State.DELIVERING: "Posting your clip",
    State.DELIVERED: "Your clip is ready",
    State.UNDELIVERED: "Your clip is kept, but not posted",
    State.FAILED: "This did not work",
    State.CANCELLED: "Cancelled",
}


def headline(job: Job) -> str:
    """A few words on where the job stands; never more than is true."""
    return HEADLINES[job.state]


def price_line(job: Job) -> str:
    """What it costs, or cost. Says nothing was charged only when the ledger says so."""
    if job.charged is not None:
        return f"It cost {job.charged}." if job.charged else "It cost nothing."
    if job.hold_id is not None:
        return f"{job.held} is held for it." if job.held else "It costs nothing."
    if job.state is State.QUOTED:
        return f"It will cost {job.quote}."
    if job.state in (State.FAILED, State.CANCELLED):
        return "Nothing was charged."
    return ""


def delivery_text(job: Job) -> str:
    """What stands beside the posted clip."""
    seconds = job.settings.duration_s
    made = f"{seconds} s, {job.settings.resolution}, {job.provider}"
    if job.provider == "local":
        made += " (a camera move over the picture, not a generated scene)"
    return f"{made}. {price_line(job)}".strip()
