"""Fetching the program: once per checkout and pin, by npm, into `.cache/local-slack`, which git does not see.

The lock file pins it by its hash and names no registry's host: npm takes whichever registry it is set up for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "local-slack"
PIN = ("package.json", "package-lock.json")
PROGRAM = Path("node_modules/local-slack-linux-x64/bin/local-slack")
INSTALL_TIMEOUT_S = 300
NPM = "ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --omit-lockfile-registry-resolved"
# npm waits ten seconds, then a minute, before it gives up a registry that is not there.
PATIENCE = "--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=1000"
WRONG_PACKAGE = ("EINTEGRITY", "EUSAGE")


class Unavailable(Exception):
    """This machine cannot run local-slack; the message is one sentence that says why."""


def program() -> Path:
    """The program, installed when it is not there yet; raises `Unavailable`."""
    found = _program(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid())))
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def _program(run: str) -> Path | str:
    place = CACHE / hashlib.sha256(b"".join((HERE / name).read_bytes() for name in PIN)).hexdigest()[:16]
    if (place / PROGRAM).exists():
        return place / PROGRAM
    why = _why_not()
    if why is not None:
        return why
    try:
        with _alone():
            return _installed(place, run)
    except PermissionError:
        return "local-slack has to be installed, and this checkout cannot be written"


def _why_not() -> str | None:
    if (sys.platform, platform.machine(), platform.libc_ver()[0]) != ("linux", "x86_64", "glibc"):
        return f"local-slack is made for Linux on x86-64 with glibc, and this is {platform.platform()}"
    if shutil.which("npm") is None:
        return "local-slack is installed by npm, and there is no npm on this machine"
    return None


@contextmanager
def _alone() -> Iterator[None]:
    """One worker installs, the others wait; the folder keeps itself out of git."""
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _installed(place: Path, run: str) -> Path | str:
    """Install it, unless another worker just did; a failure is told to the other workers of this test run."""
    failure = CACHE / f"failed-in-{run}"
    if failure.exists():
        return failure.read_text()
    if not (place / PROGRAM).exists():
        for old in (*CACHE.glob("failed-in-*"), *(each for each in CACHE.iterdir() if each.is_dir())):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        why = _npm(place)
        if why is not None:
            failure.write_text(why)
            return why
    return place / PROGRAM


def _npm(place: Path) -> str | None:
    """Install beside, then rename; why it was not possible, if it was not."""
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="unfinished-") as folder:
        package = Path(folder) / "package"
        package.mkdir()
        for name in PIN:
            shutil.copy(HERE / name, package)
        command = ["npm", *NPM.split(), *PATIENCE.split(), "--cache", f"{folder}/npm"]
        try:
            done = subprocess.run(
                command, cwd=package, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"local-slack could not be installed: npm took more than {INSTALL_TIMEOUT_S} s"
        if any(code in done.stderr for code in WRONG_PACKAGE):
            # Not this machine's fault: the pin and the registry disagree, and somebody has to look.
            raise RuntimeError(f"npm refuses the pinned local-slack:\n{done.stderr}")
        if done.returncode != 0 or not (package / PROGRAM).exists():
            said = [line.removeprefix("npm error").strip() for line in done.stderr.splitlines() if "error" in line]
            return f"local-slack could not be installed by npm ({said[0] if said else 'it said nothing'})"
        package.rename(place)
    return None
