"""The messages around a clip: pure functions from a parcel."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from adapters.chat.slack.anchor import anchor_of
from adapters.chat.slack.card_view import buttons
from adapters.chat.slack.custom_ids import link_id
from adapters.chat.slack.text import escaped, link, marked, message, moment, one_line, row, section
from bot.languages.catalogue import in_language
from bot.languages.said import say
from bot.ports import Parcel

TITLE: Final = 80


def clip_comment(parcel: Parcel, *, is_elsewhere: bool) -> str:
    """What stands above a clip."""
    locale = parcel.requester.locale
    said = escaped(in_language(parcel.text, locale))
    channel = anchor_of(parcel.requester).channel
    if is_elsewhere and channel:
        said += " " + in_language(say("I could not post this in {place}.", place=f"<#{channel}>"), locale)
    return said


def clip_titles(parcel: Parcel) -> tuple[str, str]:
    """What Slack calls the clip, and the new part of an extended one; their file names are ours to know them by."""
    title = one_line(parcel.title, TITLE)
    if not title:
        return parcel.filename, parcel.part_filename or parcel.filename
    return title, in_language(say("{title} (the new part)", title=title), parcel.requester.locale)


def link_message(parcel: Parcel, url: str, expires_at: datetime) -> dict[str, Any]:
    """Where the clip can be watched, and until when: the card, from now on."""
    locale = parcel.requester.locale
    when = moment(expires_at)
    said = in_language(say("Your clip cannot be uploaded here. Its address works until {when}.", when=when), locale)
    watch = link(in_language(say("Watch the clip"), locale), url, link_id("watch"))
    pressable = buttons(parcel.buttons, parcel.job_id, locale)
    blocks = [section(marked(f"*{said}*\n{escaped(in_language(parcel.text, locale))}")), *row([*pressable, watch])]
    return message(said, blocks)


def withheld_text(parcel: Parcel) -> str:
    """Told to the asker alone."""
    said = say(
        "The provider marked your clip as possibly not safe for work, so I did not post it. It is kept: ask an operator "
        "of this Reelbot for it, or delete it."
    )
    return in_language(said, parcel.requester.locale)
