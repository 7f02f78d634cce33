"""`/api/v1/tokens`: personal tokens. Everybody makes, sees and revokes their own; operators everybody's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter

from adapters.chat.web.api.schemas import NewToken, TokenBody, TokenDocument, TokenList, answers, shows
from adapters.chat.web.caller import SignedIn
from bot.people import Role, token_as_json
from bot.service import Service


def routes(service: Service) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"], responses=answers(400, 401, 403, 422))

    @router.post("", status_code=201, response_model=None, responses=shows(NewToken, 201))
    async def make(body: TokenBody, caller: SignedIn) -> dict[str, Any]:
        """Make a token; its secret is in this answer and nowhere afterwards."""
        days = timedelta(days=body.expires_in_days) if body.expires_in_days else None
        token, secret = await service.operating.make_token(
            caller.decider, body.user or caller.person, body.scopes, label=body.label,
            expires_at=service.desk.clock.now() + days if days else None,
        )  # fmt: skip
        return token_as_json(token) | {"token": secret}

    @router.get("", response_model=None, responses=shows(TokenList))
    async def tokens(caller: SignedIn) -> dict[str, Any]:
        """Your tokens; for operators, everybody's."""
        whose = None if caller.may(Role.OPERATOR) else caller.person
        return {"tokens": [token_as_json(each) for each in await service.stores.tokens.all(whose)]}

    @router.delete("/{token_id}", response_model=None, responses=shows(TokenDocument) | answers(404))
    async def revoke(token_id: str, caller: SignedIn) -> dict[str, Any]:
        """Revoke a token: it is refused from the next request on."""
        token = await service.operating.revoke_token(caller.decider, token_id)
        return token_as_json(await service.stores.tokens.load(token.id) or token)

    return router
