"""Which process is connected to Discord for which shards, where several may be: each shard has one, agreed on in the database.

Two connections of one shard both hear everything: a job would still be one job, but both would answer each command, and
Discord takes one answer. Who dies leaves its shards to the next within `LEASE_S`.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from bot.errors import AlreadyRunning, ReelbotError
from bot.ports import Clock
from bot.settings.values import Shards
from bot.stores import LeaseStore

log = structlog.get_logger(__name__)

LEASE_S: Final = 20.0
KEPT_EVERY_S: Final = 5.0
LOOKS_EVERY_S: Final = 1.0
WAITS_S: Final = LEASE_S + 5.0
"""At the start: a predecessor that was killed has its shards for so long."""
ALL: Final = "all"
"""What a process without a range is connected for; how many shards that are, Discord says."""
_RANGE: Final = re.compile(r"(\d+)-(\d+)/(\d+)")


class Seat:
    """The shards of this process."""

    def __init__(self, leases: LeaseStore, clock: Clock, bot: str, shards: Shards | None) -> None:
        self._leases = leases
        self._clock = clock
        self._group = f"discord:{bot}:shards"
        self._extent = ALL if shards is None else str(shards)
        self._owner = uuid.uuid4().hex
        self.ours = asyncio.Event()
        """Set while nobody else is connected for them, as far as is known."""

    async def sit_down(self) -> None:
        """Take them. `AlreadyRunning` when another process keeps them for longer than a dead one could."""
        waited_until, is_told = self._clock.monotonic() + WAITS_S, False
        while (other := await self._take()) is not None:
            if not is_told:
                is_told = True
                log.info("discord.seat_taken", by=other, waits_s=WAITS_S)
            if self._clock.monotonic() >= waited_until:
                raise AlreadyRunning(_taken(self._extent, other))
            await self._clock.sleep(LOOKS_EVERY_S)

    async def keep(self, lost: Callable[[], Awaitable[None]]) -> None:
        """Keep them for ever. When another has them nevertheless, `lost` is called, and they are taken again once free.

        While the database is silent nothing changes: nobody else can take them either.
        """
        is_silent = False
        while True:
            await self._clock.sleep(KEPT_EVERY_S)
            try:
                other = await self._take()
            except ReelbotError as error:
                if not is_silent:
                    log.warning("discord.seat_unknown", why=str(error))
                is_silent = True
                continue
            except Exception:
                # Whatever is wrong with the database, people are answered.
                log.exception("discord.seat_unknown")
                continue
            is_silent = False
            if other is not None and self.ours.is_set():
                self.ours.clear()
                log.error("discord.seat_lost", why=_taken(self._extent, other))
                await lost()

    async def get_up(self) -> None:
        """Leave them to others at once."""
        try:
            await self._leases.give_back(self._group, self._extent, self._owner)
        except Exception as error:
            # They are free within moments anyway.
            log.info("discord.seat_not_given_back", why=str(error))

    async def _take(self) -> str | None:
        other = await self._leases.take(self._group, self._extent, self._owner, for_s=LEASE_S, clashes=clash)
        if other is None:
            self.ours.set()
        return other


def clash(extent: str, another: str) -> bool:
    """Whether both would hear of the same server: ranges that meet, or that count shards differently."""
    one, two = _RANGE.fullmatch(extent), _RANGE.fullmatch(another)
    if one is None or two is None or one[3] != two[3]:
        return True
    return int(one[1]) <= int(two[2]) and int(two[1]) <= int(one[2])


def _taken(extent: str, other: str) -> str:
    ours = "every shard" if extent == ALL else f"the shards {extent}"
    theirs = "every shard" if other == ALL else f"the shards {other}"
    return (
        f"Another process is connected to Discord for {theirs}, and this one is to be for {ours}: give each process a range "
        "of its own with REELBOT_DISCORD__SHARDS, all of one number, or the role `discord` to one alone."
    )
