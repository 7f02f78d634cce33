"""A JobCard as a Slack message: a pure function, so that every process draws the same.

Facts: at most 50 blocks, 25 buttons in a row, ten lines of small print (docs.slack.dev, Block Kit, read 2026-05-26). An
update without blocks takes the buttons away, and one with text alone is marked "(edited)".
"""

from __future__ import annotations

from typing import Any, Final

from adapters.chat.slack.custom_ids import button_id, link_id
from adapters.chat.slack.text import (
    SECTION,
    Block,
    button,
    escaped,
    link,
    marked,
    message,
    moment,
    one_line,
    plain,
    row,
    section,
    small,
)
from bot.chat_values import Button, JobCard
from bot.jobs.states import State
from bot.languages.catalogue import in_language
from bot.languages.said import say

PROMPT_SHOWN: Final = 300
LINE_SHOWN: Final = 600
MOST_LINES: Final = 10
BAR: Final = 12
MARKS: Final = {
    State.QUOTED: "🟡", State.UNCONFIRMED: "🟡", State.DELIVERED: "🟢", State.UNDELIVERED: "🟡", State.FAILED: "🔴",
    State.CANCELLED: "⚪",
}  # fmt: skip
AT_WORK: Final = "🔵"
_STYLES: Final = {"start": "primary", "again": "primary"}


def render(card: JobCard) -> dict[str, Any]:
    """The message that shows a card: text and blocks of a post or an update. Pings nobody."""
    locale = card.requester.locale
    headline = in_language(card.headline, locale)
    mark = MARKS.get(State(card.state), AT_WORK)
    blocks: list[Block] = [section(marked(f"{mark} *{escaped(headline)}*", SECTION))]
    if card.prompt:
        # Plain text: nothing of what a person wrote is read.
        blocks += small([plain(f"“{one_line(card.prompt, PROMPT_SHOWN)}”")])
    if card.progress is not None:
        blocks.append(section(marked(_bar(card.progress))))
    lines = [plain(one_line(in_language(line, locale), LINE_SHOWN)) for line in card.lines[:MOST_LINES]]
    if card.asked_at is not None and not card.is_final:
        asked = in_language(say("Asked {when}.", when=moment(card.asked_at)), locale)
        lines = [*lines[: MOST_LINES - 1], marked(asked)]
    blocks += small(lines)
    blocks += row([*buttons(card.buttons, card.job_id, locale), *_watch(card)])
    said = [headline, *(in_language(line, locale) for line in card.lines)]
    return message(f"{mark} {escaped(' '.join(said))}", blocks)


def buttons(pressable: tuple[Button, ...], job_id: str, locale: str | None) -> list[Block]:
    """What may be pressed, labelled in a language."""
    return [
        button(
            in_language(each.label, locale),
            button_id(each.action),
            job_id,
            style=_STYLES.get(each.action),
            confirm=_sure(locale) if each.action == "delete" else None,
        )
        for each in pressable
    ]


def _sure(locale: str | None) -> Block:
    """Asked by Slack's own clients before a press is sent."""
    text = say("This erases the clip, its picture, its words and what was posted. Only its bookkeeping stays.")
    return {
        "title": plain(in_language(say("Delete for good"), locale), 100),
        "text": plain(in_language(text, locale), 300),
        "confirm": plain(in_language(say("Delete for good"), locale), 30),
        "deny": plain(in_language(say("Keep it"), locale), 30),
        "style": "danger",
    }


def _watch(card: JobCard) -> list[Block]:
    delivery, locale = card.delivery, card.requester.locale
    if delivery is None or delivery.method != "link" or not delivery.reference:
        return []
    return [link(in_language(say("Watch the clip"), locale), delivery.reference, link_id("watch"))]


def _bar(progress: float) -> str:
    full = round(max(0.0, min(1.0, progress)) * BAR)
    return f"`{'▰' * full}{'▱' * (BAR - full)}` {progress:.0%}"
