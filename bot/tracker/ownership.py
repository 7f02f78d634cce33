"""Whose job it is: who may move it, and who finds out that somebody else does.

Every write to a job names the epoch it was loaded with; taking a job over raises it. So whoever lost a job, without
knowing, changes nothing any more.
"""

from __future__ import annotations

from typing import Protocol

from bot.ids import JobId
from bot.jobs.model import Job
from bot.stores import JobStore


class Ownership(Protocol):
    """What the tracker asks before it goes on with a job."""

    async def owned(self, job: Job) -> Job | None:
        """The job when it is ours to move (taken over first where that is due); `None` when it is somebody else's."""
        ...


class OneEngine:
    """One engine at a time has every job: the one that began last, whose epoch is the highest."""

    def __init__(self, jobs: JobStore, epoch: int = 0) -> None:
        self._jobs = jobs
        self.epoch = epoch

    @classmethod
    async def begin(cls, jobs: JobStore) -> tuple[OneEngine, list[Job]]:
        """A new engine begins: it has every unfinished job, which are returned, and earlier ones change nothing more."""
        epoch = await jobs.raise_epoch()
        return cls(jobs, epoch), await jobs.claim_all(epoch)

    async def owned(self, job: Job) -> Job | None:
        """The job; one that an earlier engine left is taken over, should it ever be gone on with."""
        if job.epoch >= self.epoch:
            return job
        await self._jobs.claim(job, self.epoch)
        return await self._jobs.load(job.id)


class Claims:
    """Many workers, each with the jobs it claimed: each job's epoch counts how often it changed hands."""

    def __init__(self) -> None:
        self._claimed: dict[JobId, int] = {}

    def add(self, job: Job) -> None:
        """This worker took the job over, with the epoch it has now."""
        self._claimed[job.id] = job.epoch

    def drop(self, job_id: JobId) -> None:
        """This worker is done with the job, or has lost it."""
        self._claimed.pop(job_id, None)

    async def owned(self, job: Job) -> Job | None:
        """The job while its epoch is the one that was claimed; never taken over again by the way."""
        return job if self._claimed.get(job.id) == job.epoch else None
