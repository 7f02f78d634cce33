"""Runs one decoding function in a process that can be killed, with limits in memory, processor time and patience."""

from __future__ import annotations

import asyncio
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


async def run(operation: str, subject: str, arguments: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Do `operation` of `adapters.media.worker` in a fresh process and return its answer.

    `subject` is how the input is called in sentences ("picture", "video"). Raises `BadInput` in one sentence when the
    input cannot be used, also when decoding it crashed, ran out of memory or took too long, and `DiskFull`. When this
    call is cancelled the process is killed with its whole group before the cancellation goes on.
    """
    task = json.dumps(
        {
            "arguments": dict(arguments),
            "memory_bytes": bounds.memory_bytes,
            "cpu_s": math.ceil(bounds.timeout_s),
        }
    )
    process = await asyncio.create_subprocess_exec(
        *worker_command("adapters.media.worker", operation, task),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=worker_environment(),
        start_new_session=True,
    )
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
    return _judge(operation, subject, process.returncode, answer, complaints)


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
