"""Forks from one process that has everything imported already: a start takes milliseconds instead of half a second.

    python -m tests.emulators.nursery

Speaks JSON lines on stdin and stdout. `{"judge": "<module>", "arguments": […]}` answers `{"pid": N}`; `{"wait": N,
"for_s": S}` answers `{"status": …}` when that child has ended (negative: killed by that signal; `null`: still running);
`{"kill": N}` answers when it has been killed and reaped. Every child is a process of its own and may be killed by anybody.
The nursery never starts a thread or a loop, so what it forks is as good as new. It ends with its stdin, and takes its
children with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

PR_SET_PDEATHSIG = 1


def serve(judges: Mapping[str, Callable[[], None]], patient: Callable[[str], None] | None = None) -> None:
    """Answer requests until stdin ends. `patient` is given the path that `{"patient": path}` names."""
    libc = ctypes.CDLL(None)
    # Children live for a second: collecting garbage would only make them copy this process's pages.
    gc.disable()
    while line := sys.stdin.buffer.readline():
        request: dict[str, Any] = json.loads(line)
        match request:
            case {"patient": path} if patient is not None:
                _answer({"pid": _fork(libc, partial(patient, path))})
            case {"judge": module, "arguments": arguments}:
                _answer({"pid": _fork(libc, partial(_run_judge, judges[module], module, arguments))})
            case {"wait": pid, "for_s": seconds}:
                _answer({"status": _wait(pid, seconds)})
            case {"kill": pid}:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                _answer({"status": _wait(pid, None)})


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _fork(libc: Any, work: Callable[[], None]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    status = 70
    try:
        # The nursery's pipes are none of the child's business: it would eat requests, or garble answers.
        lifeline, _keep = os.pipe()
        os.dup2(lifeline, 0)
        os.dup2(2, 1)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _run_judge(main: Callable[[], None], module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    main()


def _wait(pid: int, seconds: float | None) -> int | None:
    """A child's exit status; `None` when it is still running after so many seconds."""
    descriptor = os.pidfd_open(pid)
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    if not ended:
        return None
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def main() -> None:
    from tests.emulators import discord_server, eachlabs, slack_server, wavespeed

    serve(
        {
            "wavespeed": wavespeed.main,
            "eachlabs": eachlabs.main,
            "discord_server": discord_server.main,
            "slack_server": slack_server.main,
        }
    )


if __name__ == "__main__":
    main()
