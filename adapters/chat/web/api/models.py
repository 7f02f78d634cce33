"""`/api/v1/models`: what can be ordered."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from adapters.chat.web.api.schemas import ModelList, answers, shows
from bot.jobs.catalogue import offered
from bot.ports import Model
from bot.service import Service


def routes(service: Service) -> APIRouter:
    """The route, bound to one Reelbot."""
    router = APIRouter(prefix="/api/v1", tags=["jobs"], responses=answers(401))

    @router.get("/models", response_model=None, responses=shows(ModelList))
    async def models() -> dict[str, Any]:
        """What can be ordered here: every model with its lengths, resolutions and prices."""
        return {"models": [_model(each) for one in service.desk.providers.values() for each in offered(one)]}

    return router


def _model(model: Model) -> dict[str, Any]:
    prices = {
        f"{resolution} {seconds} s": model.price.price(duration_s=seconds, resolution=resolution).to_usd()
        for resolution in model.resolutions
        for seconds in model.durations_s
    }
    return {
        "provider": model.provider,
        "model": model.slug,
        "title": model.title,
        "kind": model.kind,
        "durations_s": model.durations_s,
        "resolutions": model.resolutions,
        "default_duration_s": model.default_duration_s,
        "default_resolution": model.default_resolution,
        "prices_usd": prices,
    }
