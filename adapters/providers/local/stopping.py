"""How a render's process is ended."""

from __future__ import annotations

import contextlib
import subprocess
import time

from adapters.media.processes import kill_group


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a render: asked first, so that it removes its temporary file, killed when it does not listen."""
    process.terminate()
    deadline = time.monotonic() + 3.0
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    kill_group(process.pid)
    process.wait()
    close_lifeline(process)


def close_lifeline(process: subprocess.Popen[bytes]) -> None:
    """Let go of our end of the pipe that ends it with us."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
