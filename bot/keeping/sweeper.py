"""The sweeper: deletes what is kept no longer. Rows first, files second; little at a time; nothing by a doubtful clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.ids import JobId
from bot.keeping.files import Files
from bot.keeping.forgetting import Forgetting
from bot.keeping.retention import ClockTrust, Kept, Periods, most_in_one_run
from bot.keeping.stores import ErasureStore, RetentionStore
from bot.ports import Clock
from bot.tracker.polls import Moment

log = structlog.get_logger(__name__)

BATCH = 200
SWEEP_EVERY = timedelta(hours=24)
_SEEN, _DOUBTED, _SWEPT = "clock_seen_at", "clock_doubted_since", "swept_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSwept:
    """What one run did with one kind."""

    kept: int
    expired: int
    deleted: int

    @property
    def left(self) -> int:
        """Expired, and left for later runs."""
        return self.expired - self.deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one run did."""

    kinds: dict[Kept, KindSwept] = field(default_factory=dict)
    orphans: int = 0
    doubt: str | None = None
    """Why nothing was deleted, if the clock is the reason."""


class Sweeper:
    """One run deletes at most a fifth of a kind; two at once are harmless, for each row is looked at again."""

    def __init__(
        self,
        retention: RetentionStore,
        erasure: ErasureStore,
        files: Files,
        forgetting: Forgetting,
        clock: Clock,
        periods: Periods,
        drop_names: Callable[[Sequence[JobId]], Awaitable[None]],
    ) -> None:
        """`drop_names` removes the names under which clips of these jobs lie beside the media store."""
        self._retention = retention
        self._erasure = erasure
        self._files = files
        self._forgetting = forgetting
        self._clock = clock
        self._periods = periods
        self._drop_names = drop_names
        self._looked: Moment | None = None

    async def look_at_clock(self) -> ClockTrust:
        """Note what time it is, and whether that can be: to be called every hour."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        known, elapsed = await self._trust(), None
        if self._looked is not None:
            # Both clocks since our own last look: another process may have looked, and written, in between.
            known = replace(known, seen_at=self._looked.wall)
            elapsed = timedelta(seconds=monotonic - self._looked.monotonic)
        trust = known.look(now, elapsed=elapsed)
        self._looked = Moment(wall=now, monotonic=monotonic)
        since = trust.doubted_since
        notes = {_SEEN: now.isoformat(), _DOUBTED: since.isoformat() if since else None}
        await self._retention.remember(notes)
        return trust

    @property
    def is_needed(self) -> bool:
        """Whether anything is kept for a limited time."""
        return any(True for _ in self._periods.limited())

    async def standing(self) -> tuple[datetime | None, ClockTrust]:
        """When things were last deleted by their age, and whether the clock is believed."""
        return _moment(await self._retention.remembered(_SWEPT)), await self._trust()

    async def is_due(self) -> bool:
        """Whether the last run is a day ago."""
        swept = _moment(await self._retention.remembered(_SWEPT))
        return swept is None or not timedelta(0) <= self._clock.now() - swept < SWEEP_EVERY

    async def sweep(self, *, everything: bool = False, dry_run: bool = False) -> Swept:
        """Delete what is expired. `everything`: also more than a fifth, and by whatever clock; a person said so."""
        trust = await self.look_at_clock()
        doubt = None
        if not trust.is_trusted and not everything:
            doubt = (
                f"The clock jumped, or nobody looked at it for two days (noticed {trust.doubted_since:%Y-%m-%d %H:%M} "
                f"UTC): nothing is deleted until it went evenly for a day. If the time is right, say --yes."
            )
        kinds = {}
        for kind, period in self._periods.limited():
            kinds[kind] = await self._sweep_kind(
                kind, self._clock.now() - period, everything=everything, dry_run=dry_run or doubt is not None
            )
        if dry_run or doubt is not None:
            return Swept(kinds=kinds, orphans=len(await self._files.orphans()), doubt=doubt)
        await self._forgetting.finish()
        await self._erasure.drop_pseudonyms()
        orphans = await self._files.remove_orphans()
        await self._retention.remember({_SWEPT: self._clock.now().isoformat()})
        for kind, swept in kinds.items():
            if swept.deleted or swept.left:
                log.info("sweep.kind", kind=kind.value, deleted=swept.deleted, left=swept.left, kept=swept.kept)
        return Swept(kinds=kinds, orphans=orphans)

    async def _sweep_kind(self, kind: Kept, before: datetime, *, everything: bool, dry_run: bool) -> KindSwept:
        count = await self._retention.count(kind)
        expired = await self._retention.count_expired(kind, before)
        allowed = expired if everything else min(expired, most_in_one_run(count))
        deleted = 0
        while not dry_run and deleted < allowed:
            ids = await self._retention.expired(kind, before, min(BATCH, allowed - deleted))
            if not ids:
                break
            await self._drop_names(await self._retention.delete(kind, ids, before))
            deleted += len(ids)
        return KindSwept(kept=count - deleted, expired=expired, deleted=deleted)

    async def _trust(self) -> ClockTrust:
        seen, doubted = [_moment(await self._retention.remembered(key)) for key in (_SEEN, _DOUBTED)]
        return ClockTrust(seen_at=seen, doubted_since=doubted)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


__all__ = ["KindSwept", "Sweeper", "Swept"]
