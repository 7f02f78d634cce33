"""`/admin/people`: who signed in and what they may do, and whose requests are refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.front import Front, home_of
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import Caller, SignedIn
from bot.people import Role, web_requester

URL: Final = "/admin/people"
ROLES: Final = {
    Role.VIEWER: ("Viewer", "sees their own clips"),
    Role.MEMBER: ("Member", "makes clips, and decides over their own"),
    Role.TEAM_LEAD: ("Team lead", "also sees and settles their workspace’s, and sets limits within it"),
    Role.OPERATOR: ("Operator", "everything"),
}
Person = Annotated[str, Form(max_length=120)]


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()
    service = front.service

    async def show(request: Request, caller: Caller, trouble: str = "", status: int = 200) -> Response:
        home = home_of(caller)
        members = await service.stores.members.all()
        if home is not None:
            members = [each for each in members if each.person.startswith(f"{home}:")]
        return front.show(
            request,
            caller,
            "people.html",
            trouble=trouble,
            status=status,
            members=members,
            blocked=await service.stores.reports.blocked_people() if home is None else [],
            names=await Names.of(service),
            roles=ROLES,
            is_operator=home is None,
        )

    async def act(request: Request, caller: Caller, doing: Callable[[], Awaitable[str]]) -> Response:
        caller.require(Role.OPERATOR)
        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    @router.get(URL)
    async def people(request: Request, caller: SignedIn) -> Response:
        """Who signed in; for team leads those of their workspace."""
        caller.require(Role.TEAM_LEAD)
        return await show(request, caller)

    @router.post(f"{URL}/role")
    async def role(request: Request, caller: SignedIn, person: Person, role: Annotated[Role, Form()]) -> Response:
        """Give somebody a role; it stays when they sign in again."""

        async def doing() -> str:
            member = await service.operating.give_role(caller.decider, person, role)
            return f"{member.name} is now {_article(role)} {role.value.replace('_', ' ')}."

        return await act(request, caller, doing)

    @router.post(f"{URL}/sign-out")
    async def sign_out(request: Request, caller: SignedIn, person: Person) -> Response:
        """Sign somebody out wherever they are signed in."""

        async def doing() -> str:
            await service.operating.end_sessions(caller.decider, person)
            return f"{(await Names.of(service)).person(person).name} is signed out everywhere."

        return await act(request, caller, doing)

    @router.post(f"{URL}/block")
    async def block(request: Request, caller: SignedIn, person: Person) -> Response:
        """Refuse somebody's requests, in every chat and here."""

        async def doing() -> str:
            named = web_requester(person.strip()).person
            await service.operating.block(caller.decider, named)
            return f"{(await Names.of(service)).person(named).name} is refused from now on."

        return await act(request, caller, doing)

    @router.post(f"{URL}/unblock")
    async def unblock(request: Request, caller: SignedIn, person: Person) -> Response:
        """Lift it."""

        async def doing() -> str:
            await service.operating.unblock(caller.decider, person)
            return f"{(await Names.of(service)).person(person).name} may ask again."

        return await act(request, caller, doing)

    return router


def _article(role: Role) -> str:
    return "an" if role is Role.OPERATOR else "a"
