"""The menu under anybody's message, and the forms: a picture is chosen, then words are asked for.

What a form is about stands in its id (`channel:message:index` of a picture, or a job), so that a form that was open
during a restart still works. The address of a picture is too long for an id: this process remembers it; else it stands in
the message from which it was chosen, or the message is read again, where we may.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import discord
from discord import app_commands
from discord.app_commands import locale_str

from adapters.chat.asking import Ask
from adapters.chat.choosing import Filled, changes_of, model_for, models_of
from adapters.chat.discord.asking import ask_in, descend_in, interaction_key
from adapters.chat.discord.buttons import job_seen
from adapters.chat.discord.card_view import COMPONENTS_V2, GALLERY, ROW, TEXT
from adapters.chat.discord.commands import Commands
from adapters.chat.discord.custom_ids import form_id
from adapters.chat.discord.forms import MENU, NEW, filled, picture_form, prompt_in
from adapters.chat.discord.front import AnyInteraction, Front
from adapters.chat.discord.images import as_sent
from adapters.chat.discord.inputs import Attachment
from adapters.chat.discord.rest import RestError
from adapters.chat.discord.shown import pictures
from adapters.chat.discord.turn import Turn
from bot.errors import BadInput, BadPrompt, Expired
from bot.jobs.model import Relation
from bot.languages.catalogue import in_language
from bot.languages.said import say

PICK: Final = "pick"
MOST_PICTURES: Final = 10
"""A gallery shows so many."""


def add_menu(tree: Commands, front: Front) -> None:
    """Put "Animate this" into the menu of every message."""

    @tree.context_menu(name=locale_str("Animate this"))
    async def animate_this(interaction: AnyInteraction, message: discord.Message) -> None:
        async with front.turn(interaction) as turn:
            sent = _target(interaction) or as_sent(message)
            found = pictures(sent)[:MOST_PICTURES]
            if not found:
                raise BadInput(say("There is no picture in this message that I could animate."))
            names = [front.offered.keep(each, number) for number, each in enumerate(found)]
            if len(found) == 1:
                await _open(front, turn, names[0])
            else:
                await turn.show(_chooser(found, names, turn.locale), private=True)

    assert isinstance(animate_this, app_commands.ContextMenu)


async def picked(front: Front, interaction: AnyInteraction, _of: str) -> None:
    """A picture was chosen of several: ask for the words."""
    async with front.turn(interaction) as turn:
        data: Mapping[str, Any] = interaction.data or {}
        await _open(front, turn, str((data.get("values") or [""])[0]))


async def submitted(front: Front, interaction: AnyInteraction, form: str, of: str) -> None:
    """A form came back, filled in."""
    data: Mapping[str, Any] = interaction.data or {}
    async with front.turn(interaction, typed=prompt_in(data)) as turn:
        said = filled(data)
        if form == NEW:
            await _ask(front, turn, interaction, said, of)
        elif form in set(Relation):
            job = await job_seen(front, turn, of)
            await descend_in(front, turn, job, Relation(form), changes_of(said, job))
        else:
            raise BadPrompt(say("This form is from another version; open it again."))


async def _open(front: Front, turn: Turn, name: str) -> None:
    choices = await front.people.choices(turn.scene)
    models = models_of(front.service.desk.providers.values())
    await turn.form(picture_form(name, models, model_for(front.service.front_desk, None, choices), turn.locale))


async def _ask(front: Front, turn: Turn, interaction: AnyInteraction, said: Filled, name: str) -> None:
    picture = front.offered.find(name) or _still_shown(interaction, name) or await _read_again(front, name)
    if picture is None:
        raise Expired(say("I do not know any more which picture that was: open the menu of the message again."))
    key, named = interaction_key(turn), picture.as_input()
    ask = Ask(prompt=said.prompt, picture=named, model=said.model, fields=said.fields, key=key)
    await ask_in(front, turn, ask, spoiler=picture.spoiler)


def _still_shown(interaction: AnyInteraction, name: str) -> Attachment | None:
    """From the message with the choice, which came back along with the form."""
    shown = pictures(as_sent(interaction.message)) if interaction.message else []
    channel, message, index = _parts(name)
    if index >= len(shown):
        return None
    return Attachment(url=shown[index].url, channel=channel, message=message, spoiler=shown[index].spoiler)


async def _read_again(front: Front, name: str) -> Attachment | None:
    channel, message, index = _parts(name)
    try:
        found = pictures(await front.rest.ask("GET", f"/channels/{channel}/messages/{message}", patience_s=1.0))
    except RestError:
        return None
    return found[index] if index < len(found) else None


def _parts(name: str) -> tuple[str, str, int]:
    channel, _, rest = name.partition(":")
    message, _, index = rest.partition(":")
    return channel, message, int(index) if index.isdecimal() else MOST_PICTURES


def _target(interaction: AnyInteraction) -> Mapping[str, Any] | None:
    """The message under whose menu it was, as Discord sent it."""
    data: Mapping[str, Any] = interaction.data or {}
    messages = (data.get("resolved") or {}).get("messages") or {}
    found: Mapping[str, Any] | None = messages.get(str(data.get("target_id")))
    return found


def _chooser(found: list[Attachment], names: list[str], locale: str) -> dict[str, Any]:
    items = [{"media": {"url": each.url}, "spoiler": each.spoiler} for each in found]
    options = [
        {"label": in_language(say("Picture {number}", number=number), locale), "value": name}
        for number, name in enumerate(names, start=1)
    ]
    menu = {
        "type": MENU,
        "custom_id": form_id(PICK),
        "options": options,
        "placeholder": in_language(say("Choose a picture"), locale),
    }
    return {
        "flags": COMPONENTS_V2,
        "components": [
            {"type": TEXT, "content": in_language(say("Which of them?"), locale)},
            {"type": GALLERY, "items": items},
            {"type": ROW, "components": [menu]},
        ],
    }
