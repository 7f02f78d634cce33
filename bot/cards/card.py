"""A JobCard built from a Job: a pure function of what is true now."""

from __future__ import annotations

from bot.cards.messages import headline, price_line
from bot.jobs.model import Delivery, Job, Relation
from bot.jobs.states import State
from bot.languages.said import say
from bot.ports import Button, JobCard

_START = Button(action="start", label=say("Start"))
_CANCEL = Button(action="cancel", label=say("Cancel"))
_AGAIN = Button(action="again", label=say("Again"))
_EDIT = Button(action="edit", label=say("Edit"))
_FROM_CLIP = (
    Button(action="extend", label=say("Extend")),
    Button(action="loop", label=say("Loop")),
    Button(action="frame", label=say("Use last frame")),
)
_SEND_AGAIN = Button(action="resend", label=say("Send again"))
_DELETE = Button(action="delete", label=say("Delete"))


def card(job: Job, *, queue_position: int | None = None, eta: str = "", delivery: Delivery | None = None) -> JobCard:
    """The card of a job as it stands; `eta` is `messages.eta_line` at this moment, `delivery` the last that was posted."""
    lines = [line for line in (job.error.message if job.error else None, job.note, *job.adjustments) if line]
    if queue_position is not None:
        lines.append(say("Number {position} in line.", position=queue_position))
    if eta:
        lines.append(eta)
    if price := price_line(job):
        lines.append(price)
    return JobCard(
        job_id=job.id,
        version=job.version,
        requester=job.requester,
        state=job.state.value,
        headline=headline(job),
        lines=tuple(lines),
        progress=job.progress if job.state is State.RENDERING else None,
        buttons=buttons(job),
        is_final=job.is_final,
        asked_at=job.created_at,
        prompt=job.prompt,
        delivery=delivery if job.state is State.DELIVERED else None,
    )


def buttons(job: Job) -> tuple[Button, ...]:
    """What may be pressed in this state."""
    match job.state:
        case State.QUOTED:
            return (_START, _CANCEL)
        case State.RECEIVED | State.QUEUED | State.SUBMITTING | State.UNCONFIRMED | State.RENDERING | State.FETCHING:
            return (_CANCEL,)
        case State.DELIVERED | State.UNDELIVERED | State.FAILED | State.CANCELLED:
            return _afterwards(job)
        case _:
            return ()


def under_clip(job: Job) -> tuple[Button, ...]:
    """What can be made of an ended job; a button for what was deleted stays, for pressing it says when that was."""
    # A loop of the same clip would be the same loop.
    from_clip = tuple(each for each in _FROM_CLIP if each.action != "loop" or job.relation is not Relation.LOOP)
    return (_AGAIN, _EDIT, *from_clip) if job.output is not None else (_AGAIN, _EDIT)


def _afterwards(job: Job) -> tuple[Button, ...]:
    if job.erased_at is not None:
        return ()
    resend = (_SEND_AGAIN,) if job.output is not None and job.state is not State.CANCELLED else ()
    return (*under_clip(job), *resend, _DELETE)
