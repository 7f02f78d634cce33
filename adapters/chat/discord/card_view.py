"""A JobCard as a Discord message (Components V2): a pure function, so that every process draws the same.

Facts: at most 40 components counting nested ones, 4,000 characters over all texts, five buttons a row (Discord
documentation, components/reference, read 2026-08-06).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from adapters.chat.discord.anchor import Anchor, anchor_of
from adapters.chat.discord.custom_ids import button_id
from adapters.chat.discord.words import moment, plain
from bot.chat_values import Button, JobCard
from bot.jobs.model import Delivery, Requester
from bot.jobs.states import State
from bot.languages.catalogue import in_language
from bot.languages.said import say

COMPONENTS_V2: Final = 1 << 15
ROW, BUTTON, TEXT, GALLERY, CONTAINER = 1, 2, 10, 12, 17
PRIMARY, SECONDARY, SUCCESS, DANGER, LINK = 1, 2, 3, 4, 5
A_ROW: Final = 5
PROMPT_SHOWN: Final = 300
LINE_SHOWN: Final = 600
SMALL_SHOWN: Final = 3000
"""Characters of all lines together; Discord takes 4,000 in a message."""
BAR: Final = 12
_STYLES = {"start": SUCCESS, "cancel": SECONDARY, "again": PRIMARY, "delete": DANGER}
_COLOURS = {
    State.QUOTED: 0xF0B232, State.UNCONFIRMED: 0xF0B232, State.DELIVERED: 0x23A55A, State.UNDELIVERED: 0xF0B232,
    State.FAILED: 0xDA373C, State.CANCELLED: 0x80848E,
}  # fmt: skip
_AT_WORK = 0x5865F2
UNDER_CLIP: Final = frozenset({"again", "edit", "extend", "loop", "frame"})
"""Buttons that stand under the clip itself, where there is one to stand under."""


def render(card: JobCard) -> dict[str, Any]:
    """The message that shows a card: payload of a post, an edit or an answer, without pings."""
    locale = card.requester.locale
    texts = [f"**{in_language(card.headline, locale)}**"]
    if card.prompt:
        texts[0] += f"\n> {plain(card.prompt, PROMPT_SHOWN)}"
    if card.progress is not None:
        texts.append(_bar(card.progress))
    small = [f"-# {_line(in_language(line, locale))}" for line in card.lines]
    if card.asked_at is not None and not card.is_final:
        small.append(f"-# {in_language(say('Asked {when}.', when=moment(card.asked_at)), locale)}")
    if small:
        texts.append("\n".join(_fitting(small)))
    parts: list[dict[str, Any]] = [{"type": TEXT, "content": text} for text in texts]
    parts += button_rows(_pressable(card), job_id=card.job_id, locale=locale, extra=_way_to_the_clip(card))
    colour = _COLOURS.get(State(card.state), _AT_WORK)
    return _message([{"type": CONTAINER, "accent_color": colour, "components": parts}])


def button_rows(
    buttons: Sequence[Button], *, job_id: str, locale: str | None, extra: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Rows of at most five, labelled in a language; `extra` are buttons that are components already."""
    drawn = [
        {
            "type": BUTTON,
            "style": _STYLES.get(button.action, SECONDARY),
            "label": in_language(button.label, locale)[:80],
            "custom_id": button_id(button.action, job_id),
        }
        for button in buttons
    ]
    drawn += extra
    return [{"type": ROW, "components": list(group)} for group in _in_groups(drawn)]


def link_button(label: str, url: str) -> dict[str, Any]:
    """A button that opens an address."""
    return {"type": BUTTON, "style": LINK, "label": label[:80], "url": url}


def message_link(requester: Requester, reference: str, *, is_direct: bool = False) -> str | None:
    """Where Discord's clients show a message of a requester's job; `None` for one that only a token names."""
    channel, _, message = reference.partition(":")
    if not channel.isdigit():
        return None
    guild = None if is_direct else anchor_of(requester).guild
    return f"https://discord.com/channels/{guild or '@me'}/{channel}/{message}"


def clip_link(requester: Requester, delivery: Delivery | None) -> str | None:
    """The same for a posted clip; `None` where it has no message of its own."""
    if delivery is None or not delivery.reference:
        return None
    return message_link(requester, delivery.reference, is_direct=delivery.method == "direct_message")


def card_reference(anchor: Anchor, message: str) -> str:
    """How a card's message is remembered: `channel:message`, or `@message` where only the interaction's token edits it."""
    return f"@{message}" if anchor.by_token else f"{anchor.channel}:{message}"


def _pressable(card: JobCard) -> list[Button]:
    posted = card.delivery is not None and card.delivery.method in {"attachment", "transcoded", "direct_message"}
    return [button for button in card.buttons if not (posted and button.action in UNDER_CLIP)]


def _way_to_the_clip(card: JobCard) -> list[dict[str, Any]]:
    delivery, locale = card.delivery, card.requester.locale
    if delivery is not None and delivery.method == "link" and delivery.reference:
        return [link_button(in_language(say("Watch the clip"), locale), delivery.reference)]
    if (link := clip_link(card.requester, delivery)) is None:
        return []
    return [link_button(in_language(say("Go to the clip"), locale), link)]


def _fitting(lines: Sequence[str]) -> Iterator[str]:
    """As many of the lines as there is room for."""
    room = SMALL_SHOWN
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            return
        yield line


def _bar(progress: float) -> str:
    full = round(max(0.0, min(1.0, progress)) * BAR)
    return f"`{'▰' * full}{'▱' * (BAR - full)}` {progress:.0%}"


def _line(text: str) -> str:
    """Our own sentences may hold a provider's or a person's words: their marks stay marks, on one line."""
    return plain(text, LINE_SHOWN)


def _message(components: list[dict[str, Any]]) -> dict[str, Any]:
    return {"flags": COMPONENTS_V2, "components": components, "allowed_mentions": {"parse": []}}


def _in_groups(drawn: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for first in range(0, len(drawn), A_ROW):
        yield drawn[first : first + A_ROW]
