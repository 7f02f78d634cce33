"""Forks patients and judges from one process that has everything imported already: a start takes milliseconds.

Speaks JSON lines on stdin and stdout. `{"patient": "<path of RUN.json>"}` and `{"judge": "<module>", "arguments": […]}`
answer `{"pid": N}`; `{"wait": N}` answers `{"status": S}` when that child has ended (negative: killed by that signal);
`{"kill": N}` answers when it has been killed and reaped. Every child is a process of its own and may be killed by anybody.
The zygote never starts a thread or a loop, so what it forks is as good as new. It ends with its stdin, and takes its
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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Imported before the first fork, so that no child has to.
from tests.crash import patient
from tests.emulators import eachlabs, judge_chat, judge_provider, wavespeed

JUDGES = {
    "judge_provider": judge_provider.main,
    "judge_chat": judge_chat.main,
    "wavespeed": wavespeed.main,
    "eachlabs": eachlabs.main,
}
PR_SET_PDEATHSIG = 1


def main() -> None:
    libc = ctypes.CDLL(None)
    # Children live for a second: collecting garbage would only make them copy the zygote's pages.
    gc.disable()
    while line := sys.stdin.buffer.readline():
        request: dict[str, Any] = json.loads(line)
        match request:
            case {"patient": path}:
                _answer({"pid": _fork(libc, partial(_run_patient, path))})
            case {"judge": module, "arguments": arguments}:
                _answer({"pid": _fork(libc, partial(_run_judge, module, arguments))})
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
        # The zygote's pipes are none of the child's business: it would eat requests, or garble answers.
        lifeline, _keep = os.pipe()
        os.dup2(lifeline, 0)
        os.dup2(2, 1)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _run_patient(path: str) -> None:
    patient.perform(patient.Run.from_json(Path(path).read_text()))


def _run_judge(module: str, arguments: list[str]) -> None:
    sys.argv = [module, *arguments]
    JUDGES[module]()


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


if __name__ == "__main__":
    main()
