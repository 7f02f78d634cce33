"""`/admin/tokens`: every personal token; made for anybody, shown once, revoked at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response

from adapters.chat.web.admin.front import Front
from adapters.chat.web.admin.naming import Names
from adapters.chat.web.caller import Caller, SignedIn
from bot.errors import ReelbotError
from bot.people import ApiToken, Role, TokenScope

URL: Final = "/admin/tokens"
SCOPES: Final = {
    TokenScope.READ: "See jobs and clips",
    TokenScope.WRITE: "Start jobs and decide over them",
    TokenScope.ADMIN: "Everything an operator may",
}
LASTS: Final = (30, 90, 365, 0)
"""Days to choose from; 0 is for ever."""


def routes(front: Front) -> APIRouter:
    """The page and its acts."""
    router = APIRouter()
    service = front.service

    async def show(
        request: Request, caller: Caller, trouble: str = "", status: int = 200,
        made: tuple[ApiToken, str] | None = None,
    ) -> Response:  # fmt: skip
        tokens, now = await service.stores.tokens.all(), service.desk.clock.now()
        return front.show(
            request,
            caller,
            "tokens.html",
            trouble=trouble,
            status=status,
            made=made,
            good=[each for each in tokens if each.is_good(now)],
            ended=[each for each in tokens if not each.is_good(now)],
            names=await Names.of(service),
            scopes=SCOPES,
            lasts=LASTS,
        )

    @router.get(URL)
    async def tokens_page(request: Request, caller: SignedIn) -> Response:
        """Those that are good first."""
        caller.require(Role.OPERATOR)
        return await show(request, caller)

    @router.post(URL)
    async def make(
        request: Request,
        caller: SignedIn,
        person: Annotated[str, Form(max_length=120)],
        scopes: Annotated[list[TokenScope], Form()],
        label: Annotated[str, Form(max_length=100)] = "",
        days: Annotated[int, Form(ge=0, le=3650)] = 90,
    ) -> Response:
        """A new one. Its secret is on this page and nowhere afterwards: so there is no address to go on to."""
        caller.require(Role.OPERATOR)
        expires_at = service.desk.clock.now() + timedelta(days=days) if days else None
        try:
            made = await service.operating.make_token(
                caller.decider, person.strip(), scopes, label=label, expires_at=expires_at
            )
        except ReelbotError as error:
            if error.http_status >= 500:
                raise
            return await show(request, caller, str(error), error.http_status)
        return await show(request, caller, made=made)

    @router.post(f"{URL}/revoke")
    async def revoke(request: Request, caller: SignedIn, token_id: Annotated[str, Form(max_length=100)]) -> Response:
        """End one: it is refused from the next request on."""
        caller.require(Role.OPERATOR)

        async def doing() -> str:
            token = await service.operating.revoke_token(caller.decider, token_id)
            return f"The token {token.label or token.id} is refused from now on."

        return await front.act(URL, doing, lambda trouble, status: show(request, caller, trouble, status))

    return router
