"""What the replay of a build and the trial of its outcome share: a step, its outcome, and commands without a network."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_PATH = re.compile(r"(?:^|(?<=[\s=:\"']))/(?=[A-Za-z])")


class StepFailedError(Exception):
    """A step did not do what it should; says what it said."""


def moved(text: str, root: Path) -> str:
    """A command, or a value of the environment, with every absolute path moved into `root`.

    Raises `StepFailedError` rather than let a path through that leads anywhere else: some commands delete.
    """
    done = _PATH.sub(lambda _: f"{root}/", text)
    rest = done.replace(f"{root}/", "")
    if ".." in rest or re.search(r"(?<![\w*])/", rest):
        raise StepFailedError(f"this cannot be moved into {root}: {text}")
    return done


def say(step: str, outcome: str) -> None:
    """One line of the report."""
    print(f"  {step}\n      → {outcome}", flush=True)


@cache
def without_network() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where that is not permitted."""
    # Whoever is root stays it; in a user namespace he could give a file to nobody else.
    candidates = [("unshare", "--net")] if os.getuid() == 0 else [("unshare", "--net", "--map-root-user")]
    for candidate in candidates:
        with contextlib.suppress(OSError):
            if subprocess.run([*candidate, "true"], capture_output=True, check=False).returncode == 0:
                return candidate
    return ()


def finish(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> str:
    """Run to the end; what it printed. Raises `StepFailedError` with the last of it."""
    done = subprocess.run(command, env=dict(env), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-30:]
        raise StepFailedError(f"exit code {done.returncode}\n    " + "\n    ".join(said))
    return done.stdout.strip()
