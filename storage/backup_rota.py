"""Backups that are made by themselves: when the next is due, which are kept, and how it went.

The names of the archives are all that is remembered, so that a restart makes none too many. Only files with such a name
are ever removed, and only after a newer one was written and read back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog

from bot.errors import ReelbotError
from bot.ports import Clock, MediaStore
from storage import tables
from storage.archive import moment
from storage.backup import Backup, write_backup
from storage.durable import write_durably
from storage.sqlite import SqliteDatabase

log = structlog.get_logger(__name__)

FIRST_LOOK_S = 300.0
"""After a start there are more urgent things."""
LOOK_EVERY_S = 3600.0
AGAIN_AFTER_S = 3600.0
"""After one that failed."""
SLACK = timedelta(minutes=10)
"""A clock may be corrected by so much without an archive counting as one of the future."""
FAILURE_FILE = "backup-failed.json"
_NAME = re.compile(r"reelbot-backup-(\d{8}T\d{6})Z\.tar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the settings say."""

    every: timedelta
    """Zero makes none."""
    directory: Path
    keep: int
    with_media: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The last backup, when it was not made."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things are."""

    plan: Plan
    newest: datetime | None
    oldest_job: datetime | None
    failure: Failure | None


class BackupRota:
    """The scheduled backups of one installation."""

    def __init__(
        self, *, plan: Plan, data_dir: Path, database: SqliteDatabase, media: MediaStore, clock: Clock
    ) -> None:
        self.plan = plan
        self._failure_file = data_dir / FAILURE_FILE
        self._makes_directory = plan.directory == data_dir / "backups"
        self._database = database
        self._media = media
        self._clock = clock

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Make backups while the block lasts; one that is under way at its end is given up, and leaves nothing."""
        running = asyncio.create_task(self.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def run(self) -> None:
        """Make one whenever it is due, for ever. Returns at once when none are wanted."""
        if not self.plan.every:
            return
        pause = FIRST_LOOK_S
        while True:
            await self._clock.sleep(pause)
            pause = await self._look()

    async def _look(self) -> float:
        """Make one if it is due; returns the seconds until the next look."""
        now = self._clock.now()
        newest = await asyncio.to_thread(self._newest, now)
        wait = self.plan.every - (now - newest) if newest is not None else timedelta(0)
        if wait > timedelta(0):
            return min(wait.total_seconds(), LOOK_EVERY_S)
        try:
            made = await self.make()
        except Exception as error:
            # Whatever it was, the product goes on without this backup, and the operator hears of it.
            why = str(error) or type(error).__name__
            log.error("backup.failed", why=why, exc_info=not isinstance(error, ReelbotError))
            await asyncio.to_thread(self._remember, Failure(at=now, why=why))
            return AGAIN_AFTER_S
        log.info("backup.made", file=str(made.path), bytes=made.size_bytes, missing=len(made.manifest.missing))
        return min(self.plan.every.total_seconds(), LOOK_EVERY_S)

    async def make(self) -> Backup:
        """One backup now; then those too many are removed. What it raises is `write_backup`'s."""
        now, plan = self._clock.now(), self.plan
        if self._makes_directory:
            # Any other directory is the operator's: where a disk is not mounted, nothing must look as if it were.
            plan.directory.mkdir(mode=0o700, exist_ok=True)
        made = await write_backup(
            plan.directory / f"reelbot-backup-{now.astimezone(UTC):%Y%m%dT%H%M%S}Z.tar",
            database=self._database.path,
            media=self._media if plan.with_media else None,
            now=now,
        )
        self._failure_file.unlink(missing_ok=True)
        await asyncio.to_thread(self._rotate, made.path, now)
        return made

    async def standing(self) -> Standing:
        """How things are, for the doctor."""
        async with self._database.look() as connection:
            oldest = (await connection.execute(sa.select(sa.func.min(tables.jobs.c.created_at)))).scalar()
        newest = await asyncio.to_thread(self._newest, self._clock.now())
        failure = await asyncio.to_thread(self._failure)
        return Standing(plan=self.plan, newest=newest, oldest_job=oldest, failure=failure)

    async def failure(self) -> Failure | None:
        """The last backup, if it was not made, and none was since."""
        failure = await asyncio.to_thread(self._failure)
        newest = await asyncio.to_thread(self._newest, self._clock.now())
        return None if failure is None or (newest is not None and newest >= failure.at) else failure

    def _newest(self, now: datetime) -> datetime | None:
        """An archive of the future was made under another clock, and says nothing of when the next is due."""
        return max((at for at, _ in self._archives() if at <= now + SLACK), default=None)

    def _archives(self) -> list[tuple[datetime, Path]]:
        found = []
        for path in self.plan.directory.glob("reelbot-backup-*.tar"):
            name = _NAME.fullmatch(path.name)
            with contextlib.suppress(ValueError):  # 30 February
                if name is not None:
                    found.append((datetime.strptime(name[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC), path))
        return found

    def _rotate(self, made: Path, now: datetime) -> None:
        """The newest stay, and the one just made among them; those of the future go first."""
        others = [(at <= now + SLACK, at, path) for at, path in self._archives() if path != made]
        for _, _, path in sorted(others)[: max(0, len(others) - (self.plan.keep - 1))]:
            try:
                path.unlink()
            except OSError as error:
                log.warning("backup.not_removed", file=str(path), why=error.strerror)

    def _remember(self, failure: Failure) -> None:
        with contextlib.suppress(OSError, ReelbotError):  # the disk may be what failed
            write_durably(self._failure_file, json.dumps({"at": moment(failure.at), "why": failure.why}).encode())

    def _failure(self) -> Failure | None:
        try:
            found = json.loads(self._failure_file.read_text(encoding="utf-8"))
            return Failure(at=datetime.fromisoformat(found["at"]), why=str(found["why"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
