"""The local renderer as a provider: every order is a folder, every render a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from adapters.media.processes import start_worker
from adapters.providers.local.catalogue import MODELS
from adapters.providers.local.folder import INPUT_GONE, LOCAL_FAULT, Failure, Order, RenderFolder
from adapters.providers.local.orders import missing_input, order_for, request_again
from adapters.providers.local.stopping import close_lifeline, stop
from adapters.providers.local.worker import DISK_FULL, DONE, FAILED, disk_full
from adapters.providers.placed import Placed
from bot.errors import NO_ROOM, DiskFull, NotAllowed, NotFound, NotSent, ProviderUnavailable, Refused
from bot.jobs.model import Asset, Submission
from bot.languages.said import say
from bot.money.amount import FREE, Money
from bot.ports import (
    Accepted,
    Cancelled,
    Capacity,
    CheckResult,
    Clock,
    Failed,
    FindResult,
    Found,
    HostedInput,
    Model,
    NotThere,
    ProviderEvent,
    Rendering,
    SubmitRequest,
    Succeeded,
    Unknown,
)

log = structlog.get_logger()

_MOST_CRASHES = 3
_SWEPT_EVERY = timedelta(days=1)


class LocalProvider:
    """Implements `bot.ports.Provider`. Free, without a network; a lost render is simply made again, frame for frame.

    Lost with its process, or with its whole machine: then another that is asked for it makes it from the stored order.
    """

    name = "local"

    def __init__(
        self,
        renders_dir: Path,
        clock: Clock,
        locate: Callable[[str], Awaitable[Path]],
        *,
        max_concurrent: int = 1,
        frames: int | None = None,
        placed: Callable[[str, str], Awaitable[Placed | None]] | None = None,
    ) -> None:
        """`locate` gives the local file of an asset by its id; `frames` shortens every clip, for tests.

        `placed` as in `ProviderContext`: without it a render whose folder is not here is none of ours.
        """
        self.capacity = Capacity(max_concurrent=max_concurrent)
        self._renders_dir = renders_dir
        self._clock = clock
        self._locate = locate
        self._max_concurrent = max_concurrent
        self._frames = frames
        self._placed = placed
        self._placing = asyncio.Lock()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._crashes: dict[str, int] = {}
        self._failures: dict[str, Failure] = {}
        self._swept_at: float | None = None
        self._closed = False

    def models(self) -> Sequence[Model]:
        """A camera move over the picture, and a loop of a finished clip."""
        return MODELS

    async def host(self, asset: Asset) -> HostedInput:
        """The asset's own file is reach enough. What `locate` raises passes."""
        return HostedInput(asset=asset, url=(await self._locate(asset.id)).resolve().as_uri())

    async def submit(self, request: SubmitRequest, about_to_send: Callable[[], Awaitable[None]]) -> Accepted:
        """Write the order, ask, and begin rendering. `Refused` for what it cannot do, `NotSent` when it cannot write.

        The order is on disk before `about_to_send`, so that an accepted render survives everything after it.
        """
        if not _is_id(request.attempt_id):
            raise Refused(say("The attempt's id cannot name a folder."))
        order = order_for(request, frames=self._frames)
        folder = self._folder(request.attempt_id)
        try:
            await asyncio.to_thread(self._create, folder, order)
        except OSError as error:
            await asyncio.to_thread(folder.remove)
            raise NotSent(_not_started(error)) from error
        try:
            await about_to_send()
        except BaseException:
            # Synchronous, for this may be a cancellation; it is one small file.
            folder.remove()
            raise
        self._start(request.attempt_id)
        return Accepted(provider_job_id=request.attempt_id, price=FREE)

    async def check(self, provider_job_id: str) -> CheckResult:
        """How the render stands. One that nobody here is rendering is begun again: after a restart, or from another machine.

        `ProviderUnavailable` when its input cannot be had at the moment, or nothing can be written.
        """
        if not _is_id(provider_job_id):
            return Unknown(reason=say("This is no render of ours."))
        self._reap()
        folder = self._folder(provider_job_id)
        if folder.is_cancelled():
            # Before the result: a clip that was finished in the same moment must not turn the answer round.
            return Cancelled(charged=FREE)
        if folder.result.exists():
            return Succeeded(url=folder.result.resolve().as_uri(), price=FREE)
        if not folder.exists():
            return await self._begin_anew(provider_job_id) or Unknown(reason=say("There is no such render here."))
        failure = folder.failure() or self._failures.get(provider_job_id)
        if failure is not None:
            return Failed(code=failure.code, message=failure.message, charged=FREE)
        if provider_job_id in self._running or folder.is_locked():
            return Rendering(progress=folder.progress())
        if _lacks_its_input(folder) and (answer := await self._begin_anew(provider_job_id)) is not None:
            # It was copied here from a bucket, and such a copy does not stay for ever.
            return answer
        self._start(provider_job_id)
        return Rendering(progress=0.0)

    async def find(self, submission: Submission) -> FindResult:
        """The folder is the proof, or the stored order: it costs nothing to make it. An empty look-up is certain too."""
        attempt_id = submission.attempt_id
        if not _is_id(attempt_id):
            return NotThere()
        if self._folder(attempt_id).exists() or await self._order_of(attempt_id) is not None:
            return Found(provider_job_id=attempt_id)
        return NotThere()

    async def cancel(self, provider_job_id: str) -> bool:
        """Stop the render for good. False when it had already ended, or is none of ours.

        What another machine may be rendering is not begun here, as the wish is stored; nobody will ask that machine for it.
        """
        if not _is_id(provider_job_id):
            return False
        folder = self._folder(provider_job_id)
        if folder.result.exists():
            return False
        if not folder.exists():
            return await self._order_of(provider_job_id) is not None
        with contextlib.suppress(OSError):
            # On a full disk the process is stopped all the same; the next check would then begin it again.
            await asyncio.to_thread(folder.mark_cancelled)
        process = self._running.pop(provider_job_id, None)
        if process is not None:
            await asyncio.to_thread(stop, process)
        return folder.is_cancelled()

    async def balance(self) -> Money | None:
        """There is no account."""
        return None

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, attempt_id: str = "") -> ProviderEvent:
        """Nobody calls for the local renderer: whatever comes is forged."""
        raise NotAllowed("The local renderer sends no webhooks.")

    async def discard(self, provider_job_id: str) -> None:
        """Forget a render whose clip has been fetched, or that ended without one. Harmless when it is gone."""
        if not _is_id(provider_job_id):
            return
        process = self._running.pop(provider_job_id, None)
        if process is not None:
            await asyncio.to_thread(stop, process)
        self._crashes.pop(provider_job_id, None)
        self._failures.pop(provider_job_id, None)
        await asyncio.to_thread(self._folder(provider_job_id).remove)

    async def aclose(self) -> None:
        """Stop the renders begun here. They are begun again by the first `check` after the next start."""
        self._closed = True
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(asyncio.to_thread(stop, process) for process in running))

    # --- orders ---------------------------------------------------------------------------------------------------

    async def _order_of(self, attempt_id: str) -> Placed | None:
        """What is stored of an order that its job still waits for."""
        return None if self._placed is None else await self._placed(self.name, attempt_id)

    async def _begin_anew(self, attempt_id: str) -> CheckResult | None:
        """Write the order from what is stored: it began on a machine that is gone, or somebody emptied the folder.

        `None` when it is not ours, or nobody waits for it any more.
        """
        placed = await self._order_of(attempt_id)
        if placed is None:
            return None
        if placed.is_cancelled:
            return Cancelled(charged=FREE)
        folder = self._folder(attempt_id)
        try:
            order = order_for(await request_again(placed, self.host), frames=self._frames)
            async with self._placing:
                # Whoever asked at the same time may have written it meanwhile.
                if not folder.exists() or _lacks_its_input(folder):
                    await asyncio.to_thread(self._create, folder, order)
        except (NotFound, Refused) as error:
            code = INPUT_GONE if isinstance(error, NotFound) else LOCAL_FAULT
            return Failed(code=code, message=str(error), charged=FREE)
        except DiskFull as error:
            raise ProviderUnavailable(str(error)) from error
        except OSError as error:
            raise ProviderUnavailable(_not_started(error)) from error
        log.info("local.begun_anew", job_id=placed.job_id, attempt_id=attempt_id)
        self._start(attempt_id)
        return Rendering(progress=0.0)

    def _create(self, folder: RenderFolder, order: Order) -> None:
        self._sweep()
        if (problem := missing_input(order)) is not None:
            raise Refused(problem)
        folder.create(order)

    def _folder(self, attempt_id: str) -> RenderFolder:
        return RenderFolder(self._renders_dir / attempt_id)

    # --- processes ------------------------------------------------------------------------------------------------

    def _start(self, attempt_id: str) -> None:
        """Begin a render if there is room; else a later `check` does. Nothing here is awaited."""
        self._reap()
        if self._closed or attempt_id in self._running or len(self._running) >= self._max_concurrent:
            return
        try:
            # From the loop's own thread: Linux ends the child with the *thread* that started it.
            process = start_worker("adapters.providers.local.worker", str(self._folder(attempt_id).path))
        except OSError as error:
            log.warning("local.not_started", attempt_id=attempt_id, error=str(error))
            return
        self._running[attempt_id] = process

    def _reap(self) -> None:
        for attempt_id, process in list(self._running.items()):
            status = process.poll()
            if status is None:
                continue
            del self._running[attempt_id]
            close_lifeline(process)
            if status == DISK_FULL:
                self._failures[attempt_id] = disk_full()
            elif status < 0 or status == FAILED:
                self._count_crash(attempt_id, status)
            if status != DONE:
                log.info("local.ended", attempt_id=attempt_id, status=status)

    def _count_crash(self, attempt_id: str, status: int) -> None:
        """A render that dies without a word is begun again, but not for ever: the picture may be what kills it."""
        self._crashes[attempt_id] = self._crashes.get(attempt_id, 0) + 1
        if self._crashes[attempt_id] >= _MOST_CRASHES:
            message = say(
                "Rendering ended unexpectedly {count} times (status {status}).", count=_MOST_CRASHES, status=status
            )
            self._failures[attempt_id] = Failure(code=LOCAL_FAULT, message=message)

    # --- tidiness -------------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Once a day: remove folders that no job can be asking for any more."""
        at = self._clock.monotonic()
        if self._swept_at is not None and at - self._swept_at < _SWEPT_EVERY.total_seconds():
            return
        if not self._renders_dir.is_dir():
            return
        self._swept_at = at
        now = self._clock.now().timestamp()
        for path in self._renders_dir.iterdir():
            folder = RenderFolder(path)
            if folder.is_orphan(now):
                folder.remove()


def _is_id(attempt_id: str) -> bool:
    """Ids become folder names: nothing in them may lead elsewhere."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", attempt_id) is not None


def _lacks_its_input(folder: RenderFolder) -> bool:
    try:
        return missing_input(folder.order()) is not None
    except (OSError, ValueError, TypeError):
        # Whoever renders says what is wrong with the order.
        return False


def _not_started(error: OSError) -> str:
    reason = say("there is no room left on the disk") if error.errno in NO_ROOM else str(error.strerror)
    return say("The render could not be started: {reason}.", reason=reason)
