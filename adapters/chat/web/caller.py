"""Who makes a request, and what they may see and do. Every route behind the sign-in is given one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import Depends, Request

from bot.deciding import Decider
from bot.errors import NotAllowed, NotFound
from bot.jobs.actions import Presser
from bot.jobs.model import Job, Requester
from bot.jobs.search import Search
from bot.languages.said import say
from bot.people import OPERATORS_NAME, Role
from bot.service import Service

ADMIN = Requester(platform="api", workspace="local", user=OPERATORS_NAME)
"""The person of the admin token, and of whoever sits at the machine where no token is needed."""
NEEDS = {
    Role.MEMBER: "This needs the role member: you may look, and an operator can give you more.",
    Role.TEAM_LEAD: "This is for team leads and operators.",
    Role.OPERATOR: "This is for operators.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who signed in, in whichever way."""

    requester: Requester
    """Whom the jobs they start count for."""
    role: Role
    name: str
    """How the pages call them."""
    by: Literal["local", "admin", "token", "session"]
    """How they proved it: not at all (this machine only), by the admin token, a personal token, or through their chat."""
    token_id: str | None = None
    """Of a personal token."""

    @property
    def person(self) -> str:
        """Like `api:admin` or `slack:T1:U2`."""
        return self.requester.person

    @property
    def home(self) -> tuple[str, str]:
        """Platform and workspace."""
        return self.requester.platform, self.requester.workspace

    @property
    def presser(self) -> Presser:
        """The same, as actions on a job ask for it."""
        return self.decider.presser

    @property
    def decider(self) -> Decider:
        """The same, as decisions for an installation or a workspace ask for it."""
        return Decider(person=self.person, role=self.role, home=self.home)

    def may(self, role: Role) -> bool:
        """Whether they have this role, or a higher one."""
        return self.role.reaches(role)

    def require(self, role: Role) -> None:
        """`NotAllowed`, unless they have this role or a higher one."""
        if not self.may(role):
            raise NotAllowed(NEEDS[role])

    def sees(self, job: Job) -> bool:
        """Operators see every job, team leads those of their workspace, everybody their own."""
        if self.role is Role.OPERATOR or job.requester.person == self.person:
            return True
        return self.role is Role.TEAM_LEAD and (job.requester.platform, job.requester.workspace) == self.home

    def confine(self, search: Search) -> Search:
        """The same search among what they see. `NotAllowed` when it asks for somebody else by name."""
        if self.role is Role.OPERATOR:
            return search
        home = ":".join(self.home)
        if self.role is Role.TEAM_LEAD:
            if search.workspace not in (None, home):
                raise NotAllowed("You see the jobs of your own workspace only.")
            return replace(search, workspace=home)
        if search.person not in (None, self.person):
            raise NotAllowed("You see your own jobs only.")
        return replace(search, person=self.person)

    async def job(self, service: Service, job_id: str) -> Job:
        """A job they see; the same `NotFound` for one that is not theirs and for one that is not there."""
        job = await service.stores.jobs.load(job_id)
        if job is None or job.erased_at is not None or not self.sees(job):
            raise NotFound(say("There is no job {id}.", id=repr(job_id[:80])))
        return job


def caller_of(request: Request) -> Caller:
    """Who makes this request; the sign-in rule put it there before any route ran."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


SignedIn = Annotated[Caller, Depends(caller_of)]
"""What a route asks for."""
