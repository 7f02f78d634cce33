"""Buttons under cards and clips: they carry an action and a job, and work after any restart and at any age.

discord.py finds a button by the pattern of its id (`JobButton`); nothing is remembered of any message.
"""

from __future__ import annotations

import re
from typing import Any

import discord

from adapters.chat.choosing import AT_ONCE, BY_FORM, models_of
from adapters.chat.discord.anchor import anchor_of
from adapters.chat.discord.asking import descend_in
from adapters.chat.discord.card_view import BUTTON, DANGER, ROW, SECONDARY
from adapters.chat.discord.custom_ids import BUTTON as PATTERN
from adapters.chat.discord.custom_ids import button_id
from adapters.chat.discord.forms import job_form
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.scene import MESSAGE_AT_MOST
from adapters.chat.discord.turn import Turn
from adapters.chat.wording import erased_sentence
from bot.errors import NotFound
from bot.jobs.lineage import require_may_edit
from bot.jobs.model import Job, Relation
from bot.keeping.forgetting import require_may_delete
from bot.languages.catalogue import in_language
from bot.languages.said import say

ERASE, KEEP, POST_HERE = "erase", "keep", "post"
"""Buttons in answers to one person: really delete, do not, post a clip of the history here."""


class JobButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.LayoutView]], template=PATTERN):
    """Any button of ours that names a job."""

    def __init__(self, button: discord.ui.Button[discord.ui.LayoutView], action: str, job_id: str) -> None:
        super().__init__(button)
        self.action = action
        self.job_id = job_id

    @classmethod
    async def from_custom_id(
        cls, interaction: AnyInteraction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> JobButton:
        """What was pressed, read from its id."""
        assert isinstance(item, discord.ui.Button)
        return cls(item, match["action"], match["job_id"])

    async def callback(self, interaction: AnyInteraction) -> None:
        """Carry it out."""
        await press(interaction.client.front, interaction, self.action, self.job_id)


async def press(front: Front, interaction: AnyInteraction, action: str, job_id: str) -> None:
    """Carry out a press; who may is checked here and by what is asked to do it (DESIGN §5)."""
    async with front.turn(interaction) as turn:
        if action == KEEP:
            await turn.update(closed(say("Nothing was deleted."), turn.locale))
            return
        job = await job_seen(front, turn, job_id)
        if action in AT_ONCE:
            await descend_in(front, turn, job, AT_ONCE[action])
        elif action in BY_FORM:
            await _open_form(front, turn, job, BY_FORM[action])
        elif action in _ACTIONS:
            await _ACTIONS[action](front, turn, job)
        else:
            raise NotFound(say("This button is from another version; its job's newest card has others."))


async def job_seen(front: Front, turn: Turn, job_id: str) -> Job:
    """The job, if it is this person's to see. `NotFound` otherwise."""
    job = await front.service.actions.find(job_id)
    scene = turn.scene
    # Where we are no member a card may be seen by people of several workspaces: who may go on from it is checked then.
    if not front.people.may_see(scene, job) and (scene.is_member or job.requester.platform != "discord"):
        raise NotFound(say("There is no such job here."))
    return job


async def _open_form(front: Front, turn: Turn, job: Job, relation: Relation) -> None:
    if relation is Relation.EDIT:
        require_may_edit(job, front.people.presser(turn.scene, job))
    models = models_of(front.service.desk.providers.values())
    await turn.form(job_form(relation, job, models, turn.locale))


async def _start(front: Front, turn: Turn, job: Job) -> None:
    await front.service.actions.confirm(job.id, front.people.presser(turn.scene, job))
    await turn.nod()


async def _cancel(front: Front, turn: Turn, job: Job) -> None:
    await front.service.actions.cancel(job.id, front.people.presser(turn.scene, job))
    await turn.nod()


async def _resend(front: Front, turn: Turn, job: Job) -> None:
    # Where we may not post, this press's own token is the only way to answer.
    anchor = None if turn.scene.can_post else turn.scene.anchor(of=anchor_of(job.requester)).to_text()
    await front.service.actions.resend(job.id, front.people.presser(turn.scene, job), anchor=anchor)
    await turn.nod()


async def _post_here(front: Front, turn: Turn, job: Job) -> None:
    anchor = turn.scene.anchor(of=anchor_of(job.requester)).to_text()
    await front.service.actions.resend(job.id, front.people.presser(turn.scene, job), anchor=anchor)
    await turn.say(say("It is being posted here."))


async def _ask_to_delete(front: Front, turn: Turn, job: Job) -> None:
    require_may_delete(job, front.people.presser(turn.scene, job))
    buttons = [
        _button(say("Delete for good"), ERASE, job, DANGER, turn.locale),
        _button(say("Keep it"), KEEP, job, SECONDARY, turn.locale),
    ]
    text = say("This erases the clip, its picture, its words and what was posted. Only its bookkeeping stays.")
    content = in_language(text, turn.locale)
    await turn.show({"content": content, "components": [{"type": ROW, "components": buttons}]}, private=True)


async def _erase(front: Front, turn: Turn, job: Job) -> None:
    presser = front.people.presser(turn.scene, job)
    await turn.nod()
    done = await front.service.forgetting.delete(job, presser)
    await turn.redraw(closed(erased_sentence(done), turn.locale))


_ACTIONS = {
    "start": _start,
    "cancel": _cancel,
    "resend": _resend,
    "delete": _ask_to_delete,
    ERASE: _erase,
    POST_HERE: _post_here,
}


def _button(label: str, action: str, job: Job, style: int, locale: str) -> dict[str, Any]:
    text = in_language(label, locale)
    return {"type": BUTTON, "style": style, "label": text, "custom_id": button_id(action, job.id)}


def closed(text: str, locale: str) -> dict[str, Any]:
    """A question that was answered: its buttons are gone."""
    return {"content": in_language(text, locale)[:MESSAGE_AT_MOST], "components": []}
