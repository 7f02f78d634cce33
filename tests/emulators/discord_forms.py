"""What a person may do with components and forms: press a button that is there, fill a field as its definition allows."""

from __future__ import annotations

from typing import Any

from tests.emulators.desk import Impossible
from tests.emulators.discord_options import Attach
from tests.emulators.discord_rules import walk
from tests.emulators.discord_state import Attachment

BUTTON, SELECT, TEXT_INPUT, LABEL, FILES, RADIO, CHECKS, CHECK = 2, 3, 4, 18, 19, 21, 22, 23
ENTITY_SELECTS = {5, 6, 7, 8}
ENTITY_OPTIONS = {6, 7, 8, 9}


def component_of(components: list[dict[str, Any]], *, custom_id: str | None, label: str | None) -> dict[str, Any]:
    """The button or select with this custom id, or this label."""
    usable = [one for one in walk(components) if one["type"] in {BUTTON, SELECT, *ENTITY_SELECTS}]
    for one in usable:
        if (custom_id is not None and one.get("custom_id") == custom_id) or (
            custom_id is None and label in {one.get("label"), one.get("placeholder")}
        ):
            if one.get("disabled"):
                raise Impossible(f"{custom_id or label} is disabled")
            if one.get("style") in {5, 6}:
                raise Impossible(f"{custom_id or label} leads elsewhere, and tells the bot nothing")
            return one
    there = [(one.get("label"), one.get("custom_id")) for one in usable]
    raise Impossible(f"the message has no {custom_id or label}; it has {there}")


def chosen(select: dict[str, Any], values: list[str]) -> list[str]:
    """The values, when the select takes them."""
    least, most = select.get("min_values", 1), select.get("max_values", 1)
    if not (least if select.get("required", True) else 0) <= len(values) <= most or len(set(values)) < len(values):
        raise Impossible(f"{len(values)} values; {least} to {most} can be chosen")
    options = [one["value"] for one in select.get("options", [])]
    if select["type"] == SELECT and (unknown := set(values) - set(options)):
        raise Impossible(f"{sorted(unknown)} cannot be chosen; there are {options}")
    return values


def submitted(
    modal: dict[str, Any], given: dict[str, Any], attach: Attach
) -> tuple[list[dict[str, Any]], list[Attachment]]:
    """The components of a form's payload, and the files in it; `given` is by custom id or by label."""
    left, files = dict(given), list[Attachment]()
    shown = []
    for number, component in enumerate(modal["components"], 1):
        place = {"type": component["type"], "id": component.get("id") or number}
        if component["type"] == LABEL:
            field = component["component"]
            names = [field.get("custom_id"), component["label"]]
            shown.append(place | {"component": _field(field, names, left, attach, files)})
        elif component["type"] == 1:
            fields = [
                _field(one, [one.get("custom_id"), one.get("label")], left, attach, files)
                for one in component["components"]
            ]
            shown.append(place | {"components": fields})
        else:
            shown.append(place)
    if left:
        raise Impossible(f"the form has no fields {sorted(left)}")
    return shown, files


def _field(
    field: dict[str, Any], names: list[Any], left: dict[str, Any], attach: Attach, files: list[Attachment]
) -> dict[str, Any]:
    name = next((one for one in names if one in left), None)
    # What nobody touched keeps what it showed.
    value = left.pop(name) if name is not None else _shown_at_first(field)
    filled: dict[str, Any] = {"type": field["type"], "id": field.get("id") or 100, "custom_id": field["custom_id"]}
    required = field.get("required", field["type"] != CHECK)
    label = names[1] or names[0]
    if field["type"] == TEXT_INPUT:
        text = value or ""
        least = field.get("min_length", 0) if text or required else 0
        if (required and not text) or not least <= len(text) <= field.get("max_length", 4000):
            raise Impossible(f"{label}: {len(text)} characters are not allowed")
        return filled | {"value": text}
    if field["type"] == CHECK:
        return filled | {"value": bool(value)}
    if field["type"] == RADIO:
        if value is None and not required:
            return filled | {"value": None}
        if value not in [one["value"] for one in field["options"]]:
            raise Impossible(f"{label}: {value!r} cannot be chosen")
        return filled | {"value": value}
    values = list(value or [])
    default_least, default_most = (0, len(field["options"])) if field["type"] == CHECKS else (1, 1)
    least, most = field.get("min_values", default_least), field.get("max_values", default_most)
    least = max(least, 1) if required else (least if values else 0)
    if not least <= len(values) <= most:
        raise Impossible(f"{label}: {len(values)} values; {least} to {most} are allowed")
    if field["type"] in {SELECT, CHECKS} and set(values) - {one["value"] for one in field["options"]}:
        raise Impossible(f"{label}: {values} cannot all be chosen")
    if field["type"] == FILES:
        made = [attach(one) for one in values]
        files.extend(made)
        values = [one.id for one in made]
    return filled | {"values": values}


def entities(given: list[dict[str, Any]]) -> set[str]:
    """The ids of people, roles and channels among options and fields."""
    found: set[str] = set()
    for one in given:
        if one["type"] in ENTITY_OPTIONS and "value" in one:
            found.add(one["value"])
        if one["type"] in ENTITY_SELECTS and "values" in one:
            found.update(one["values"])
        inner = [*one.get("options", []), *one.get("components", [])]
        found |= entities(inner + ([one["component"]] if "component" in one else []))
    return found


def _shown_at_first(field: dict[str, Any]) -> Any:
    match field["type"]:
        case 4:
            return field.get("value")
        case 23:
            return field.get("default", False)
        case 21:
            return next((one["value"] for one in field["options"] if one.get("default")), None)
        case 3 | 22:
            return [one["value"] for one in field["options"] if one.get("default")]
    return None
