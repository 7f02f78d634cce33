"""`/api/v1/quota` and `/api/v1/limits`: what may be spent, and what is left of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from adapters.chat.web.api.schemas import LimitDocument, LimitList, Quota, answers, shows
from adapters.chat.web.api.written import A_LIMIT, A_PERSON, A_SCOPE
from adapters.chat.web.caller import SignedIn
from bot.deciding import home_of
from bot.errors import NotAllowed
from bot.jobs.as_json import limit_as_json
from bot.money.scopes import read_limit
from bot.people import Role, web_requester
from bot.service import Service


def _a_number(value: object) -> object:
    """JSON's `true` is no number of clips, though it is one of Python's."""
    if isinstance(value, bool):
        raise ValueError("a number of clips, please")  # pydantic expects this one
    return value


class LimitBody(BaseModel):
    """A limit as it is set: dollars as a string like `"12.50"`, or `"unlimited"`; clips as a number, or `"unlimited"`."""

    model_config = ConfigDict(extra="forbid")

    period: Literal["day", "month"] = "day"
    usd: str | None = Field(default=None, max_length=40, json_schema_extra=A_LIMIT)
    jobs: Annotated[int, Field(ge=0, le=2**31 - 1), BeforeValidator(_a_number)] | Literal["unlimited"] | None = None


def routes(service: Service) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1", tags=["money"], responses=answers(400, 401, 403, 422))

    @router.get("/quota", response_model=None, responses=shows(Quota))
    async def quota(
        caller: SignedIn,
        user: Annotated[
            str | None, Query(max_length=120, json_schema_extra=A_PERSON, description="Somebody else, for operators.")
        ] = None,
    ) -> dict[str, Any]:
        """How every scope that your next job counts in stands."""
        if not user or user == caller.person:
            return await service.quota(caller.requester)
        if not caller.may(Role.OPERATOR):
            raise NotAllowed("You see your own quota only.")
        return await service.quota(web_requester(user))

    @router.get("/limits", response_model=None, responses=shows(LimitList))
    async def limits(caller: SignedIn) -> dict[str, Any]:
        """Every limit: the stored ones, and the settings' own; for team leads those of their workspace."""
        caller.require(Role.TEAM_LEAD)
        limits = service.stores.limits
        known = [(each, "stored") for each in await limits.stored()] + [(each, "default") for each in limits.defaults()]
        return {
            "limits": [
                limit_as_json(limit, source=source)
                for limit, source in known
                if caller.may(Role.OPERATOR) or source == "default" or home_of(limit.scope) == caller.home
            ]
        }

    @router.put("/limits/{scope}", response_model=None, responses=shows(LimitDocument))
    async def put(
        scope: Annotated[str, Path(max_length=200, json_schema_extra=A_SCOPE)], body: LimitBody, caller: SignedIn
    ) -> dict[str, Any]:
        """Set a scope's limit; leaving out both figures removes it. Team leads: within their workspace."""
        caller.require(Role.TEAM_LEAD)
        limit = read_limit(scope, body.period, usd=body.usd, jobs=body.jobs)
        stored = await service.operating.set_limit(caller.decider, limit)
        return limit_as_json(stored, source="stored")

    return router
