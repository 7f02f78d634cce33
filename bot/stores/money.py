"""The ledger and the limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.jobs.model import Requester
from bot.money.amount import Money
from bot.money.limits import Limit, Standing
from bot.workspaces import Permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What stands between a person and a new job."""

    is_blocked: bool
    permission: Permission | None
    """Of the workspace; `None` where nobody asked yet."""
    standings: tuple[Standing, ...]
    """How every scope stands that their next job would count in."""


class EntranceStore(Protocol):
    """What is asked before every job. See `storage.entrances.Entrances`."""

    async def look(self, requester: Requester) -> Entrance:
        """All of it, as it stands now."""
        ...


class LedgerStore(Protocol):
    """Money. See `storage.ledger.Ledger`."""

    async def standings(self, requester: Requester) -> list[Standing]:
        """How every scope of this person stands."""
        ...

    async def entries(self, job_id: str) -> list[Mapping[str, Any]]:
        """Every entry of a job."""
        ...

    async def open_holds(self, job_id: str) -> Money:
        """What is reserved for a job."""
        ...

    async def correct(self, job_id: str, amount: Money, *, by: str, reason: str) -> bool:
        """An operator's later entry."""
        ...


class LimitStore(Protocol):
    """Stored limits. See `storage.limits.Limits`."""

    async def put(self, limit: Limit) -> None:
        """Set a rule."""
        ...

    async def remove(self, scope: str) -> int:
        """Remove a scope's rules."""
        ...

    async def stored(self) -> list[Limit]:
        """Every stored rule."""
        ...

    def defaults(self) -> list[Limit]:
        """The settings' figures."""
        ...
