"""`/admin/workspaces`: the servers and workspaces that were seen, and whether money may be spent there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.front import Front
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import Caller, SignedIn
from bot.people import Role
from bot.workspaces import Permission

URL = "/admin/workspaces"
_SAID = {
    Permission.ALLOWED: "{name} is allowed: paid models work there from now on.",
    Permission.BLOCKED: "{name} is blocked: everything from there is refused.",
    Permission.PENDING: "{name} waits again: only free models work there.",
}
_ORDER = {Permission.PENDING: 0, Permission.ALLOWED: 1, Permission.BLOCKED: 2}


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()

    async def show(request: Request, caller: Caller, trouble: str = "", status: int = 200) -> Response:
        names = await Names.of(front.service)
        found = await front.service.stores.workspaces.all()
        rows = [(each, names.workspace(f"{each.platform}:{each.workspace}")) for each in found]
        rows.sort(key=lambda row: (_ORDER[row[0].permission], -row[0].first_seen_at.timestamp()))
        return front.show(request, caller, "workspaces.html", trouble=trouble, status=status, rows=rows)

    @router.get(URL)
    async def workspaces(request: Request, caller: SignedIn) -> Response:
        """Those that wait first."""
        caller.require(Role.OPERATOR)
        return await show(request, caller)

    @router.post(URL)
    async def permit(
        request: Request,
        caller: SignedIn,
        workspace: Annotated[str, Form(max_length=200)],
        permission: Annotated[Permission, Form()],
    ) -> Response:
        """Allow, block, or take either back."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            key = workspace.strip()
            await front.service.operating.permit(caller.decider, key, permission)
            return _SAID[permission].format(name=(await Names.of(front.service)).workspace(key).name)

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    return router
