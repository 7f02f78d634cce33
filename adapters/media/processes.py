"""How a worker process of ours is started and kept in its place. Standard library only: workers import it first."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

_PACKAGES_ROOT = Path(__file__).resolve().parents[2]
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
_PR_SET_PDEATHSIG = 1


def worker_command(module: str, *arguments: str) -> list[str]:
    """The command line of a worker. `-P` keeps the working directory, which is anybody's, out of the import path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def worker_environment() -> dict[str, str]:
    """What a worker may know: where to find our packages. Tokens and settings stay with the parent."""
    known = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    path = [str(_PACKAGES_ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    # One thread each: a worker is one core's work, and every further BLAS thread reserves address space it never uses.
    return known | {"PYTHONPATH": os.pathsep.join(path), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def start_worker(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a worker without waiting for it: its own process group, its stdin a lifeline, its output nowhere.

    Keep the returned object: the worker ends when its stdin does.
    """
    return subprocess.Popen(
        worker_command(module, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=worker_environment(),
        start_new_session=True,
    )


def kill_group(pid: int) -> None:
    """Kill a worker with everything it started. Harmless when it has already ended."""
    # PermissionError is what macOS answers for a group of which only a zombie is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def confine(*, memory_bytes: int, cpu_s: int, niceness: int = 10, lifeline: bool = True) -> None:
    """Called by a worker before it imports anything heavy: lower priority, hard limits, and death with the parent.

    Without `lifeline` stdin is still to be read for something else; `hold_lifeline` comes afterwards then.
    """
    with contextlib.suppress(OSError):
        os.nice(niceness)
    _limit(memory_bytes=memory_bytes, cpu_s=cpu_s)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if lifeline:
        hold_lifeline()


def hold_lifeline() -> None:
    """End when stdin does: it covers what prctl cannot, other systems, and a parent that died before that call."""
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), name="lifeline", daemon=True).start()


def _limit(*, memory_bytes: int, cpu_s: int) -> None:
    import resource

    for name, value in ((resource.RLIMIT_AS, memory_bytes), (resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_CORE, 0)):
        # A lower limit that is already there stands; macOS knows RLIMIT_AS but does not let it be set.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(name, (value, value))


def _end_with(lifeline: IO[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while lifeline.read(1024):
            pass
    os._exit(1)
