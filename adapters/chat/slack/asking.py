"""Asking for a clip on Slack: what was said becomes a row, and the board posts its card."""

from __future__ import annotations

from adapters.chat.asking import Ask, hand_in
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.front import Front
from adapters.chat.slack.people import Caller
from bot.jobs.lineage import Changes
from bot.jobs.model import Job, Relation, Requester

Accepted = tuple[Job, bool]
"""A job, and whether it is new."""


async def accept(front: Front, caller: Caller, ask: Ask, anchor: Anchor) -> Accepted:
    """Hand in what was said. Raises what `FrontDesk.accept` raises, and `NotAllowed` for guests and strangers."""
    front.people.require_may_ask(caller)

    def requester(_title: str) -> Requester:
        return caller.requester(anchor)

    job, is_new = await hand_in(front.service, ask, caller.choices, requester)
    return _shown(front, job, is_new=is_new)


async def descend(
    front: Front,
    caller: Caller,
    parent: Job,
    relation: Relation,
    anchor: Anchor,
    *,
    key: str | None,
    changes: Changes | None = None,
) -> Accepted:
    """Hand in what is made from a job that exists. Raises what `Lineage.descend` raises."""
    front.people.require_may_ask(caller)
    job, is_new = await front.service.lineage.descend(
        parent, relation, caller.requester(anchor), caller.presser, changes, request_key=key
    )
    return _shown(front, job, is_new=is_new)


def _shown(front: Front, job: Job, *, is_new: bool) -> Accepted:
    if is_new:
        front.meanwhile(front.service.copy_inputs(job))
        front.service.redraw(job)
    return job, is_new
