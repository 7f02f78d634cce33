"""Block Kit as Slack takes it: every block and element a bot may send, with its limits (platforms fact sheet 2.7).

Sources: docs.slack.dev/reference/block-kit, slack_sdk 3.47 `models/blocks`. An unknown field is an error, as there.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.emulators.slack_schema import (
    Check,
    Errors,
    anything,
    boolean,
    by_type,
    choice,
    complain,
    integer,
    listing,
    record,
    string,
    typed,
)

ID = string(255)
URL = string(3000, pattern=r"https?://\S+")


def plain(most: int) -> Check:
    return by_type({"plain_text": typed({"text": string(most)}, {"emoji": boolean})}, "plain_text")


def text(most: int) -> Check:
    shapes = {
        "plain_text": typed({"text": string(most)}, {"emoji": boolean}),
        "mrkdwn": typed({"text": string(most)}, {"verbatim": boolean}),
    }
    return by_type(shapes, "text")


CONFIRM = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": choice("primary", "danger")},
)
OPTION = record({"text": plain(75), "value": string(150)}, {"description": plain(75), "url": URL})
RICH_OPTION = record({"text": text(75), "value": string(150)}, {"description": text(75)})
OPTIONS = listing(OPTION, most=100)
GROUPS = listing(record({"label": plain(75), "options": OPTIONS}), most=100)
SLACK_FILE = record({}, {"id": string(), "url": URL})

_MENU = {"placeholder": plain(150), "action_id": ID, "confirm": CONFIRM, "focus_on_load": boolean}
_FIELD = {"placeholder": plain(150), "action_id": ID, "focus_on_load": boolean}
_MANY = {"max_selected_items": integer(1)}
_TYPING = record({"trigger_actions_on": listing(choice("on_enter_pressed", "on_character_entered"))})
_FILTER = record(
    {},
    {
        "include": listing(choice("im", "mpim", "private", "public")),
        "exclude_external_shared_channels": boolean,
        "exclude_bot_users": boolean,
    },
)
_LINED = {"multiline": boolean, "initial_value": string(3000, least=0), "dispatch_action_config": _TYPING}
_LENGTHS = {"min_length": integer(0, 3000), "max_length": integer(1, 3000)}

BUTTON = typed(
    {"text": plain(75)},
    {
        "action_id": ID,
        "url": URL,
        "value": string(2000),
        "style": choice("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
)
IMAGE_ELEMENT = typed({"alt_text": string(2000)}, {"image_url": URL, "slack_file": SLACK_FILE})
SELECTS: dict[str, Check] = {
    "static_select": typed({}, {**_MENU, "options": OPTIONS, "option_groups": GROUPS, "initial_option": OPTION}),
    "multi_static_select": typed(
        {}, {**_MENU, **_MANY, "options": OPTIONS, "option_groups": GROUPS, "initial_options": OPTIONS}
    ),
    "external_select": typed({}, {**_MENU, "initial_option": OPTION, "min_query_length": integer(0)}),
    "multi_external_select": typed({}, {**_MENU, **_MANY, "initial_options": OPTIONS, "min_query_length": integer(0)}),
    "users_select": typed({}, {**_MENU, "initial_user": string()}),
    "multi_users_select": typed({}, {**_MENU, **_MANY, "initial_users": listing(string())}),
    "conversations_select": typed(
        {},
        {
            **_MENU,
            "initial_conversation": string(),
            "default_to_current_conversation": boolean,
            "response_url_enabled": boolean,
            "filter": _FILTER,
        },
    ),
    "multi_conversations_select": typed(
        {},
        {
            **_MENU,
            **_MANY,
            "initial_conversations": listing(string()),
            "default_to_current_conversation": boolean,
            "filter": _FILTER,
        },
    ),
    "channels_select": typed({}, {**_MENU, "initial_channel": string(), "response_url_enabled": boolean}),
    "multi_channels_select": typed({}, {**_MENU, **_MANY, "initial_channels": listing(string())}),
}
CHOOSERS: dict[str, Check] = {
    **SELECTS,
    "checkboxes": typed(
        {"options": listing(RICH_OPTION, most=10)},
        {"action_id": ID, "initial_options": listing(RICH_OPTION), "confirm": CONFIRM, "focus_on_load": boolean},
    ),
    "radio_buttons": typed(
        {"options": listing(RICH_OPTION, most=10)},
        {"action_id": ID, "initial_option": RICH_OPTION, "confirm": CONFIRM, "focus_on_load": boolean},
    ),
    "datepicker": typed({}, {**_MENU, "initial_date": string(pattern=r"\d{4}-\d\d-\d\d")}),
    "timepicker": typed({}, {**_MENU, "initial_time": string(pattern=r"\d\d:\d\d"), "timezone": string()}),
    "datetimepicker": typed(
        {}, {"action_id": ID, "initial_date_time": integer(), "confirm": CONFIRM, "focus_on_load": boolean}
    ),
}
INTERACTIVE: dict[str, Check] = {
    **CHOOSERS,
    "button": BUTTON,
    "overflow": typed({"options": listing(OPTION, most=5)}, {"action_id": ID, "confirm": CONFIRM}),
}
INPUTS: dict[str, Check] = {
    **CHOOSERS,
    "plain_text_input": typed({}, {**_FIELD, **_LINED, **_LENGTHS}),
    "email_text_input": typed({}, {**_FIELD, "initial_value": string(), "dispatch_action_config": _TYPING}),
    "url_text_input": typed({}, {**_FIELD, "initial_value": string(), "dispatch_action_config": _TYPING}),
    "number_input": typed(
        {"is_decimal_allowed": boolean},
        {
            **_FIELD,
            "initial_value": string(),
            "min_value": string(),
            "max_value": string(),
            "dispatch_action_config": _TYPING,
        },
    ),
    "rich_text_input": typed({}, {**_FIELD, "initial_value": anything, "dispatch_action_config": _TYPING}),
    "file_input": typed({}, {"action_id": ID, "filetypes": listing(string()), "max_files": integer(1, 10)}),
}
_BLOCK = {"block_id": ID}
BLOCKS: dict[str, Check] = {
    "section": typed(
        {},
        {
            **_BLOCK,
            "text": text(3000),
            "fields": listing(text(2000), most=10),
            "accessory": by_type({**INTERACTIVE, "image": IMAGE_ELEMENT}, "accessory"),
            "expand": boolean,
        },
    ),
    "divider": typed({}, _BLOCK),
    "header": typed({"text": plain(150)}, _BLOCK),
    "context": typed(
        {
            "elements": listing(
                by_type(
                    {
                        "image": IMAGE_ELEMENT,
                        "plain_text": typed({"text": string(3000)}, {"emoji": boolean}),
                        "mrkdwn": typed({"text": string(3000)}, {"verbatim": boolean}),
                    },
                    "context element",
                ),
                most=10,
            )
        },
        _BLOCK,
    ),
    "actions": typed({"elements": listing(by_type(INTERACTIVE, "actions element"), most=25)}, _BLOCK),
    "image": typed(
        {"alt_text": string(2000)}, {**_BLOCK, "image_url": URL, "slack_file": SLACK_FILE, "title": plain(2000)}
    ),
    "input": typed(
        {"label": plain(2000), "element": by_type(INPUTS, "input element")},
        {**_BLOCK, "hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "rich_text": typed({"elements": listing(anything)}, _BLOCK),
    "markdown": typed({"text": string(12_000)}, _BLOCK),
    "table": typed({"rows": listing(listing(anything, most=20), most=100)}, {**_BLOCK, "column_settings": anything}),
    "task_card": typed(
        {"task_id": string(), "title": string()},
        {**_BLOCK, **dict.fromkeys(["details", "output", "sources", "status"], anything)},
    ),
    "plan": typed({"title": string()}, {**_BLOCK, "tasks": listing(anything)}),
}
IN_VIEWS = {name: check for name, check in BLOCKS.items() if name not in {"markdown", "table", "task_card", "plan"}}


def elements_of(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The interactive elements of a block."""
    candidates = [*block.get("elements", [])] if block.get("type") == "actions" else []
    candidates += [block[name] for name in ("accessory", "element") if isinstance(block.get(name), dict)]
    return (one for one in candidates if isinstance(one, dict) and one.get("type") in INTERACTIVE | INPUTS)


def errors_in(blocks: list[Any], *, where: str, most: int = 50) -> Errors:
    """What Slack would say to these blocks; `where` is message, modal or home."""
    errors: Errors = []
    if len(blocks) > most:
        complain(errors, "/blocks", f"no more than {most} items allowed [have {len(blocks)}]")
    shape = by_type(BLOCKS if where == "message" else IN_VIEWS, "block")
    block_ids: Counter[str] = Counter()
    for number, block in enumerate(blocks):
        path = f"/blocks/{number}"
        before = len(errors)
        shape(block, path, errors)
        if len(errors) > before:
            continue
        block_ids[block.get("block_id", f"#{number}")] += 1
        _rules(block, path, errors, where)
    for block_id, count in block_ids.items():
        if count > 1:
            complain(errors, "/blocks", f"`block_id` {block_id} already exists; it must be unique")
    if sum(isinstance(one, dict) and one.get("type") == "table" for one in blocks) > 1:
        complain(errors, "/blocks", "only one table is allowed")
    return errors


def _rules(block: dict[str, Any], path: str, errors: Errors, where: str) -> None:
    """What a shape cannot say."""
    if block["type"] == "section" and not ("text" in block or "fields" in block):
        complain(errors, path, "a section needs text or fields")
    if block["type"] == "image" and ("image_url" in block) == ("slack_file" in block):
        complain(errors, path, "exactly one of image_url and slack_file")
    if block["type"] == "input" and block["element"]["type"] == "file_input" and where != "modal":
        complain(errors, f"{path}/element", "file_input is only for modals")
    action_ids = Counter(one["action_id"] for one in elements_of(block) if "action_id" in one)
    for action_id, count in action_ids.items():
        if count > 1:
            complain(errors, path, f"`action_id` {action_id} already exists in this block")
    for element in elements_of(block):
        _element_rules(element, path, errors)


def _element_rules(element: dict[str, Any], path: str, errors: Errors) -> None:
    kind = element["type"]
    if kind in {"static_select", "multi_static_select"} and ("options" in element) == ("option_groups" in element):
        complain(errors, path, "exactly one of options and option_groups")
        return
    offered = options_of(element)
    initial = [
        *element.get("initial_options", []),
        *([element["initial_option"]] if "initial_option" in element else []),
    ]
    if kind not in {"external_select", "multi_external_select"} and any(one not in offered for one in initial):
        complain(errors, path, "initial_option must be one of the options, exactly")
    if len({one["value"] for one in offered}) < len(offered):
        complain(errors, path, "two options have the same value")


def options_of(element: dict[str, Any]) -> list[dict[str, Any]]:
    """What may be chosen there."""
    found: list[dict[str, Any]] = [*element.get("options", [])]
    for group in element.get("option_groups", []):
        found += group["options"]
    return found


def completed(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks as Slack keeps and shows them: with the ids it makes up."""
    kept: list[dict[str, Any]] = json.loads(json.dumps(blocks))
    for block in kept:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        for element in elements_of(block):
            element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
        for found in _texts(block):
            if found["type"] == "plain_text":
                found.setdefault("emoji", True)
            else:
                found.setdefault("verbatim", False)
    return kept


def _texts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") in {"plain_text", "mrkdwn"} and isinstance(value.get("text"), str):
            yield value
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def mrkdwn_in(blocks: Any) -> Iterator[str]:
    """Every text in which Slack would look for mentions."""
    yield from (one["text"] for one in _texts(blocks) if one["type"] == "mrkdwn")
    yield from (one["text"] for one in blocks if one.get("type") == "markdown")
