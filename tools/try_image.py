"""Uses what `tools/replay_image.py` built, as the image would be used: look at it, try it, run it, stop it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tools.dockerfile import Stage, filled
from tools.sealed import interpreter, sealed, why_not
from tools.steps import StepFailedError, finish, moved, say, without_network

_START_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What was built, ready to be started: with the image's environment and nothing else."""

    stage: Stage
    now: Path
    folder: Path

    def command(self, words: Sequence[str], *, more: Mapping[str, str], has_network: bool) -> tuple[list[str], Path]:
        """A command line, and where to run it: in a sealed root as the image's user, or in place as oneself."""
        declared = self.stage.environment
        if why_not() is None:
            env = {name: filled(value, {"PATH": "/usr/local/bin:/usr/bin:/bin"}) for name, value in declared.items()}
            # A root for each command: the one of a server that runs is taken.
            root = Path(tempfile.mkdtemp(dir=self.folder, prefix="root-"))
            # The environment lies at /app, where the image has it, and at its own path, which its scripts name.
            show = {str(interpreter()): interpreter(), str(self.now): self.now, "/app": self.now / "app"}
            return sealed(
                words, root=root, data=self.data, env=env | dict(more), user=self.user, show=show,
                has_network=has_network,
            ), self.folder  # fmt: skip
        env = {name: filled(moved(value, self.now), os.environ) for name, value in declared.items()} | dict(more)
        barred = () if has_network else without_network()
        return [*barred, "env", "-i", *(f"{name}={value}" for name, value in env.items()), *words], self.data

    @property
    def data(self) -> Path:
        """The one directory it may write."""
        volume = self.stage.last("VOLUME")
        return self.now / (volume.words[0] if volume else "data").lstrip("/")

    @property
    def user(self) -> int:
        """Whom it runs as."""
        user = self.stage.last("USER")
        return int(user.text.partition(":")[0]) if user else 0

    def finish(self, *words: str) -> str:
        """Run a command without a network to its end."""
        command, cwd = self.command(words, more={}, has_network=False)
        return finish(command, env=os.environ, cwd=cwd)


def use(image: Image, *, version: str) -> None:
    """What a person does with an image. Raises `StepFailedError` at the first thing that is not as it should be."""
    lacking = why_not()
    way = f"in place and as oneself, for {lacking}" if lacking else f"root read-only, its own /tmp, user {image.user}"
    say("use it", way)
    before = _listing(image.now / "app")
    if (told := image.finish("reelbot", "--version")) != version:
        raise StepFailedError(f"reelbot --version says {told}, and the checkout is {version}")
    say("reelbot --version", told)
    say("reelbot demo --once", image.finish("reelbot", "demo", "--once").splitlines()[0])
    say("reelbot run, its health probe, SIGTERM", _served(image))
    after = _listing(image.now / "app")
    if after != before:
        raise StepFailedError(f"/app was written to: {sorted(set(after) ^ set(before))[:5]}")
    _complete("/app", after)
    _complete("/usr/local", _listing(image.now / "usr/local"))
    say("/app", f"{len(after)} files, {sum(size for size, _ in after.values()) / 1e6:.0f} MB, unchanged by the use")


def _complete(place: str, files: Mapping[str, tuple[int, int]]) -> None:
    """Every module has its bytecode, and there is no pip."""
    bare = [each for each in files if each.endswith(".py") and cache_from_source(each) not in files]
    if bare:
        raise StepFailedError(f"{len(bare)} modules in {place} have no bytecode, {bare[0]} for one")
    pip = [each for each in files if re.search(r"(^|/)(pip3?[\d.]*|ensurepip|pip-[^/]*)(/|$)", each)]
    if pip:
        raise StepFailedError(f"pip is in {place}: {pip[0]}")
    say(place, "every module has its bytecode; no pip")


def _served(image: Image) -> str:
    """`reelbot run` until its own health probe finds it well; then SIGTERM, and exit code 0."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = {"REELBOT_WEB__PORT": str(free.getsockname()[1])}
    probe = image.stage.last("HEALTHCHECK")
    assert probe is not None
    assert probe.array is not None
    command, cwd = image.command(["reelbot", "run"], more=port, has_network=True)
    began = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, stderr=subprocess.PIPE, text=True) as server:
        try:
            while True:
                asking, _ = image.command(probe.array, more=port, has_network=True)
                if subprocess.run(asking, cwd=cwd, capture_output=True, check=False).returncode == 0:
                    break
                if server.poll() is not None or time.monotonic() > began + _START_S:
                    raise StepFailedError("it never became well")
                time.sleep(0.2)
            well_s = time.monotonic() - began
            server.send_signal(signal.SIGTERM)
            if (code := server.wait(timeout=_START_S)) != 0:
                raise StepFailedError(f"exit code {code} after SIGTERM")
        finally:
            server.kill()
    return f"well after {well_s:.1f} s, ended with 0"


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(each.relative_to(folder)): (each.lstat().st_size, each.lstat().st_mtime_ns)
        for each in folder.rglob("*")
        if each.is_symlink() or not each.is_dir()
    }
