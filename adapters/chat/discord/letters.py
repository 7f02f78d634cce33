"""The messages around a clip: pure functions from a parcel to a payload."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from adapters.chat.discord.anchor import Anchor
from adapters.chat.discord.card_view import COMPONENTS_V2, GALLERY, TEXT, button_rows, link_button
from adapters.chat.discord.places import Place
from adapters.chat.discord.rest import Upload
from adapters.chat.discord.words import moment
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.ports import Parcel


def clip_message(
    parcel: Parcel, place: Place, anchor: Anchor, uploads: Sequence[Upload], *, wordless: bool
) -> dict[str, Any]:
    """A clip that plays inline."""
    locale = parcel.requester.locale
    words = [] if place.kind == "dm" or anchor.guild is None else [f"<@{parcel.requester.user}>"]
    words.append(in_language(parcel.text, locale))
    if place.kind == "dm" and anchor.guild is not None:
        words.append(in_language(say("I could not post this in {place}.", place=f"<#{anchor.channel}>"), locale))
    elif place.kind == "parent":
        words.append(in_language(say("The thread it was asked in is closed."), locale))
    return {
        "content": "" if wordless else " ".join(words),
        "attachments": [{"id": number, "filename": each.filename} for number, each in enumerate(uploads)],
        "components": button_rows(parcel.buttons, job_id=parcel.job_id, locale=locale),
    }


def answer_with_clip(parcel: Parcel, filenames: Sequence[str], *, hidden: bool) -> dict[str, Any]:
    """The card itself with the clip in it, where only the interaction's token may speak."""
    locale = parcel.requester.locale
    items = [{"media": {"url": f"attachment://{name}"}, "spoiler": hidden} for name in filenames]
    rows = button_rows(parcel.buttons, job_id=parcel.job_id, locale=locale)
    return {
        "flags": COMPONENTS_V2,
        "components": [
            {"type": GALLERY, "items": items},
            {"type": TEXT, "content": in_language(parcel.text, locale)},
            *rows,
        ],
        "attachments": [{"id": number, "filename": name} for number, name in enumerate(filenames)],
    }


def link_message(parcel: Parcel, url: str, expires_at: datetime) -> dict[str, Any]:
    """Where the clip can be watched, and until when."""
    locale = parcel.requester.locale
    said = in_language(
        say("Your clip is too large for this place. Its address works until {when}.", when=moment(expires_at, "f")),
        locale,
    )
    watch = link_button(in_language(say("Watch the clip"), locale), url)
    return {
        "flags": COMPONENTS_V2,
        "components": [
            {"type": TEXT, "content": f"**{said}**\n{in_language(parcel.text, locale)}"},
            *button_rows(parcel.buttons, job_id=parcel.job_id, locale=locale, extra=[watch]),
        ],
    }


def withheld_message(parcel: Parcel) -> dict[str, Any]:
    """Told to the asker alone."""
    said = say(
        "The provider marked your clip as possibly not safe for work, so I did not post it. It is kept: press Send again "
        "in an age-restricted channel, or delete it."
    )
    return {"content": in_language(said, parcel.requester.locale)}
