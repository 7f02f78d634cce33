"""What every form is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.chat.slack.custom_ids import input_id
from adapters.chat.slack.text import Block, plain
from bot.languages.catalogue import in_language
from bot.languages.said import say

TITLE: Final = 24
"""Characters of a title, and of what sends or closes a form."""


def modal(callback: str, title: str, blocks: Sequence[Block], locale: str, *, submit: str, carries: str = "") -> Block:
    """A form that can be sent; it carries a text unseen, and comes back with it."""
    return {
        "type": "modal",
        "callback_id": callback,
        "title": plain(in_language(title, locale), TITLE),
        "submit": plain(in_language(submit, locale), TITLE),
        "close": plain(in_language(say("Cancel"), locale), TITLE),
        "private_metadata": carries,
        "blocks": list(blocks),
    }


def states(view: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What each field of a form that came back holds, by its name."""
    values = (view.get("state") or {}).get("values") or {}
    return {block: next(iter(fields.values()), {}) for block, fields in values.items()}


def input_field(name: str, label: str, element: Block, locale: str, *, optional: bool = True) -> Block:
    """Something to fill in; its name is that of its block, and by it a fault is shown below it."""
    return {
        "type": "input",
        "block_id": name,
        "label": plain(in_language(label, locale)),
        "element": element | {"action_id": input_id(name)},
        "optional": optional,
    }
