"""Buttons under cards: they carry an action and a job, and work after any restart and at any age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.chat.choosing import AT_ONCE, BY_FORM, models_of
from adapters.chat.slack import forms
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot
from adapters.chat.slack.asking import descend
from adapters.chat.slack.forms import About
from adapters.chat.slack.front import Front
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scene import Scene, scene_of_payload
from adapters.chat.slack.text import escaped
from adapters.chat.slack.windows import open_form, update_form
from adapters.chat.wording import erased_sentence
from bot.errors import NotFound
from bot.jobs.lineage import require_may_edit
from bot.jobs.model import Job, Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say


async def press(front: Front, body: Mapping[str, Any], bot: Bot, action: str, job_id: str) -> None:
    """Carry out a press; who may is checked here and by what is asked to do it (DESIGN §5). Never raises."""
    scene = scene_of_payload(body)
    locale = front.people.locale_known(scene)
    window: str | None = None
    try:
        if action in BY_FORM:
            # Before anything is looked up: what opens a form is good for three seconds.
            title = forms.TITLES[BY_FORM[action]]
            window = await open_form(front, bot, scene, forms.waiting(locale, title))
            if window is None:
                return
        caller = await front.people.caller(bot, scene)
        locale = caller.locale
        job = await job_seen(front, scene, job_id)
        if window is not None:
            await update_form(front, bot, window, _form(front, caller, job, BY_FORM[action]))
        elif action in AT_ONCE:
            # Two presses within ten seconds are one job: that is the lineage's own rule, so a press has no key.
            job_of, is_new = await descend(front, caller, job, AT_ONCE[action], _below(scene), key=None)
            if not is_new:
                await _whisper(front, caller, say("You asked for the same a moment ago; it is under way."))
                front.service.redraw(job_of)
        else:
            await _act(front, caller, job, action)
    except Exception as error:
        # Slack brings no press again: whatever went wrong, the person is told.
        text = front.spoken(error, scene, locale)
        if window is not None:
            await update_form(front, bot, window, forms.notice(text, locale))
        else:
            await front.whisper(scene, text)


async def job_seen(front: Front, scene: Scene, job_id: str) -> Job:
    """The job, if it is this person's to see. `NotFound` otherwise."""
    job = await front.service.actions.find(job_id)
    if not front.people.may_see(scene, job):
        raise NotFound(say("There is no such job here."))
    return job


def _form(front: Front, caller: Caller, job: Job, relation: Relation) -> dict[str, Any]:
    if relation is Relation.EDIT:
        require_may_edit(job, caller.presser)
    front.people.require_may_ask(caller)
    hung = _below(caller.scene)
    about = About(channel=hung.channel or None, is_direct=hung.is_direct, root=hung.root, job=job.id)
    models = models_of(front.service.desk.providers.values())
    return forms.job_form(relation, job, about, models, caller.locale)


async def _act(front: Front, caller: Caller, job: Job, action: str) -> None:
    actions, presser = front.service.actions, caller.presser
    match action:
        case "start":
            await actions.confirm(job.id, presser)
        case "cancel":
            await actions.cancel(job.id, presser)
        case "resend":
            await _resend(front, caller, job)
        case "delete":
            await _delete(front, caller, job)
        case _:
            raise NotFound(say("This button is from another version; its job's newest card has others."))


async def _resend(front: Front, caller: Caller, job: Job) -> None:
    """To where it was asked for; from an answer of one's own, to where that is."""
    scene = caller.scene
    anchor = scene.anchor(root=scene.root).to_text() if scene.is_ephemeral and scene.channel else None
    await front.service.actions.resend(job.id, caller.presser, anchor=anchor)
    if anchor is not None:
        await _whisper(front, caller, say("It is being posted here."))


async def _delete(front: Front, caller: Caller, job: Job) -> None:
    done = await front.service.forgetting.delete(job, caller.presser)
    await _whisper(front, caller, erased_sentence(done))


def _below(scene: Scene) -> Anchor:
    """What is made by a press goes into the thread of the message under which it was pressed."""
    return scene.anchor(root=None if scene.is_ephemeral else scene.root or scene.message)


async def _whisper(front: Front, caller: Caller, text: str) -> None:
    await front.whisper(caller.scene, escaped(in_language(text, caller.locale)))
