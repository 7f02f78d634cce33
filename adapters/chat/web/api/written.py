"""How things are written in requests, for the API's description. They are read, and refused in a sentence, elsewhere."""

from __future__ import annotations

from typing import Any, Final

from bot.money.scopes import SCOPE
from bot.people import PERSON


def _or_empty(**shape: Any) -> dict[str, Any]:
    """What is left empty is left out: forms send every field they have."""
    return {"anyOf": [{"type": "string", **shape}, {"type": "string", "maxLength": 0}]}


A_DAY: Final = _or_empty(format="date")
AN_AMOUNT: Final = _or_empty(pattern=r"^[0-9]{1,6}(\.[0-9]{1,6})?$")
A_CURSOR: Final = _or_empty(pattern=r"^s[0-9]{1,18}$")
A_PERSON: Final = _or_empty(pattern=f"^({PERSON})$")
SOMEBODY: Final[dict[str, Any]] = {"anyOf": [*A_PERSON["anyOf"], {"type": "null"}]}
A_SCOPE: Final[dict[str, Any]] = {"pattern": f"^({SCOPE})$"}
A_LIMIT: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string", "pattern": r"^(unlimited|[0-9]{1,6}(\.[0-9]{1,6})?)$"}, {"type": "null"}]
}
