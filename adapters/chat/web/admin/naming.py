"""How scopes, workspaces and people are called on the admin pages: by their names where one is known, and by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.chat.web.studio.words import PLATFORMS
from bot.jobs.model import OPERATORS_OWN
from bot.service import Service
from bot.workspaces import PRIVATE

DEFAULTS = {
    "installation": "The whole installation",
    "workspace:default": "Every workspace, each by itself",
    "user:default": "Every person, each by themselves",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A name for people, and the id behind it where that says more."""

    name: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What is known of names, read once for a page."""

    workspaces: Mapping[str, str]
    """Names by `slack:T1`."""
    people: Mapping[str, str]
    """Names by `slack:T1:U2`, of those who signed in."""

    @classmethod
    async def of(cls, service: Service) -> Names:
        """As they are now."""
        workspaces = await service.stores.workspaces.all()
        members = await service.stores.members.all()
        return cls(
            workspaces={f"{each.platform}:{each.workspace}": each.name for each in workspaces if each.name},
            people={each.person: each.name for each in members if each.name},
        )

    def workspace(self, key: str) -> Called:
        """A server or workspace, from `slack:T1`."""
        platform, _, name = key.partition(":")
        if platform in OPERATORS_OWN:
            return Called(name="Command line" if platform == "cli" else "Studio and API")
        if name.startswith(PRIVATE):
            return Called(name=f"A direct message on {PLATFORMS.get(platform, platform)}", id=key)
        known = self.workspaces.get(key)
        return Called(name=known, id=key) if known else Called(name=key)

    def person(self, key: str) -> Called:
        """Somebody, from `slack:T1:U2`."""
        known = self.people.get(key)
        if known:
            return Called(name=known, id=key)
        platform, _, user = key.partition(":")
        if platform == "forgotten":
            return Called(name="Somebody who asked to be forgotten")
        if platform in OPERATORS_OWN:
            return Called(name="Command line" if key == "cli:local" else user, id=key)
        return Called(name=key)

    def channel(self, key: str) -> Called:
        """A channel, from `slack:T1:C3`."""
        home, _, channel = key.rpartition(":")
        return Called(name=f"{channel} in {self.workspace(home).name}", id=key)

    def scope(self, scope: str) -> Called:
        """Where a limit applies."""
        if scope in DEFAULTS:
            return Called(name=DEFAULTS[scope])
        kind, _, rest = scope.partition(":")
        if kind == "workspace":
            return Called(name=self.workspace(rest).name, id=scope)
        if kind == "user":
            return Called(name=self.person(rest).name, id=scope)
        if kind == "channel":
            return Called(name=f"Channel {self.channel(rest).name}", id=scope)
        home, _, role = rest.rpartition(":")
        return Called(name=f"Role {role} in {self.workspace(home).name}", id=scope)
