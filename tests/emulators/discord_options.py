"""What a person may type into a slash command: only what its definition offers, as Discord's own client allows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulators.desk import Impossible
from tests.emulators.discord_commands import ATTACHMENT, BOOLEAN, GROUP, INTEGER, NUMBER, STRING, SUBCOMMAND
from tests.emulators.discord_state import Attachment

Attach = Callable[[Any], Attachment]
PEOPLE, CHANNEL, ROLE, MENTIONABLE = 6, 7, 8, 9


def fill(
    command: dict[str, Any], path: list[str], given: dict[str, Any], attach: Attach, *, focused: str | None = None
) -> tuple[list[dict[str, Any]], list[Attachment]]:
    """The options of the payload, and the files among them; `path` names the subcommands. `focused` is being typed."""
    level, wrap = command.get("options", []), []
    for name in path:
        found = next((one for one in level if one["name"] == name and one["type"] in {SUBCOMMAND, GROUP}), None)
        if found is None:
            raise Impossible(f"the command has no subcommand {name}")
        wrap.append(found)
        level = found.get("options", [])
    if any(one["type"] in {SUBCOMMAND, GROUP} for one in level):
        raise Impossible("a subcommand has to be chosen")
    known = {one["name"]: one for one in level}
    if unknown := set(given) - set(known):
        raise Impossible(f"the command has no options {sorted(unknown)}; it has {sorted(known)}")
    missing = [name for name, one in known.items() if one.get("required") and name not in given]
    if missing and focused is None:
        raise Impossible(f"required options are missing: {missing}")
    if focused is not None and not known.get(focused, {}).get("autocomplete"):
        raise Impossible(f"the option {focused} has no autocomplete")
    files: list[Attachment] = []
    options = []
    for name, value in given.items():
        option = known[name]
        if option["type"] == ATTACHMENT:
            files.append(attach(value))
            options.append({"name": name, "type": ATTACHMENT, "value": files[-1].id})
        elif name == focused:
            # What is being typed is sent as it is, as a text.
            options.append({"name": name, "type": option["type"], "value": value, "focused": True})
        else:
            _check(option, value)
            options.append({"name": name, "type": option["type"], "value": value})
    for found in reversed(wrap):
        options = [{"name": found["name"], "type": found["type"], "options": options}]
    return options, files


def _check(option: dict[str, Any], value: Any) -> None:
    name, kind = option["name"], option["type"]
    fits = {
        STRING: isinstance(value, str),
        INTEGER: isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53,
        NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
        BOOLEAN: isinstance(value, bool),
    }.get(kind, isinstance(value, str) and value.isdigit())
    if not fits:
        raise Impossible(f"{name}: {value!r} is not of the option's type {kind}")
    if option.get("choices") and value not in [choice["value"] for choice in option["choices"]]:
        raise Impossible(f"{name}: {value!r} is none of the choices")
    if kind == STRING and not option.get("min_length", 0) <= len(value) <= option.get("max_length", 6000):
        raise Impossible(f"{name}: {len(value)} characters are not allowed")
    if kind == STRING and not value:
        raise Impossible(f"{name}: an option that was begun has to hold something")
    if kind in {INTEGER, NUMBER} and not option.get("min_value", value) <= value <= option.get("max_value", value):
        raise Impossible(f"{name}: {value!r} is out of range")
