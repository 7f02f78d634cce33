"""A job as the pages show it: the card that the chats draw, and where its picture, poster and clip are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.chat.web.caller import Caller
from bot.cards.card import card
from bot.cards.messages import headline, price_line, resting_line
from bot.chat_values import Button
from bot.jobs.actions import Presser
from bot.jobs.model import Job
from bot.jobs.states import State
from bot.people import Role
from bot.service import Service

Shape = Literal["card", "tile", "row", "page"]
"""How a page draws a job."""
OWN = frozenset({"start", "edit"})
"""What only who asked may press, and operators."""
LEADS_TOO = frozenset({"cancel", "resend", "delete"})
"""What a team lead may press as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """What a template needs of a job."""

    job: Job
    headline: str
    lines: tuple[str, ...]
    """Why it failed, what it waits for, what was changed of the picture."""
    price: str
    eta: str
    queue_position: int | None
    cancel_requested: bool
    buttons: tuple[Button, ...]
    """What this person may press now."""
    is_own: bool
    waited_s: float
    """Since it was asked for, until now or until its end."""

    @property
    def id(self) -> str:
        """The job's."""
        return self.job.id

    @property
    def is_under_way(self) -> bool:
        """Somebody is at work; nobody is waited for."""
        return not self.job.is_final and self.job.state is not State.QUOTED

    @property
    def progress(self) -> float | None:
        """From 0 to 1, only where the renderer truly knows."""
        return self.job.progress if self.job.state is State.RENDERING else None

    @property
    def video(self) -> str | None:
        """Where the clip is, while it is kept."""
        return f"/api/v1/jobs/{self.id}/video" if self.job.output and self.job.clip_deleted_at is None else None

    @property
    def poster(self) -> str | None:
        """The clip's first picture."""
        clip = self.job.output
        return f"/jobs/{self.id}/poster" if self.video and clip is not None and clip.poster_id else None

    @property
    def picture(self) -> str | None:
        """The stripped picture it is made from."""
        kept = self.job.image_asset is not None and self.job.inputs_deleted_at is None
        return f"/jobs/{self.id}/picture" if kept and self.job.relation != "loop" else None


async def view(service: Service, caller: Caller, job: Job) -> JobView:
    """A job as `caller` sees it now."""
    position = await service.stores.jobs.queue_position(job) if job.state is State.QUEUED else None
    eta = await service.eta_line(job)
    drawn = card(job)
    lines = [line for line in (job.error.message if job.error else None, job.note, *job.adjustments) if line]
    if job.state is State.QUEUED and job.note is None:
        lines += [line for line in (resting_line(await service.stores.health.load(job.provider)),) if line]
    asked_to_stop = not job.is_final and await service.stores.wishes.cancel_requested(job.id)
    until = job.state_since if job.is_final else service.desk.clock.now()
    return JobView(
        job=job,
        headline=headline(job),
        lines=tuple(lines),
        price=price_line(job),
        eta=eta,
        queue_position=position,
        cancel_requested=asked_to_stop,
        buttons=tuple(
            each for each in drawn.buttons
            if may_press(caller, job, each.action) and not (asked_to_stop and each.action == "cancel")
        ),
        is_own=job.requester.person == caller.person,
        waited_s=(until - job.created_at).total_seconds(),
    )  # fmt: skip


async def views(service: Service, caller: Caller, jobs: Sequence[Job]) -> list[JobView]:
    """Several, in their order."""
    return [await view(service, caller, job) for job in jobs]


def may_press(caller: Caller, job: Job, action: str) -> bool:
    """Whether a button is worth showing to somebody; whoever answers a press asks again."""
    if not caller.may(Role.MEMBER):
        return False
    presser: Presser = caller.presser
    is_theirs = presser.is_operator or presser.person == job.requester.person
    if action in OWN:
        return is_theirs
    if action in LEADS_TOO:
        return is_theirs or presser.is_team_lead
    return True
