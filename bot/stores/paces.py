"""What processes agree on in passing: how fast they talk to a chat together, and which of them does what only one may do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class PaceStore(Protocol):
    """Rates that all processes keep together. See `storage.paces.Paces`.

    Nothing here is worth keeping: whoever cannot ask goes at a pace of their own.
    """

    async def reserve(
        self,
        name: str,
        *,
        every_s: float,
        burst: int = 1,
        leaving: int = 0,
        within_s: float = 0.0,
        besides: Sequence[str] = (),
    ) -> float:
        """Seconds to wait before one request goes out. Longer than `within_s`: nothing was reserved, ask again then.

        One request in `every_s`, and `burst` of them at once after a rest; `leaving` of those stay for others. While one
        of the names in `besides` is held for longer than `within_s`, nothing is reserved either.
        """
        ...

    async def hold(self, names: Sequence[str], seconds: float) -> None:
        """Nobody sends under these names for so long, an hour at most; a longer hold stays."""
        ...


class LeaseStore(Protocol):
    """Who of several does what only one may do. See `storage.leases.Leases`."""

    async def take(
        self, group: str, extent: str, owner: str, *, for_s: float, clashes: Callable[[str, str], bool]
    ) -> str | None:
        """Take it or keep it for so long; the extent of another owner that it clashes with, and then nothing was taken.

        Every owner of a group takes it for the same time.

        `clashes(extent, another)`: whether two of them may not be held at once, within this group.
        """
        ...

    async def give_back(self, group: str, extent: str, owner: str) -> None:
        """Another may have it at once."""
        ...
