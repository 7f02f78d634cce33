"""Delete, and forget me (DESIGN §8): what is erased, what ends first, and what remains where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from bot.errors import NotAllowed
from bot.ids import JobId
from bot.jobs.actions import Presser
from bot.jobs.model import Delivery, Forget, Job
from bot.keeping.files import Files
from bot.keeping.stores import ErasureStore
from bot.languages.said import joined, say, say_n
from bot.ports import Courier, Engine, MessageRef, Retracts
from bot.stores import Stores

log = structlog.get_logger(__name__)

BATCH = 500
"""Jobs marked in one transaction: others want to write, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What became of it, and what remains."""

    erased: int = 0
    under_way: tuple[JobId, ...] = ()
    """Cancelled where that still can be; erased when they have ended."""
    posts_deleted: int = 0
    posts_left: tuple[str, ...] = ()
    """Places with a message that could not be deleted from here."""
    files_left: int = 0
    """Files that were stored within the last seconds and are removed within a minute."""
    files_shared: int = 0
    """Files that other people's jobs use, too: they stay with those."""

    def __add__(self, other: Forgotten) -> Forgotten:
        """Both together."""
        return Forgotten(
            erased=self.erased + other.erased,
            under_way=self.under_way + other.under_way,
            posts_deleted=self.posts_deleted + other.posts_deleted,
            posts_left=self.posts_left + other.posts_left,
            # Said of all that is still there, not of one wish.
            files_left=other.files_left,
            files_shared=self.files_shared + other.files_shared,
        )

    def remains(self) -> tuple[str, ...]:
        """Sentences for the person: what is left, where, and for how long."""
        said: list[str] = [
            say("Amounts stay in the ledger, under a key instead of a name until the month ends, so that limits count.")
        ]
        if self.under_way:
            said.append(
                say_n(
                    "{count} job under way: what is paid is finished and booked, then erased unposted.",
                    "{count} jobs under way: what is paid is finished and booked, then erased unposted.",
                    len(self.under_way),
                )
            )
        if self.posts_left:
            said.append(
                say_n(
                    "{count} message could not be deleted from here: {places}.",
                    "{count} messages could not be deleted from here: {places}.",
                    len(self.posts_left),
                    places=joined(sorted(set(self.posts_left)), ", "),
                )
            )
        if self.files_shared:
            said.append(
                say_n(
                    "{count} file also used by other people's jobs stay with those.",
                    "{count} files also used by other people's jobs stay with those.",
                    self.files_shared,
                )
            )
        said.append(
            say("Backups made before hold it until they are rotated out; providers keep inputs by their own rules.")
        )
        return tuple(said)


def require_may_delete(job: Job, presser: Presser) -> None:
    """`NotAllowed` for everybody but who asked, team leads, moderators and operators."""
    may = presser.is_operator or presser.is_team_lead or presser.is_moderator
    if not may and presser.person != job.requester.person:
        raise NotAllowed(say("Only the person who asked, a team lead or a moderator can delete this."))


class Forgetting:
    """Erases jobs and people."""

    def __init__(
        self, stores: Stores, erasure: ErasureStore, files: Files, couriers: Mapping[str, Courier], engine: Engine
    ) -> None:
        self._stores = stores
        self._erasure = erasure
        self._files = files
        self._couriers = couriers
        self._engine = engine

    async def delete(self, job: Job, presser: Presser) -> Forgotten:
        """Erase one job with its clip and its posts: at once, or when it has ended. `NotAllowed` for others."""
        require_may_delete(job, presser)
        return await self._forget([job], Forget.JOB, presser.person)

    async def forget(self, person: str) -> Forgotten:
        """Erase everything of a person: waiting jobs are cancelled, paid ones end first, the ledger keeps a keyed hash."""
        shared = await self._erasure.shared_files(person)
        jobs = await self._erasure.jobs_of(person)
        done = await self._forget(jobs, Forget.PERSON, person)
        await self._erasure.pseudonymise(person)
        log.info("person.forgotten", erased=done.erased, under_way=len(done.under_way))
        return Forgotten(
            erased=done.erased, under_way=done.under_way, posts_deleted=done.posts_deleted, posts_left=done.posts_left,
            files_left=done.files_left, files_shared=shared,
        )  # fmt: skip

    async def erase(self, job: Job) -> tuple[int, tuple[str, ...]]:
        """Take back an ended job's posts and erase its rows; returns how many posts went, and where some stay."""
        deleted, left = 0, []
        for delivery in await self._stores.deliveries.of_job(job.id):
            if delivery.outcome is None and delivery.checkpoint is None:
                continue
            if await self._retract(job, delivery):
                deleted += 1
            elif delivery.outcome == "posted":
                left.append(delivery.place)
        if not await self._take_down_card(job):
            left.append(say("its card"))
        await self._erasure.erase(job.id)
        return deleted, tuple(left)

    async def finish(self) -> int:
        """Erase what has ended since it was asked for, and remove files; returns how many files are too young yet."""
        for job in await self._erasure.due():
            await self.erase(job)
        return await self._files.remove_unnamed()

    async def _forget(self, jobs: Sequence[Job], what: Forget, by: str) -> Forgotten:
        under_way: list[JobId] = []
        for first in range(0, len(jobs), BATCH):
            under_way += await self._erasure.mark([job.id for job in jobs[first : first + BATCH]], what, by)
        for job_id in under_way:
            await self._engine.wake(job_id)
        erased, deleted, left = 0, 0, list[str]()
        ending = frozenset(under_way)
        for job in jobs:
            if job.id not in ending:
                taken_back, staying = await self.erase(job)
                erased, deleted = erased + 1, deleted + taken_back
                left += staying
        files_left = await self._files.remove_unnamed()
        return Forgotten(
            erased=erased, under_way=tuple(under_way), posts_deleted=deleted, posts_left=tuple(left),
            files_left=files_left,
        )  # fmt: skip

    async def _take_down_card(self, job: Job) -> bool:
        known = await self._stores.deliveries.card(job.id)
        courier: object = self._couriers.get(job.requester.answered_on)
        if known is None or not isinstance(courier, Retracts):
            return True
        try:
            return await courier.take_down(
                MessageRef(platform=job.requester.answered_on, reference=known[0]), job.requester
            )
        except Exception:
            # As with a post: it stays there, and the answer says so.
            log.warning("card.not_taken_down", job_id=job.id, exc_info=True)
            return False

    async def _retract(self, job: Job, delivery: Delivery) -> bool:
        courier: object = self._couriers.get(job.requester.answered_on)
        if not isinstance(courier, Retracts):
            return False
        try:
            return await courier.retract(delivery, job.requester)
        except Exception:
            # What a chat cannot or will not delete stays there, and the answer says so.
            log.warning("post.not_retracted", job_id=job.id, exc_info=True)
            return False
