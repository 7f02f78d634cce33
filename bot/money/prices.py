"""Price rules: what a model asks for a clip, in whole micro-dollars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bot.money.amount import FREE, Money


class PriceRule(Protocol):
    """Names the price of one clip before the work."""

    def price(self, *, duration_s: float, resolution: str) -> Money:
        """The price of a clip of this length and resolution; `KeyError` for a resolution without one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """Costs nothing, whatever is asked."""

    def price(self, *, duration_s: float, resolution: str) -> Money:
        """Nothing."""
        return FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class PerSecond:
    """A rate per second by resolution; seconds are rounded up, with a minimum."""

    rates: Mapping[str, Money] = field(default_factory=dict)
    minimum_s: int = 0

    def price(self, *, duration_s: float, resolution: str) -> Money:
        """`max(minimum_s, ceil(duration_s)) * rate`."""
        return self.rates[resolution] * max(self.minimum_s, math.ceil(duration_s))
