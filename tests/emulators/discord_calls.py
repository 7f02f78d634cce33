"""One request to the API, as the routes see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.emulators.discord_bodies import Body

Reply = tuple[int, Any]
"""Status and JSON; `None` for no body."""


@dataclass(slots=True, kw_only=True)
class Call:
    """What a route is given: parts of the path, the query, and a body that the schema has passed."""

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Body = field(default_factory=Body)

    def flag(self, name: str) -> bool:
        """A boolean of the query."""
        return self.query.get(name, "").lower() in {"true", "1"}
