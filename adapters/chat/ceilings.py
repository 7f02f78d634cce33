"""Limits that a team lead sets from a chat: within a server's budget as they like; the budget itself only downwards."""

from __future__ import annotations

from dataclasses import dataclass

from bot.deciding import Decider
from bot.jobs.actions import Presser
from bot.money.scopes import read_limit
from bot.operating import Operating
from bot.people import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """Who sets limits, and for which server or workspace."""

    platform: str
    workspace: str
    presser: Presser

    @property
    def decider(self) -> Decider:
        """The same, as decisions ask for it."""
        lead = Role.TEAM_LEAD if self.presser.is_team_lead else Role.MEMBER
        role = Role.OPERATOR if self.presser.is_operator else lead
        home = (self.platform, self.workspace)
        return Decider(person=self.presser.person, role=role, home=home)


async def set_limit(
    operating: Operating, lead: Lead, scope: str, per: str, *, usd: str | None, clips: str | None
) -> None:
    """Store a limit; a figure that is not said stays as it was. `NotAllowed` above what the operator gives the server."""
    await operating.set_limit(lead.decider, read_limit(scope, per, usd=usd, jobs=clips), keep_unsaid=True)
