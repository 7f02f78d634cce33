"""Guessing is slowed down: an address that is wrong too often must wait. Kept by each process for itself."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque
from typing import Final

from bot.ports import Clock

WITHIN_S: Final = 300.0
MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered; the longest untouched are let go first."""


class Attempts:
    """At most so many wrong attempts of one address in five minutes."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Seconds until this address may try again; 0 when it may now."""
        times = self._recent(_network(address))
        if len(times) < self._most:
            return 0
        return max(1, math.ceil(times[0] + WITHIN_S - self._clock.monotonic()))

    def was_wrong(self, address: str) -> None:
        """It tried, and was wrong."""
        network = _network(address)
        times = self._recent(network)
        times.append(self._clock.monotonic())
        self._wrong[network] = times
        self._wrong.move_to_end(network)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def was_right(self, address: str) -> None:
        """It tried, and knew it."""
        self._wrong.pop(_network(address), None)

    def _recent(self, network: str) -> deque[float]:
        times = self._wrong.get(network, deque(maxlen=self._most))
        while times and self._clock.monotonic() - times[0] >= WITHIN_S:
            times.popleft()
        return times


def _network(address: str) -> str:
    """Whoever has one IPv6 address has the 2^64 beside it, too."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
