"""Who decides for an installation, or for a workspace: operators and team leads, however they signed in."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import NotAllowed
from bot.jobs.actions import Presser
from bot.jobs.model import OPERATORS_OWN, Requester
from bot.people import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides, as what, and (a team lead) for which workspace."""

    person: str
    """Like `api:admin`: the name in the audit trail."""
    role: Role
    home: tuple[str, str] | None = None
    """Platform and workspace that a team lead leads."""

    @property
    def is_operator(self) -> bool:
        """May decide everything."""
        return self.role is Role.OPERATOR

    def leads(self, platform: str, workspace: str) -> bool:
        """Whether they may decide for this workspace."""
        return self.is_operator or (self.role is Role.TEAM_LEAD and self.home == (platform, workspace))

    @property
    def presser(self) -> Presser:
        """The same, as actions on a job ask for it."""
        return Presser(person=self.person, is_operator=self.is_operator, is_team_lead=self.role.reaches(Role.TEAM_LEAD))

    def decides_over(self, requester: Requester) -> bool:
        """Whether a job of this requester is theirs to decide over: their own, or one of a workspace they lead."""
        return self.person == requester.person or self.leads(requester.platform, requester.workspace)

    def require_operator(self) -> None:
        """`NotAllowed` for everybody else."""
        if not self.is_operator:
            raise NotAllowed("This is for operators.")


def home_of(scope: str) -> tuple[str, str] | None:
    """Platform and workspace that a scope lies in; `None` for those of the installation and of the operator's own."""
    kind, _, rest = scope.partition(":")
    parts = rest.split(":")
    if kind not in ("workspace", "channel", "role", "user") or len(parts) < 2 or parts[0] in OPERATORS_OWN:
        return None
    return parts[0], parts[1]
