"""What real Slack answers and events look like, by field and type: the judge of what the emulator itself says.

`data/slack-shapes.json` is derived from the recorded payloads of slackapi/java-slack-sdk (see the README beside it). A field
that the recordings do not have, or of another type, is an `emulator-fault` in the journal.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.emulators.slack_server import Slack

FILE = Path(__file__).with_name("data") / "slack-shapes.json"
TYPES: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "int": int,
    "number": (int, float),
    "bool": bool,
    "list": list,
    "object": dict,
    "any": object,
}


@cache
def shapes() -> dict[str, Any]:
    """Name to shape: a type, `@name`, `[shape]`, `{"*": shape}` for any key, or fields."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def errors_in(shape: Any, value: Any, path: str = "") -> list[str]:
    """Where a value is not of its shape; null is good anywhere."""
    if value is None or shape == "any":
        return []
    if isinstance(shape, str):
        if shape.startswith("@"):
            return errors_in(shapes()[shape[1:]], value, path)
        wrong = not isinstance(value, TYPES[shape]) or (shape in {"int", "number"} and isinstance(value, bool))
        return [f"{path}: {value!r} is no {shape}"] if wrong else []
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{path}: no list"]
        return [error for number, one in enumerate(value) for error in errors_in(shape[0], one, f"{path}/{number}")]
    if not isinstance(value, dict):
        return [f"{path}: no object"]
    errors: list[str] = []
    for name, one in value.items():
        if name not in shape and "*" not in shape:
            errors.append(f"{path}/{name}: never recorded")
        else:
            errors += errors_in(shape.get(name, shape.get("*")), one, f"{path}/{name}")
    return errors


class Recorded:
    """Holds what we say against the recordings."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack

    def check_answer(self, method: str, answer: dict[str, Any]) -> None:
        self._check(f"api {method}", answer)

    def check_event(self, envelope: dict[str, Any]) -> None:
        self._check("envelope", {**envelope, "event": None})
        event = envelope["event"]
        name = event["type"]
        if name == "message" and event.get("subtype") in {"message_changed", "message_deleted"}:
            name = "message_changed"
        self._check(f"event {name}", event)

    def check_payload(self, payload: dict[str, Any]) -> None:
        self._check(f"payload {payload.get('type', 'command')}", payload)

    def _check(self, name: str, value: dict[str, Any]) -> None:
        shape = shapes().get(name)
        errors = ["nothing was recorded"] if shape is None else errors_in(shape, value)
        if errors:
            self._slack.journal.write("emulator-fault", what=name, why=f"{name}: {'; '.join(errors[:5])}", value=value)
