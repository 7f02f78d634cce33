"""What came back: a complete answer, or the reason why there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class NoAnswer(Exception):
    """There is no complete answer; `str()` is one short reason without addresses, keys or bodies.

    Says nothing about whether the request arrived: whoever needs to know uses `adapters.http.fresh`.
    """


class NotConnected(NoAnswer):
    """No connection could be opened, so that not a byte of the request left."""


class TooLarge(NoAnswer):
    """The other side sends more than we take."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes

    def json(self) -> Any:
        """The body as JSON; `None` when it is none, whatever its content type says (a portal's page, half a body)."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def object(self) -> dict[str, Any] | None:
        """The body as a JSON object; `None` when it is anything else."""
        found = self.json()
        return found if isinstance(found, dict) else None
