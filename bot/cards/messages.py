"""All text people see about a job, in one place. No platform's formats; user text is escaped by each chat."""

from __future__ import annotations

from datetime import datetime

from bot.jobs.model import Job
from bot.jobs.states import State
from bot.tracker.breaker import Health
from bot.tracker.render_times import Measured, eta

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


def resting_line(health: Health) -> str:
    """Why jobs wait in line at a provider that takes none now; empty when it does."""
    if health.paused:
        return f"{health.provider} is paused; what waits is kept."
    if health.open_until is None:
        return ""
    return f"{health.provider} is not taking orders; trying again at {health.open_until:%H:%M} UTC."


def eta_line(job: Job, measured: Measured, typical_s: float | None, now: datetime) -> str:
    """How long a render will still take, from renders measured here; empty where nobody knows, or progress says it better.

    With too few measured, the vendor's word (`typical_s`), named as what it is.
    """
    if job.state is not State.RENDERING or job.progress is not None:
        return ""
    if measured.p50_s is None:
        so_far = f"only {measured.count} measured here so far" if measured.count else "not yet measured here"
        return "" if typical_s is None else f"Usually about {spell(typical_s)} ({so_far})."
    done_at = eta(job.state_since, measured, now)
    if done_at is None:
        return "Longer than 9 of 10 renders; still going."
    return f"About {spell((done_at - now).total_seconds())} to go (measured on {measured.count} renders)."


def spell(seconds: float) -> str:
    """A length of time as people say it when they do not know it exactly: in steps of 5 s below a minute, then minutes."""
    if seconds < 57.5:
        return f"{max(1, round(seconds / 5)) * 5} s"
    minutes = max(1, round(seconds / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def delivery_text(job: Job) -> str:
    """What stands beside the posted clip."""
    seconds = job.settings.duration_s
    made = f"{seconds} s, {job.settings.resolution}, {job.provider}"
    if job.provider == "local":
        made += " (a camera move over the picture, not a generated scene)"
    return f"{made}. {price_line(job)}".strip()
