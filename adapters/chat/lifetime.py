"""How a role ends, and what becomes of the jobs of a place that removed us."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from typing import Any, Final

import structlog

from bot.errors import ReelbotError
from bot.jobs.actions import Presser
from bot.jobs.states import UNFINISHED
from bot.service import Service

log = structlog.get_logger(__name__)

ENDS_WITHIN_S: Final = 5.0


async def finish(at_work: AbstractSet[asyncio.Task[Any]]) -> None:
    """Let what is being answered come to its end, within a moment."""
    if not at_work:
        return
    _, late = await asyncio.wait(at_work, timeout=ENDS_WITHIN_S)
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


async def cancel_all(service: Service, platform: str, workspace: str) -> int:
    """Cancel what is not finished in a workspace, as an operator would; returns how many jobs. The history stays."""
    presser = Presser(person=f"{platform}:{workspace}", is_operator=True)
    cancelled = 0
    for job in await service.stores.jobs.in_state(*UNFINISHED):
        if (job.requester.platform, job.requester.workspace) != (platform, workspace):
            continue
        try:
            await service.actions.cancel(job.id, presser)
            cancelled += 1
        except ReelbotError as error:
            log.info("workspace.job_not_cancelled", job_id=job.id, why=str(error))
    return cancelled
