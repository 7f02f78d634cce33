"""What people fill in: the values of the elements of a form, as Slack hands them to the app, and what its client refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.emulators.desk import Impossible
from tests.emulators.slack_blocks import options_of

TEXTS = {"plain_text_input", "email_text_input", "url_text_input", "number_input"}
CHOSEN = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
}
INITIAL = {name: value.replace("selected_", "initial_") for name, value in CHOSEN.items()}
ONE_OPTION = {"static_select", "external_select", "radio_buttons"}
MANY_OPTIONS = {"multi_static_select", "multi_external_select", "checkboxes"}
Attach = Callable[[Any], dict[str, Any]]


def first_values(element: dict[str, Any]) -> dict[str, Any]:
    """The state of an element nobody has touched."""
    kind = element["type"]
    if kind in TEXTS:
        return {"type": kind, "value": element.get("initial_value")}
    if kind == "rich_text_input":
        return {"type": kind, "rich_text_value": element.get("initial_value")}
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in MANY_OPTIONS:
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    if kind == "file_input":
        return {"type": kind, "files": []}
    empty: Any = [] if kind.startswith("multi_") else None
    return {"type": kind, CHOSEN[kind]: element.get(INITIAL[kind], empty)}


def filled(element: dict[str, Any], value: Any, attach: Attach) -> dict[str, Any]:
    """The state of an element with a person's value; raises `Impossible` for what its client would not take."""
    kind = element["type"]
    if kind in TEXTS:
        return {"type": kind, "value": _text(element, value)}
    if kind in ONE_OPTION:
        return {"type": kind, "selected_option": _option(element, value)}
    if kind in MANY_OPTIONS:
        chosen = [_option(element, one) for one in _several(element, value)]
        return {"type": kind, "selected_options": chosen}
    if kind == "file_input":
        return {"type": kind, "files": _files(element, value, attach)}
    if kind in CHOSEN:
        return {"type": kind, CHOSEN[kind]: _several(element, value) if kind.startswith("multi_") else value}
    raise Impossible(f"the emulator cannot fill in a {kind}")


def _text(element: dict[str, Any], value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Impossible(f"{value!r} is no text")
    if not element.get("min_length", 0) <= len(value) <= element.get("max_length", 3000):
        raise Impossible(f"{len(value)} characters are too few or too many")
    if "\n" in value and not element.get("multiline"):
        raise Impossible("there is one line only")
    if element["type"] == "number_input":
        if not re.fullmatch(r"-?\d+(\.\d+)?" if element["is_decimal_allowed"] else r"-?\d+", value):
            raise Impossible(f"{value!r} is no number")
        least, most = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
        if not least <= float(value) <= most:
            raise Impossible(f"{value} is out of range")
    return value


def _option(element: dict[str, Any], value: Any) -> dict[str, Any] | None:
    """An option by its value or by the text it shows."""
    if value is None:
        return None
    for option in options_of(element):
        if value in {option["value"], option["text"]["text"]}:
            return option
    raise Impossible(f"{value!r} is not offered; there are {[one['value'] for one in options_of(element)]}")


def _several(element: dict[str, Any], value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if len(values) > element.get("max_selected_items", len(values)):
        raise Impossible("too many are chosen")
    return values


def _files(element: dict[str, Any], value: Any, attach: Attach) -> list[dict[str, Any]]:
    files = value if isinstance(value, list) else [value]
    if len(files) > element.get("max_files", 10):
        raise Impossible("too many files")
    types = [one.lower() for one in element.get("filetypes", [])]
    for file in files:
        ending = file["name"].rpartition(".")[2].lower()
        if types and ending not in types and not (ending == "jpeg" and "jpg" in types):
            raise Impossible(f"{file['name']}: only {types} are taken")
    return [attach(one) for one in files]


def is_empty(state: dict[str, Any]) -> bool:
    """Whether a required field would be asked for again."""
    return not any(value for name, value in state.items() if name != "type")
