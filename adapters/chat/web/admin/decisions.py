"""`/admin/decisions`: jobs that only a person can settle, with the buttons that settle them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.front import Front, home_of
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import Caller, SignedIn
from bot.errors import BadPrompt
from bot.jobs.model import EvidenceKind, Job, Submission
from bot.jobs.states import State
from bot.money.amount import Money
from bot.people import Role

URL: Final = "/admin/decisions"
SITES: Final = {"wavespeed": "https://wavespeed.ai/", "eachlabs": "https://www.eachlabs.ai/"}
"""Where somebody looks with their own eyes."""
MOST_UNSURE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsure:
    """A job of which nobody knows whether the provider took it, with what is known."""

    job: Job
    submission: Submission | None
    wait_s: int
    """Seconds until it may be decided: the provider's answer may still be on its way."""
    was_read: bool
    """Its picture was read from our address: it was very probably taken."""
    candidates: tuple[str, ...]
    """Ids there that may be it."""
    next_look: datetime | None
    site: str | None


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()
    service = front.service

    async def show(request: Request, caller: Caller, trouble: str = "", status: int = 200) -> Response:
        home = home_of(caller)
        unsure: list[Unsure] = []
        if home is None:
            waiting = await service.stores.jobs.in_state(State.UNCONFIRMED)
            unsure = [await _unsure(front, job) for job in waiting[:MOST_UNSURE]]
        return front.show(
            request,
            caller,
            "decisions.html",
            trouble=trouble,
            status=status,
            unsure=unsure,
            undelivered=await service.stores.reports.undelivered(workspace=home),
            names=await Names.of(service),
            is_operator=home is None,
        )

    @router.get(URL)
    async def decisions(request: Request, caller: SignedIn) -> Response:
        """What waits: for team leads the clips of their workspace that could not be posted."""
        caller.require(Role.TEAM_LEAD)
        return await show(request, caller)

    @router.post(URL + "/{job_id}/resolve")
    async def resolve(
        request: Request,
        caller: SignedIn,
        job_id: str,
        decision: Annotated[Literal["lost", "submitted"], Form()],
        provider_job_id: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        """It was lost: the money is given back. It was submitted: it is fetched by its id, or settled without one."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            given = provider_job_id.strip()
            job = await service.operating.resolve(
                caller.decider, job_id, decision=decision, provider_job_id=given or None
            )
            return _decided(job, decision, given)

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    @router.post(URL + "/{job_id}/resend")
    async def resend(request: Request, caller: SignedIn, job_id: str) -> Response:
        """Post the clip once more."""
        caller.require(Role.TEAM_LEAD)

        async def doing() -> str:
            await service.operating.resend(caller.decider, job_id)
            return "The clip is on its way again. If it cannot be posted, it comes back here."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    @router.post(URL + "/{job_id}/delete")
    async def delete(request: Request, caller: SignedIn, job_id: str) -> Response:
        """Erase the job with its clip."""
        caller.require(Role.TEAM_LEAD)

        async def doing() -> str:
            done = await service.operating.delete(caller.decider, job_id)
            return "The job and its clip are deleted." if done.erased else "It is deleted as soon as it has ended."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    @router.post(f"{URL}/correct")
    async def correct(
        request: Request,
        caller: SignedIn,
        job_id: Annotated[str, Form(max_length=100)],
        usd: Annotated[str, Form(max_length=20)],
        reason: Annotated[str, Form(max_length=500)],
    ) -> Response:
        """A later entry in the ledger, on top of what was booked."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            amount = _amount(usd)
            job = await service.operating.correct(caller.decider, job_id.strip(), amount, reason)
            return f"{amount} is booked on top for job {job.id}."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    return router


async def _unsure(front: Front, job: Job) -> Unsure:
    stores, now = front.service.stores, front.service.desk.clock.now()
    submission = await stores.submissions.load(job.attempt_id or "")
    evidence = await stores.evidence.of_attempt(job.attempt_id or "")
    events = await stores.jobs.events(job.id)
    named = [str(each) for event in events for each in event.details.get("candidates", ())]
    age = now - submission.started_at if submission is not None else timedelta.max
    left = front.service.desk.times.resolve_after - age if age >= timedelta(0) else timedelta(0)
    return Unsure(
        job=job,
        submission=submission,
        wait_s=max(0, round(left.total_seconds() + 0.5)),
        was_read=any(each.kind is EvidenceKind.INPUT_FETCH for each in evidence),
        candidates=tuple(dict.fromkeys(named)),
        next_look=job.next_at,
        site=SITES.get(job.provider),
    )


def _decided(job: Job, decision: str, provider_job_id: str) -> str:
    if decision == "lost":
        return f"Decided: it was lost. {job.held} is given back, and its person is told."
    if provider_job_id:
        return f"Decided: it was submitted. Its clip is now looked for under {provider_job_id}."
    return f"Decided: it was submitted. {job.expected_charge} is booked; there is no clip to look for without its id."


def _amount(text: str) -> Money:
    try:
        return Money.usd(text.strip().replace("$", ""))
    except ValueError as error:
        raise BadPrompt(f"{text[:20]!r} is no amount of dollars; write one like 0.50 or -0.50.") from error
