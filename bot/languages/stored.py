"""How a sentence lies in a column: the English first, for whoever reads it there, then what it was made of.

    It costs $0.34.␞{"msgid": "It costs {price}.", "values": {"price": "$0.34"}}

`␞` is the record separator (U+001E); a text of ours never holds another. A plain text lies there as itself, and a tail
that is damaged leaves the English.
"""

from __future__ import annotations

import json
from typing import Any

from bot.languages.said import Joined, Said, Value

MARK = "\x1e"


def pack(text: str) -> str:
    """The text for a column, or for a line between two processes."""
    english = str.__str__(text).replace(MARK, " ")
    if not isinstance(text, Said):
        return english
    return english + MARK + json.dumps(_as_json(text), ensure_ascii=False, separators=(",", ":"))


def unpack(text: str) -> str:
    """What was packed: a `Said` again where it was one, and in any case the same English."""
    english, mark, tail = text.partition(MARK)
    if not mark:
        return text
    try:
        said = _from_json(json.loads(tail))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return english
    if isinstance(said, Joined):
        return said if said == english else english
    return Said(english, said.msgid, said.values, said.plural, said.number)


def _as_json(said: Said) -> dict[str, Any]:
    if isinstance(said, Joined):
        return {"between": said.between, "parts": [_kept(part) for part in said.parts]}
    found: dict[str, Any] = {"msgid": said.msgid}
    if said.plural is not None:
        found |= {"plural": said.plural, "number": said.number}
    if said.values:
        found["values"] = {name: _kept(value) for name, value in said.values.items()}
    return found


def _kept(value: Value) -> Any:
    if isinstance(value, Said):
        return _as_json(value)
    return value.replace(MARK, " ") if isinstance(value, str) else value


def _from_json(found: Any) -> Said:
    if "parts" in found:
        return Joined([str(_value(part)) for part in found["parts"]], found["between"])
    values = {name: _value(value) for name, value in found.get("values", {}).items()}
    plural, number = found.get("plural"), found.get("number")
    template = found["msgid"] if plural is None or number == 1 else plural
    return Said(template.format_map(values), found["msgid"], values, plural, number)


def _value(value: Any) -> Value:
    if isinstance(value, dict):
        return _from_json(value)
    if isinstance(value, str | int | float):
        return value
    raise TypeError(type(value).__name__)
