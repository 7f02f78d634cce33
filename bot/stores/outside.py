"""What is remembered of providers and of the places people ask from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from bot.jobs.model import Requester
from bot.tracker.breaker import Health
from bot.tracker.render_times import Measured, RenderKey
from bot.workspaces import Installation, Permission, Workspace


class HealthStore(Protocol):
    """Pause and breaker. See `storage.provider_health.ProviderHealth`."""

    async def load(self, provider: str) -> Health:
        """How a provider fares."""
        ...

    async def change(self, provider: str, change: Callable[[Health], Health]) -> None:
        """Apply a pure change."""
        ...

    async def pause(self, provider: str, by: str) -> None:
        """No new creates."""
        ...

    async def resume(self, provider: str) -> None:
        """Creates again."""
        ...

    async def paused(self) -> list[str]:
        """Paused providers."""
        ...


class RenderTimeStore(Protocol):
    """How long renders took. See `storage.render_times.RenderTimes`."""

    async def add(self, provider: str, model: str, duration_s: int, resolution: str, seconds: float) -> None:
        """Remember one."""
        ...

    async def of(self, provider: str, model: str, duration_s: int, resolution: str) -> Measured:
        """What was measured; costs no question to the database in most cases."""
        ...

    async def all(self) -> Mapping[RenderKey, Measured]:
        """Everything measured."""
        ...


class NoteStore(Protocol):
    """Small things to remember. See `storage.notes.Notes`."""

    async def get(self, name: str) -> str | None:
        """What was written down."""
        ...

    async def put(self, name: str, value: str) -> None:
        """Write it down."""
        ...

    async def is_first_today(self, cause: str) -> bool:
        """Whether nobody was told of this today."""
        ...


class WorkspaceStore(Protocol):
    """Where money may be spent. See `storage.workspaces.Workspaces`."""

    async def see(self, requester: Requester, name: str | None = None) -> Permission:
        """Whether money may be spent here."""
        ...

    async def settings(self, platform: str, workspace: str, channel: str | None = None) -> dict[str, Any]:
        """What its team lead chose."""
        ...

    async def choose(self, platform: str, workspace: str, key: str, value: Any, *, channel: str | None = None) -> None:
        """Remember a choice."""
        ...

    async def put(self, platform: str, workspace: str, permission: Permission) -> None:
        """Allow or block."""
        ...

    async def all(self) -> list[Workspace]:
        """Every workspace."""
        ...

    async def block(self, person: str) -> None:
        """Refuse a person."""
        ...

    async def unblock(self, person: str) -> None:
        """Lift it."""
        ...

    async def is_blocked(self, person: str) -> bool:
        """Whether refused."""
        ...


class InstallationStore(Protocol):
    """Where the bot was added, and by which token. See `storage.installations.Installations`."""

    async def save(self, installation: Installation) -> None:
        """Remember it in the place of an earlier one."""
        ...

    async def find(self, platform: str, workspace: str | None, enterprise: str | None) -> Installation | None:
        """The workspace's own, else its organisation's."""
        ...

    async def all(self, platform: str) -> list[Installation]:
        """Every one whose token can be opened."""
        ...

    async def unopenable(self, platform: str) -> list[str]:
        """Those whose token cannot be opened."""
        ...

    async def forget(
        self, platform: str, workspace: str | None, enterprise: str | None, *, org_wide: bool = False
    ) -> bool:
        """Erase it with its token."""
        ...

    async def issue_state(self, state: str, expires_at: datetime) -> None:
        """Expect somebody to come back with this."""
        ...

    async def consume_state(self, state: str, now: datetime) -> bool:
        """Whether somebody was expected with this; once."""
        ...

    async def reseal(self) -> int:
        """Seal with the first key what an older one sealed."""
        ...
