"""All text people see about a job, in one place. No platform's formats; user text is escaped by each chat."""

from __future__ import annotations

from datetime import datetime

from bot.jobs.model import Job
from bot.jobs.states import State
from bot.languages.said import joined, say
from bot.tracker.breaker import Health
from bot.tracker.render_times import Measured, eta

HEADLINES = {
    State.RECEIVED: say("Looking at your picture"),
    State.QUOTED: say("Ready when you are"),
    State.QUEUED: say("In line"),
    State.SUBMITTING: say("Handing it to the renderer"),
    State.UNCONFIRMED: say("Checking whether the provider took it"),
    State.RENDERING: say("Rendering"),
    State.FETCHING: say("Fetching your clip"),
    State.DELIVERING: say("Posting your clip"),
    State.DELIVERED: say("Your clip is ready"),
    State.UNDELIVERED: say("Your clip is kept, but not posted"),
    State.FAILED: say("This did not work"),
    State.CANCELLED: say("Cancelled"),
}


def headline(job: Job) -> str:
    """A few words on where the job stands; never more than is true."""
    return HEADLINES[job.state]


def price_line(job: Job) -> str:
    """What it costs, or cost. Says nothing was charged only when the ledger says so."""
    if job.charged is not None:
        return say("It cost {price}.", price=job.charged) if job.charged else say("It cost nothing.")
    if job.hold_id is not None:
        return say("{price} is held for it.", price=job.held) if job.held else say("It costs nothing.")
    if job.state is State.QUOTED:
        return say("It will cost {price}.", price=job.quote)
    if job.state in (State.FAILED, State.CANCELLED):
        return say("Nothing was charged.")
    return ""


def resting_line(health: Health) -> str:
    """Why jobs wait in line at a provider that takes none now; empty when it does."""
    if health.paused:
        return say("{provider} is paused; what waits is kept.", provider=health.provider)
    if health.open_until is None:
        return ""
    return say(
        "{provider} is not taking orders; trying again at {time} UTC.",
        provider=health.provider,
        time=f"{health.open_until:%H:%M}",
    )


def eta_line(job: Job, measured: Measured, typical_s: float | None, now: datetime) -> str:
    """How long a render will still take, from renders measured here; empty where nobody knows, or progress says it better.

    With too few measured, the vendor's word (`typical_s`), named as what it is.
    """
    if job.state is not State.RENDERING or job.progress is not None:
        return ""
    if measured.p50_s is None:
        if typical_s is None:
            return ""
        if not measured.count:
            return say("Usually about {time} (not yet measured here).", time=spell(typical_s))
        return say(
            "Usually about {time} (only {count} measured here so far).", time=spell(typical_s), count=measured.count
        )
    done_at = eta(job.state_since, measured, now)
    if done_at is None:
        return say("Longer than 9 of 10 renders; still going.")
    left = spell((done_at - now).total_seconds())
    return say("About {time} to go (measured on {count} renders).", time=left, count=measured.count)


def spell(seconds: float) -> str:
    """A length of time as people say it when they do not know it exactly: in steps of 5 s below a minute, then minutes."""
    if seconds < 57.5:
        return say("{seconds} s", seconds=max(1, round(seconds / 5)) * 5)
    minutes = max(1, round(seconds / 60))
    return say("a minute") if minutes == 1 else say("{minutes} minutes", minutes=minutes)


def delivery_text(job: Job) -> str:
    """What stands beside the posted clip."""
    made = {"seconds": job.settings.duration_s, "resolution": job.settings.resolution, "provider": job.provider}
    if job.provider == "local":
        said = say(
            "{seconds} s, {resolution}, {provider} (a camera move over the picture, not a generated scene).", **made
        )
    else:
        said = say("{seconds} s, {resolution}, {provider}.", **made)
    return joined((said, price_line(job)))
