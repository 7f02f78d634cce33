"""Rendering: a job ends when its time is over and it has been asked after often enough; then its webhook is called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.emulators.vendor_books import RENDERING, Books, Job
from tests.emulators.vendor_clips import Shelf
from tests.emulators.vendor_files import Storage

FAILED, MODERATED, UNREACHABLE, TIMED_OUT = 1403, 1200, 1402, 5004
"""Codes of failed tasks, as WaveSpeed numbers them."""
NEVER = 10**9
ANSWER_WITHIN_S = 5.0
"""How long a poll waits for a clip that is being made; after that the answer is "still processing"."""

Announce = Callable[[Job], Awaitable[None]]


class Kiln:
    """Carries every job from acceptance to its end."""

    def __init__(
        self,
        books: Books,
        shelf: Shelf,
        storage: Storage,
        settings: Mapping[str, Any],
        reachable: Callable[[], Mapping[str, str]],
    ) -> None:
        self._books = books
        self._shelf = shelf
        self._storage = storage
        self._settings = settings
        self._reachable = reachable
        self._pictures: dict[str, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.announce: Announce

    def later(self, work: Any) -> asyncio.Task[None]:
        """Run something beside the request."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def start(self, job: Job) -> None:
        """Begin, or after a restart go on with, a job."""
        self.later(self._render(job))

    def takes_s(self, job: Job) -> float:
        return job.markers.seconds("takes", self._settings["render_s"])

    def phase(self, job: Job) -> str:
        """`created`, later `processing`."""
        if "backwards" in job.markers:
            return "created" if job.counts["check"] == 2 else "processing"
        return "created" if time.time() < job.at + self.takes_s(job) / 4 else "processing"

    async def check(self, job: Job) -> None:
        """Somebody asks after the job."""
        job.counts["check"] += 1
        if self._is_due(job):
            await asyncio.wait({self._ending(job)}, timeout=ANSWER_WITHIN_S)

    async def end_now(self, job: Job) -> None:
        """End a job at once, whatever its time."""
        if job.status == RENDERING:
            await self._ending(job)

    async def _render(self, job: Job) -> None:
        await self._fetch(job)
        await asyncio.sleep(max(0.0, job.at + self.takes_s(job) - time.time()))
        if self._is_due(job):
            await self._ending(job)

    def _is_due(self, job: Job) -> bool:
        if job.status != RENDERING or "stuck" in job.markers or time.time() < job.at + self.takes_s(job):
            return False
        needed = job.markers.times("slow", 3) or (3 if "backwards" in job.markers else self._settings["checks"])
        return job.counts["check"] > needed or needed == 0

    def _ending(self, job: Job) -> asyncio.Task[None]:
        if job.ending is None:
            job.ending = self.later(self._end(job))
        return job.ending

    async def _end(self, job: Job) -> None:
        code, reason = self._failure(job)
        if not code:
            try:
                await self._shelf.make(job, self._picture(job))
            except OSError as error:
                code, reason = UNREACHABLE, f"the media could not be read: {error}"
        if job.status != RENDERING:
            return  # cancelled meanwhile
        if code:
            keeps = "billed-then-failed" in job.markers or "failed-silent" in job.markers
            self._books.end(job, "failed", kept=job.billed if keeps else 0, code=code, reason=reason)
        else:
            self._books.end(job, "succeeded", kept=job.billed)
        if "webhook-early" not in job.markers:
            self.later(self.announce(job))

    @staticmethod
    def _failure(job: Job) -> tuple[int, str]:
        """Code and reason; code 0 when the job succeeds."""
        if job.unreachable:
            return UNREACHABLE, "the media URL could not be reached"
        if "moderated" in job.markers:
            return MODERATED, "content rejected by moderation"
        if "timed-out" in job.markers:
            return TIMED_OUT, "the task timed out"
        if any(word in job.markers for word in ("billed-then-failed", "failed-free", "failed-silent", "born-failed")):
            return FAILED, "the render failed"
        return 0, ""

    def _picture(self, job: Job) -> bytes | None:
        return self._pictures.pop(job.id, None) or self._storage.read(job.input_url)

    async def _fetch(self, job: Job) -> None:
        """Get an input from the address it was hosted at, where somebody told us what stands for that address."""
        url = urlsplit(job.input_url)
        origin = f"{url.scheme}://{url.netloc}"
        real = self._reachable().get(origin)
        if real is None:
            return
        facts: dict[str, Any] = {"provider_job_id": job.id, "url": job.input_url, "status": None, "size": 0}
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
                async with session.head(real + job.input_url.removeprefix(origin)) as response:
                    facts["head"] = response.status
                async with session.get(real + job.input_url.removeprefix(origin)) as response:
                    picture = await response.read()
                    facts |= {"status": response.status, "size": len(picture), "type": response.content_type}
        except (aiohttp.ClientError, TimeoutError) as error:
            facts["error"] = str(error)
        self._books.journal.write("fetched-input", **facts)
        if facts["status"] == 200:
            self._pictures[job.id] = picture
        else:
            job.unreachable = True
