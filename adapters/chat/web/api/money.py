"""`/api/v1/quota` and `/api/v1/limits`: what may be spent, and what is left of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from adapters.chat.web.api.jobs import ADMIN
from bot.jobs.as_json import limit_as_json
from bot.money.scopes import read_limit
from bot.service import Service


class LimitBody(BaseModel):
    """A limit as it is set: dollars as a string like `"12.50"`, or `"unlimited"`."""

    period: str = "day"
    usd: str | None = None
    jobs: int | str | None = Field(default=None)


def routes(service: Service) -> APIRouter:
    """The routes, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1", tags=["money"])

    @router.get("/quota")
    async def quota() -> dict[str, Any]:
        """How every scope that your next job counts in stands."""
        return await service.quota(ADMIN)

    @router.get("/limits")
    async def limits() -> dict[str, Any]:
        """Every limit: the stored ones, and the settings' own."""
        stored = [limit_as_json(limit, source="stored") for limit in await service.stores.limits.stored()]
        return {"limits": stored + [limit_as_json(each, source="default") for each in service.stores.limits.defaults()]}

    @router.put("/limits/{scope}")
    async def put(scope: str, body: LimitBody) -> dict[str, Any]:
        """Set a scope's limit; leaving out both figures removes it."""
        limit = read_limit(scope, body.period, usd=body.usd, jobs=body.jobs)
        await service.stores.limits.put(limit)
        return limit_as_json(limit, source="stored")

    return router
