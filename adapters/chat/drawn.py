"""What the cards drawn last look like, so that the same is not sent twice."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

REMEMBERED: Final = 2000


class Drawn:
    """The newest payload of each card, by its reference; of so many cards."""

    def __init__(self) -> None:
        self._digests: OrderedDict[str, str] = OrderedDict()

    def shows(self, reference: str, payload: Mapping[str, Any]) -> bool:
        """Whether this is what was drawn there last."""
        return self._digests.get(reference) == _digest(payload)

    def remember(self, reference: str, payload: Mapping[str, Any]) -> None:
        """It was drawn."""
        self._digests[reference] = _digest(payload)
        self._digests.move_to_end(reference)
        if len(self._digests) > REMEMBERED:
            self._digests.popitem(last=False)


def _digest(payload: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
