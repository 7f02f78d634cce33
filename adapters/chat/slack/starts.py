"""`/animate` and the shortcuts: a form is opened before anything else is looked at, and what comes back is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

from adapters.chat.asking import Ask
from adapters.chat.choosing import changes_of, model_for, models_of
from adapters.chat.pictures import is_picture, is_sound, no_picture, no_sound
from adapters.chat.slack import forms
from adapters.chat.slack.anchor import Anchor
from adapters.chat.slack.api import Bot, SlackError, Unclear
from adapters.chat.slack.asking import accept, descend
from adapters.chat.slack.buttons import job_seen
from adapters.chat.slack.forms import About, Sent
from adapters.chat.slack.front import Front
from adapters.chat.slack.inputs import SharedFile, pictures, shared_file
from adapters.chat.slack.people import Caller
from adapters.chat.slack.scene import Scene, scene_of_command, scene_of_payload
from adapters.chat.slack.text import escaped
from adapters.chat.slack.windows import open_form, update_form
from bot.errors import BadInput, DeliveryDelayed, NotFound, ReelbotError
from bot.jobs.model import Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say

log = structlog.get_logger(__name__)

LARGEST_CHOICE: Final = forms.MOST_PICTURES
NAME_SHOWN: Final = 60


async def animate(front: Front, body: Mapping[str, Any], bot: Bot) -> None:
    """`/animate`: the form, with what was typed behind the command."""
    scene = scene_of_command(body)
    typed = str(body.get("text") or "").strip()
    await _ask_for(front, bot, scene, About(channel=scene.channel), prompt=typed)


async def new_clip(front: Front, body: Mapping[str, Any], bot: Bot) -> None:
    """The global shortcut, and the button of the Home tab: they happen nowhere, so the form asks where the clip goes."""
    scene = scene_of_payload(body)
    await _ask_for(front, bot, scene, About(), asks_channel=True)


async def animate_message(front: Front, body: Mapping[str, Any], bot: Bot) -> None:
    """The shortcut of anybody's message."""
    scene = scene_of_payload(body)
    message = body.get("message") or {}
    found = pictures(message.get("files") or ())[:LARGEST_CHOICE]
    if not found:
        locale = front.people.locale_known(scene)
        text = in_language(say("There is no picture in this message that I could animate."), locale)
        await open_form(front, bot, scene, forms.notice(escaped(text), locale))
        return
    files = tuple((str(each.get("id")), str(each.get("name") or each.get("id"))[:NAME_SHOWN]) for each in found)
    about = About(channel=scene.channel, root=message.get("thread_ts") or scene.message, files=files)
    await _ask_for(front, bot, scene, about)


async def submitted(front: Front, body: Mapping[str, Any], bot: Bot, form: str) -> dict[str, str]:
    """A form came back, filled in. What is wrong with it, by field; nothing means that its row is committed."""
    scene = scene_of_payload(body)
    view = body.get("view") or {}
    try:
        came = forms.sent(view)
        caller = await front.people.caller(bot, scene)
        key = f"slack:view:{scene.team}:{view.get('id')}"
        if form == forms.NEW:
            await _accept(front, caller, came, key)
        elif form in set(Relation) and came.about.job is not None:
            job = await job_seen(front, scene, came.about.job)
            await descend(
                front,
                caller,
                job,
                Relation(form),
                _anchor(caller.scene, came),
                key=key,
                changes=changes_of(came.said, job),
            )
        else:
            raise NotFound(say("This form is from another version; open it again."))
    except Exception as error:
        # Slack brings no form again: whatever went wrong, the person is told, and keeps what they wrote.
        text = _unescaped(front.spoken(error, scene, front.people.locale_known(scene)))
        return {_field_of(error, view): text}
    return {}


async def _accept(front: Front, caller: Caller, came: Sent, key: str) -> None:
    picture = _picture(caller.scene, came)
    sound = came.sound
    if sound is not None and not is_sound(sound.get("name"), sound.get("mimetype")):
        raise no_sound(str(sound.get("name") or ""))
    ask = Ask(
        prompt=came.said.prompt,
        picture=picture.as_input(),
        sound=shared_file(sound, caller.scene.team, caller.scene.enterprise).as_input() if sound else None,
        model=came.said.model,
        fields=came.said.fields,
        key=key,
    )
    await accept(front, caller, ask, _anchor(caller.scene, came))


def _picture(scene: Scene, came: Sent) -> SharedFile:
    if came.picture is not None:
        if not is_picture(came.picture.get("name"), came.picture.get("mimetype")):
            raise no_picture(str(came.picture.get("name") or ""))
        return shared_file(came.picture, scene.team, scene.enterprise)
    if came.chosen is None:
        raise BadInput(say("Choose a picture."))
    # Its address is asked for when it is copied: a form has no room for it.
    return SharedFile(team=scene.team, id=came.chosen[0], filename=came.chosen[1], enterprise=scene.enterprise)


def _anchor(scene: Scene, came: Sent) -> Anchor:
    about = came.about
    return Anchor(
        team=scene.team,
        enterprise=scene.enterprise,
        channel=about.channel or came.channel or "",
        root=about.root,
        is_direct=about.is_direct,
    )


async def _ask_for(
    front: Front, bot: Bot, scene: Scene, about: About, *, prompt: str = "", asks_channel: bool = False
) -> None:
    """Open the form at once in the language that is known, then draw it anew if what was chosen here makes it another."""
    models = models_of(front.service.desk.providers.values())
    locale = front.people.locale_known(scene)
    first = model_for(front.service.front_desk, None, {})
    shown = forms.picture_form(about, models, first, locale, prompt=prompt, asks_channel=asks_channel)
    opened = await open_form(front, bot, scene, shown)
    if opened is None:
        return

    async def refine() -> None:
        try:
            caller = await front.people.caller(bot, scene)
        except (SlackError, Unclear, DeliveryDelayed) as error:
            log.info("form.not_refined", why=str(error))
            return
        try:
            front.people.require_may_ask(caller)
            model = model_for(front.service.front_desk, None, caller.choices)
            better = forms.picture_form(about, models, model, caller.locale, prompt=prompt, asks_channel=asks_channel)
        except ReelbotError as error:
            better = forms.notice(front.spoken(error, scene, caller.locale), caller.locale)
        if better != shown:
            await update_form(front, bot, opened, better)

    front.meanwhile(refine())


def _field_of(error: Exception, view: Mapping[str, Any]) -> str:
    """Below which field a fault is shown: it must be one that the form has."""
    fields = [each.get("block_id") for each in view.get("blocks") or () if each.get("type") == "input"]
    if isinstance(error, BadInput) and forms.PICTURE in fields:
        return forms.PICTURE
    return forms.PROMPT


def _unescaped(text: str) -> str:
    """What stands below a field is plain."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
