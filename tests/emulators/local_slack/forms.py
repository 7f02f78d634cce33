"""What a person does with blocks: which button they press, and how a form is filled. Pure.

local-slack hands on whatever the page sends; the page of real Slack sends these shapes (the recorded payloads of
slackapi/java-slack-sdk, `json-logs`, and Slack's reference of block elements).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CHOICES = {"static_select", "radio_buttons", "external_select"}
MANY = {"checkboxes", "multi_static_select"}
TYPED = {"plain_text_input", "number_input", "email_text_input", "url_text_input"}
PICKED = {
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "users_select": ("selected_user", "initial_user"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}


class Impossible(Exception):
    """No person could do that in a Slack client; the message says why."""


def button(blocks: Sequence[Mapping[str, Any]], wanted: str) -> dict[str, Any]:
    """The element with this action id, or else with this text, as a press of it is sent."""
    elements = list(_elements(blocks))
    for fits in (lambda each: each.get("action_id") == wanted, lambda each: _text(each) == wanted):
        found = [(block, each) for block, each in elements if fits(each)]
        if len(found) > 1:
            raise Impossible(f"there are {len(found)} {wanted!r}; press by action id")
        if found:
            block, each = found[0]
            # Slack gives every block an id where the app gave none.
            return {"block_id": block.get("block_id", "given"), **each}
    raise Impossible(f"there is no {wanted!r}, only {[each.get('action_id') for _, each in elements]}")


def _elements(blocks: Sequence[Mapping[str, Any]]):
    for block in blocks:
        for each in (*block.get("elements", ()), block.get("accessory")):
            if each is not None and "action_id" in each:
                yield block, each


def _text(element: Mapping[str, Any]) -> str | None:
    return element.get("text", {}).get("text")


def filled(view: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The state of a form: answers by action id, and what the form already held where there is none.

    An answer is text, the value of a choice (several in a list), a picked id, or a list of file objects.
    """
    left, state = dict(answers), {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        name = element["action_id"]
        if "block_id" not in block:
            raise Impossible(f"local-slack needs a block_id around {name!r}; real Slack would make one")
        state[block["block_id"]] = {name: _state(element, left.pop(name, None), block)}
    if left:
        raise Impossible(f"the form does not ask for {sorted(left)}")
    return state


def _state(element: Mapping[str, Any], answer: Any, block: Mapping[str, Any]) -> dict[str, Any]:
    kind = element["type"]
    if kind in CHOICES:
        value = element.get("initial_option") if answer is None else _option(element, answer)
        found = {"selected_option": value}
    elif kind in MANY:
        value = element.get("initial_options", []) if answer is None else [_option(element, each) for each in answer]
        found = {"selected_options": value}
    elif kind in TYPED:
        value = element.get("initial_value") if answer is None else str(answer)
        found = {"value": value}
    elif kind == "file_input":
        value = list(answer or ())
        if len(value) > element.get("max_files", 10):
            raise Impossible(f"{element['action_id']!r} takes at most {element['max_files']} files")
        found = {"files": value}
    elif kind in PICKED:
        selected, initial = PICKED[kind]
        value = element.get(initial) if answer is None else answer
        found = {selected: value}
    else:
        raise Impossible(f"nobody here knows how to fill a {kind}")
    if not value and not block.get("optional"):
        raise Impossible(f"{element['action_id']!r} must be filled")
    return {"type": kind, **found}


def _option(element: Mapping[str, Any], value: str) -> Mapping[str, Any]:
    grouped = [option for group in element.get("option_groups", ()) for option in group["options"]]
    for option in (*element.get("options", ()), *grouped):
        if option["value"] == value:
            return option
    raise Impossible(f"{element['action_id']!r} has no choice {value!r}")
