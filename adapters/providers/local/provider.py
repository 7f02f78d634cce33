"""The local renderer as a provider: every order is a folder, every render a process that may be killed at any time."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from adapters.media.processes import kill_group, start_worker
from adapters.providers.local.catalogue import MODELS
from adapters.providers.local.folder import LOCAL_FAULT, Failure, Order, RenderFolder
from adapters.providers.local.orders import missing_input, order_for
from adapters.providers.local.worker import DISK_FULL, DONE, FAILED, disk_full
from bot.errors import NO_ROOM, NotAllowed, NotSent, Refused
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
_EMPTY_IS_ORPHAN_AFTER = timedelta(days=1)
_ORPHAN_AFTER = timedelta(days=8)
"""A job gives a render up after 7 days (DESIGN §4); until then its folder may be the only proof of the order."""


class LocalProvider:
    """Implements `bot.ports.Provider`. Free, without a network; a lost render is simply made again, frame for frame."""

    name = "local"

    def __init__(
        self,
        renders_dir: Path,
        clock: Clock,
        locate: Callable[[str], Awaitable[Path]],
        *,
        max_concurrent: int = 1,
        frames: int | None = None,
    ) -> None:
        """`locate` gives the local file of an asset by its id; `frames` shortens every clip, for tests."""
        self.capacity = Capacity(max_concurrent=max_concurrent)
        self._renders_dir = renders_dir
        self._clock = clock
        self._locate = locate
        self._max_concurrent = max_concurrent
        self._frames = frames
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._crashes: dict[str, int] = {}
        self._failures: dict[str, Failure] = {}
        self._swept = False
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
            full = error.errno in NO_ROOM
            reason = say("there is no room left on the disk") if full else str(error.strerror)
            raise NotSent(say("The render could not be started: {reason}.", reason=reason)) from error
        try:
            await about_to_send()
        except BaseException:
            # Synchronous, for this may be a cancellation; it is one small file.
            folder.remove()
            raise
        self._start(request.attempt_id)
        return Accepted(provider_job_id=request.attempt_id, price=FREE)

    async def check(self, provider_job_id: str) -> CheckResult:
        """How the render stands. One that nobody is rendering, after a restart say, is begun again."""
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
            return Unknown(reason=say("There is no such render here."))
        failure = folder.failure() or self._failures.get(provider_job_id)
        if failure is not None:
            return Failed(code=failure.code, message=failure.message, charged=FREE)
        if provider_job_id in self._running or folder.is_locked():
            return Rendering(progress=folder.progress())
        self._start(provider_job_id)
        return Rendering(progress=0.0)

    async def find(self, submission: Submission) -> FindResult:
        """The folder is the proof: here an empty look-up is certain too."""
        if _is_id(submission.attempt_id) and self._folder(submission.attempt_id).exists():
            return Found(provider_job_id=submission.attempt_id)
        return NotThere()

    async def cancel(self, provider_job_id: str) -> bool:
        """Stop the render for good. False when it had already ended, or was never here."""
        folder = self._folder(provider_job_id)
        if not _is_id(provider_job_id) or not folder.exists() or folder.result.exists():
            return False
        with contextlib.suppress(OSError):
            # On a full disk the process is stopped all the same; the next check would then begin it again.
            await asyncio.to_thread(folder.mark_cancelled)
        process = self._running.pop(provider_job_id, None)
        if process is not None:
            await asyncio.to_thread(_stop, process)
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
            await asyncio.to_thread(_stop, process)
        self._crashes.pop(provider_job_id, None)
        self._failures.pop(provider_job_id, None)
        await asyncio.to_thread(self._folder(provider_job_id).remove)

    async def aclose(self) -> None:
        """Stop the renders begun here. They are begun again by the first `check` after the next start."""
        self._closed = True
        running, self._running = list(self._running.values()), {}
        await asyncio.gather(*(asyncio.to_thread(_stop, process) for process in running))

    # --- orders ---------------------------------------------------------------------------------------------------

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
            _close_lifeline(process)
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
        """Once per start: remove folders that no job can be asking for any more."""
        if self._swept or not self._renders_dir.is_dir():
            return
        self._swept = True
        now = self._clock.now().timestamp()
        for path in self._renders_dir.iterdir():
            folder = RenderFolder(path)
            after = _ORPHAN_AFTER if folder.exists() or folder.result.exists() else _EMPTY_IS_ORPHAN_AFTER
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > after.total_seconds() and not folder.is_locked():
                    folder.remove()


def _is_id(attempt_id: str) -> bool:
    """Ids become folder names: nothing in them may lead elsewhere."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", attempt_id) is not None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a render: asked first, so that it removes its temporary file, killed when it does not listen."""
    process.terminate()
    deadline = time.monotonic() + 3.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    kill_group(process.pid)
    process.wait()
    _close_lifeline(process)


def _close_lifeline(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
