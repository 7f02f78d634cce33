"""Chores of the process that runs the engine: each by its own clockwork, and none able to stop another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.keeping.forgetting import Forgetting
from bot.keeping.sweeper import Sweeper
from bot.ports import Clock

log = structlog.get_logger(__name__)

FORGET_EVERY_S = 30.0
LOOK_EVERY_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Something to be done again and again."""

    name: str
    every_s: float
    do: Callable[[], Awaitable[object]]


def keeping_chores(forgetting: Forgetting, sweeper: Sweeper) -> tuple[Chore, ...]:
    """Erasing what has ended meanwhile, and the daily sweep."""

    async def sweep_if_due() -> None:
        trust = await sweeper.look_at_clock()
        if not trust.is_trusted:
            log.warning("sweep.clock_doubted", since=str(trust.doubted_since))
        elif await sweeper.is_due():
            await sweeper.sweep()

    return (
        Chore(name="forget", every_s=FORGET_EVERY_S, do=forgetting.finish),
        Chore(name="sweep", every_s=LOOK_EVERY_S, do=sweep_if_due),
    )


async def keep_house(chores: Sequence[Chore], clock: Clock) -> None:
    """Do them all until cancelled. One that fails is logged, and tried again when its time comes."""
    async with asyncio.TaskGroup() as tasks:
        for chore in chores:
            tasks.create_task(_repeat(chore, clock))


async def _repeat(chore: Chore, clock: Clock) -> None:
    while True:
        try:
            await chore.do()
        except Exception:
            # Whatever keeps one from being done must not end the engine, nor the other chores.
            log.exception("chore.failed", chore=chore.name)
        await clock.sleep(chore.every_s)
