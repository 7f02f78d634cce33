"""Asking for a clip: what was said becomes a request, and the answer is its card, shown only once the row is committed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from adapters.chat.asking import Ask, hand_in
from adapters.chat.discord.anchor import anchor_of
from adapters.chat.discord.card_view import card_reference, message_link, render
from adapters.chat.discord.front import Front
from adapters.chat.discord.people import Caller
from adapters.chat.discord.turn import Turn
from bot.cards.card import card
from bot.jobs.actions import Presser
from bot.jobs.lineage import Changes
from bot.jobs.model import Job, Relation, Requester
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

Accepted = tuple[Job, bool]
"""A job, and whether it is new."""


def interaction_key(turn: Turn) -> str:
    """The request key of an interaction."""
    return f"discord:i:{turn.scene.interaction}"


async def accept(front: Front, caller: Caller, ask: Ask, *, spoiler: bool) -> Accepted:
    """Hand in what was said. Raises what `FrontDesk.accept` raises."""

    def requester(title: str) -> Requester:
        return caller.requester(title=title, spoiler=spoiler)

    job, is_new = await hand_in(front.service, ask, caller.choices, requester)
    if is_new:
        front.meanwhile(front.service.copy_inputs(job))
    return job, is_new


async def ask_in(front: Front, turn: Turn, ask: Ask, *, spoiler: bool) -> None:
    """Answer an interaction with the card of what it asks for."""

    async def work() -> Accepted:
        return await accept(front, await front.people.caller(turn.scene, choices=turn.choices), ask, spoiler=spoiler)

    await show_job(front, turn, work)


async def descend_in(front: Front, turn: Turn, parent: Job, relation: Relation, changes: Changes | None = None) -> None:
    """Answer an interaction with the card of what is made from a job that exists."""

    async def work() -> Accepted:
        caller = await front.people.caller(turn.scene, of=parent, choices=turn.choices)
        title = (changes.prompt if changes else None) or parent.prompt
        requester = caller.requester(of=anchor_of(parent.requester), title=title)
        presser: Presser = caller.presser
        return await front.service.lineage.descend(
            parent, relation, requester, presser, changes, request_key=interaction_key(turn)
        )

    await show_job(front, turn, work)


async def show_job(front: Front, turn: Turn, work: Callable[[], Awaitable[Accepted]]) -> None:
    """Carry out `work`, and make its job's card the answer. Raises what `work` raises; then there is no job."""
    interaction, message = turn.scene.interaction or "", None
    # Whoever draws the card meanwhile waits until it is known which message it is.
    front.answers.expect(interaction)
    try:
        job, is_new = await turn.soon(_started(work), private=False)
        known = None if is_new else await front.service.stores.deliveries.card(job.id)
        if known is not None:
            await turn.whisper(_asked_before(turn, job, known[0]))
            return
        try:
            message = await turn.show(render(card(job)), private=False)
        except Exception:
            # The job is accepted and goes on: its card is posted by the bot itself.
            log.warning("card.not_answered", job_id=job.id, interaction=interaction, exc_info=True)
        if message is not None:
            reference = card_reference(anchor_of(job.requester), message)
            await front.service.stores.deliveries.save_card(job.id, reference, job.version)
    finally:
        front.answers.settle(interaction, message)
    if message is None:
        front.service.redraw(job)


async def _started(work: Callable[[], Awaitable[Accepted]]) -> Accepted:
    return await work()


def _asked_before(turn: Turn, job: Job, reference: str) -> str:
    """Two presses on one clip within ten seconds are one job, with one card, which is not this answer."""
    said = in_language(say("You asked for the same a moment ago; it is under way."), turn.locale)
    link = message_link(job.requester, reference)
    return said if link is None else f"{said} {link}"
