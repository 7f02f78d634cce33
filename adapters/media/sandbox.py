"""Runs one decoding function in a process that can be killed, with limits in memory, processor time and patience."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from adapters.media.processes import kill_group, worker_command, worker_environment
from bot.errors import BadInput, DiskFull
from bot.languages.said import say
from bot.languages.stored import unpack
from bot.languages.words import subject_word

log = structlog.get_logger()

_LARGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one operation may use. The processor's time is bounded by the wall clock's."""

    timeout_s: float = 60.0
    memory_bytes: int = 2 * 1024**3


async def run(
    operation: str, subject: str, arguments: Mapping[str, Any], bounds: Bounds, standby: Standby | None = None
) -> dict[str, Any]:
    """Do `operation` of `adapters.media.worker` in a fresh process and return its answer.

    `subject` is how the input is called in sentences ("picture", "video"). Raises `BadInput` in one sentence when the
    input cannot be used, also when decoding it crashed, ran out of memory or took too long, and `DiskFull`. When this
    call is cancelled the process is killed with its whole group before the cancellation goes on.
    `standby` may have a process ready; it is as fresh as any other.
    """
    process = await standby.take(arguments) if standby is not None else None
    if process is None:
        process = await _start(operation, bounds, arguments)
    try:
        async with asyncio.timeout(bounds.timeout_s):
            answer, complaints = await _read(process)
    except TimeoutError:
        log.warning("media.timeout", operation=operation, timeout_s=bounds.timeout_s)
        raise BadInput(
            say(
                "The {subject} took longer than {seconds:g} seconds to read: send a smaller or simpler one.",
                subject=subject_word(subject),
                seconds=bounds.timeout_s,
            )
        ) from None
    finally:
        kill_group(process.pid)
        # Killed, so this cannot take long; shielded, so that a cancellation leaves no zombie behind.
        await asyncio.shield(process.wait())
        if standby is not None:
            standby.prepare()
    return _judge(operation, subject, process.returncode, answer, complaints)


class Standby:
    """One process that has loaded what an operation needs, and waits for the one task it will do.

    Starting Python and loading the libraries takes four times as long as bringing a picture into its limits.
    """

    def __init__(self, operation: str, bounds: Bounds) -> None:
        self._operation = operation
        self._bounds = bounds
        self._starting: asyncio.Task[asyncio.subprocess.Process] | None = None
        self._closed = False

    def prepare(self) -> None:
        """See to it that one is ready soon. Returns at once; harmless when one is."""
        if self._starting is None and not self._closed:
            self._starting = asyncio.create_task(_start(self._operation, self._bounds, None))

    async def take(self, arguments: Mapping[str, Any]) -> asyncio.subprocess.Process | None:
        """The one that is ready, with its task; `None` when there is none, or it died meanwhile."""
        starting, self._starting = self._starting, None
        if starting is None:
            return None
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # It goes on starting, and serves the next one.
            self._starting = starting
            raise
        except OSError:
            return None
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(dict(arguments)).encode() + b"\n")
            await process.stdin.drain()
        except OSError:
            kill_group(process.pid)
            await asyncio.shield(process.wait())
            return None
        except BaseException:
            kill_group(process.pid)
            raise
        return process

    async def aclose(self) -> None:
        """End the one that waits; none is made ready from now on."""
        self._closed = True
        starting, self._starting = self._starting, None
        if starting is not None:
            with contextlib.suppress(OSError):
                process = await starting
                kill_group(process.pid)
                await process.communicate()


async def _start(operation: str, bounds: Bounds, arguments: Mapping[str, Any] | None) -> asyncio.subprocess.Process:
    task: dict[str, Any] = {"memory_bytes": bounds.memory_bytes, "cpu_s": math.ceil(bounds.timeout_s)}
    if arguments is not None:
        task["arguments"] = dict(arguments)
    return await asyncio.create_subprocess_exec(
        *worker_command("adapters.media.worker", operation, json.dumps(task)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=worker_environment(),
        start_new_session=True,
    )


async def _read(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    answer, complaints = await asyncio.gather(_tail(process.stdout), _tail(process.stderr))
    await process.wait()
    return answer, complaints


async def _tail(stream: asyncio.StreamReader) -> bytes:
    """The last part of what a process says: a codec that complains about every block must not fill our memory."""
    kept = b""
    while chunk := await stream.read(_LARGEST_ANSWER):
        kept = (kept + chunk)[-_LARGEST_ANSWER:]
    return kept


def _judge(operation: str, subject: str, status: int | None, answer: bytes, complaints: bytes) -> dict[str, Any]:
    try:
        said = json.loads(answer)
    except ValueError:
        said = {}
    if status == 0 and isinstance(said, dict) and "answer" in said:
        found: dict[str, Any] = said["answer"]
        return found
    match said.get("error") if isinstance(said, dict) else None:
        case "bad_input":
            raise BadInput(unpack(said["packed"]))
        case "disk_full":
            raise DiskFull(say("There is no room left on the disk: free some space and try again."))
        case "memory":
            raise BadInput(
                say(
                    "The {subject} needs more memory to read than Reelbot allows: send a smaller one.",
                    subject=subject_word(subject),
                )
            )
    log.warning("media.crash", operation=operation, status=status, detail=complaints[-2000:].decode(errors="replace"))
    raise BadInput(
        say(
            "The {subject} could not be read because decoding it failed: save it again as another file.",
            subject=subject_word(subject),
        )
    )
