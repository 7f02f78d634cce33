"""`reelbot` started as the Dockerfile says, on a machine without a container engine.

Three ways, the strictest that this machine permits: a sealed root (`tools/sealed.py`: everything read-only but `/data`
and a `/tmp` of its own, another user, no capability); else as root in place, the process another user's; else in place
as oneself. In place the packages are a copy that nobody may write, and `TMPDIR` a directory beside the data.
The environment is what ENV says and nothing else; only the port is changed, as `--env` would. tini is left out, and
the packages are the checkout's: `make image-check` runs the installed wheel.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.dockerfile import Dockerfile, filled, parse
from tools.sealed import interpreter, sealed, why_not

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "adapters", "storage")
DOCKERFILE: Dockerfile = parse((ROOT / "Dockerfile").read_text())


def words(instruction: str) -> list[str]:
    """The exec form of an instruction of the final stage."""
    found = DOCKERFILE.final.last(instruction)
    assert found is not None
    assert found.array is not None
    return found.array


def user() -> int:
    """The number after USER."""
    found = DOCKERFILE.final.last("USER")
    assert found is not None
    return int(found.text.partition(":")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One container that is none: a folder with `data`, `tmp` and, in place, `code`."""

    folder: Path
    is_sealed: bool
    user: int | None
    """Whom it runs as; None is oneself."""

    @property
    def data(self) -> Path:
        """What is mounted at `/data`."""
        return self.folder / "data"

    def start(self, command: Sequence[str], *, env: dict[str, str], stderr: Path) -> subprocess.Popen[bytes]:
        """Start a command in the box; its id is the command's."""
        declared = DOCKERFILE.final.environment
        with stderr.open("wb") as file:
            if self.is_sealed:
                chosen = {name: filled(value, {"PATH": "/usr/bin:/bin"}) for name, value in declared.items()} | env
                # The environment lies at /app, where the image has it, and at its own path, which its scripts name.
                show = {str(interpreter()): interpreter(), "/app": Path(sys.prefix), sys.prefix: Path(sys.prefix)}
                show |= {str(ROOT / each): ROOT / each for each in PACKAGES}
                mount = Path(tempfile.mkdtemp(dir=self.folder, prefix="root-"))
                line = sealed(command, root=mount, data=self.data, env=chosen, user=user(), show=show)
                return subprocess.Popen(line, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=file)
            chosen = declared | {
                "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
                "REELBOT_DATA_DIR": str(self.data),
                "TMPDIR": str(self.folder / "tmp"),
                "PYTHONPATH": str(self.folder / "code"),
            }
            return subprocess.Popen(
                command, cwd=self.data, env=chosen | env, stdout=subprocess.DEVNULL, stderr=file,
                user=self.user, group=self.user, extra_groups=None if self.user is None else [],
            )  # fmt: skip

    def probe(self, *, env: dict[str, str]) -> int:
        """Run the health probe as the engine would, beside the server; its exit code."""
        return self.start(words("HEALTHCHECK"), env=env, stderr=self.folder / "probe.txt").wait(timeout=30)

    def code(self) -> dict[str, int]:
        """What lies in the copy of the packages, and when it was changed."""
        return {str(each): each.stat().st_mtime_ns for each in (self.folder / "code").rglob("*")}


@contextmanager
def a_box() -> Iterator[Box]:
    """The strictest that is permitted here, empty."""
    # Not in pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="reelbot-box-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        someone_else = user() if os.getuid() == 0 and (why_not() is None or _can_run_python(user())) else None
        box = Box(folder=folder, is_sealed=why_not() is None, user=someone_else)
        for each in ("data", "tmp"):
            (folder / each).mkdir(mode=0o700)
            if someone_else is not None:
                os.chown(folder / each, someone_else, someone_else)
        for each in PACKAGES:
            shutil.copytree(ROOT / each, folder / "code" / each, ignore=shutil.ignore_patterns("__pycache__"))
        folders = [folder / "code", *(path for path in (folder / "code").rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        try:
            yield box
        finally:
            for path in folders:
                path.chmod(0o755)


def _can_run_python(number: int) -> bool:
    """Whether another user can reach this environment at all; one under `/root` he cannot."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", "import av, sqlalchemy"], user=number, group=number, extra_groups=[], check=False,
            capture_output=True, cwd="/", env={},
        )  # fmt: skip
    except PermissionError:
        return False
    return asked.returncode == 0


@contextmanager
def running(box: Box, *, env: dict[str, str], stderr: Path) -> Iterator[subprocess.Popen[bytes]]:
    """ENTRYPOINT and CMD, until it listens; ended by STOPSIGNAL, and by force if that does not help."""
    entry = words("ENTRYPOINT")
    server = box.start([*entry[entry.index("--") + 1 :], *words("CMD")], env=env, stderr=stderr)
    try:
        deadline = time.monotonic() + 60
        while b"listens on" not in stderr.read_bytes():
            assert server.poll() is None, stderr.read_text()
            assert time.monotonic() < deadline, stderr.read_text()
            time.sleep(0.02)
        yield server
    finally:
        if server.poll() is None:
            stop(server)
        server.kill()
        server.wait()


def stop(server: subprocess.Popen[bytes]) -> int:
    """STOPSIGNAL, and the exit code."""
    found = DOCKERFILE.final.last("STOPSIGNAL")
    assert found is not None
    server.send_signal(signal.Signals[found.text])
    return server.wait(timeout=45)
