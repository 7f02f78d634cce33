"""Replays the Dockerfile in a plain temporary directory, for machines without a container engine: `make image-check`.

Every path is mapped into the directory, and each command of a RUN is carried out there, in order, with this machine's
Python in the place of the base image's. Then the result is started as the image would start it. What this cannot show:
the base image itself, the layers, and the commands that change the system; those are looked at and not run, and each
line says so. Only `pip install --require-hashes` may use the network, and it asks the registry that pip is set up with.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

from tools.dockerfile import BadDockerfile, Dockerfile, Ignored, Instruction, Stage, filled, parse
from tools.sealed import interpreter, sealed, why_not

ROOT = Path(__file__).resolve().parents[1]
NOT_RUN = ("apt-get", "groupadd", "useradd")
_SURROUNDINGS = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_proxy|\w+_PROXY|HOME|LANG")
_PATH = re.compile(r"(?:^|(?<=[\s=:\"']))/(?=[A-Za-z])")
_START_S = 60


class StepFailedError(Exception):
    """A step did not do what it should; says what it said."""


@dataclass(slots=True, kw_only=True)
class Replay:
    """A build under way in `folder`; the stage that is being made lies in `folder/now`."""

    dockerfile: Dockerfile
    ignored: Ignored
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    @property
    def now(self) -> Path:
        """The root of the stage. It has one name in all stages, because an environment knows its own path."""
        return self.folder / "now"

    def at(self, path: str) -> Path:
        """Where a path of the image lies here; a relative one is meant from the working directory."""
        return self.now / (Path(self.workdir) / path).relative_to("/")

    def mapped(self, text: str) -> str:
        """A command, or a value of the environment, with every absolute path moved into the stage.

        Raises `StepFailedError` rather than let a command touch anything else: some of them delete.
        """
        moved = _PATH.sub(lambda _: f"{self.now}/", text)
        rest = moved.replace(f"{self.now}/", "")
        if ".." in rest or re.search(r"(?<![\w*])/", rest):
            raise StepFailedError(f"cannot be mapped into {self.now}: {text}")
        return moved

    def build(self) -> None:
        """Every stage in order; the last stays in `now`."""
        for stage in self.dockerfile.stages:
            say(f"FROM {self.dockerfile.base(stage)}", f"not fetched; Python {sys.version.split()[0]} of this machine")
            self._begin()
            for each in stage.instructions:
                self._replay(each)
            if stage is not self.dockerfile.final:
                self.now.rename(self.folder / str(stage.name))

    def _begin(self) -> None:
        """What the base image brings: its Python, and the standard library without bytecode."""
        local = self.now / "usr/local"
        library = Path(sysconfig.get_path("stdlib"))
        leave = shutil.ignore_patterns("__pycache__", "site-packages", "dist-packages", "test", "tests", "config-*")
        shutil.copytree(library, local / "lib" / library.name, ignore=leave, symlinks=True)
        (local / "lib" / library.name / "site-packages" / "pip").mkdir(parents=True)
        (local / "bin").mkdir()
        (local / "bin" / "python").symlink_to(interpreter() / "bin" / "python3")
        self.environment = {name: value for name, value in os.environ.items() if _SURROUNDINGS.fullmatch(name)}
        self.environment["PATH"] = f"{local / 'bin'}:{os.environ['PATH']}"
        self.workdir = "/"

    def _replay(self, step: Instruction) -> None:
        match step.word:
            case "ENV":
                for name, value in step.pairs.items():
                    self.environment[name] = filled(self.mapped(value), self.environment)
                say(f"ENV {step.text}", "set")
            case "WORKDIR":
                self.workdir = step.text
                self.at("").mkdir(parents=True, exist_ok=True)
                say(f"WORKDIR {step.text}", "made")
            case "COPY":
                stage = f"--from={step.flags['from']} " if "from" in step.flags else ""
                say(f"COPY {stage}{step.text}", f"{self._copy(step)} files")
            case "RUN":
                for command in step.commands:
                    self._run(command)
            case _:
                say(f"{step.word} {step.text}", "noted")

    def _copy(self, step: Instruction) -> int:
        *sources, target = step.words
        stage = step.flags.get("from")
        into, copied = self.at(target), 0
        is_folder = target.endswith("/") or len(sources) > 1
        for source in sources:
            path = (self.folder / stage / source.lstrip("/")) if stage else ROOT / source
            if not path.exists():
                raise StepFailedError(f"COPY {source}: there is no such thing")
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                if not file.is_symlink() and file.is_dir():
                    continue
                if stage is None and self.ignored.covers(str(file.relative_to(ROOT))):
                    continue
                place = into / file.relative_to(path) if path.is_dir() else into / file.name if is_folder else into
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, place, follow_symlinks=False)
                copied += 1
        if not copied:
            raise StepFailedError(f"COPY {step.text}: everything is kept out by .dockerignore")
        return copied

    def _run(self, command: str) -> None:
        tool, *words = shlex.split(command)
        if tool in NOT_RUN:
            say(f"RUN {command}", f"NOT RUN; {_looked_at(tool, words)}")
        elif tool == "chown" and os.getuid() != 0:
            say(f"RUN {command}", "NOT RUN; only root may")
        else:
            began = time.monotonic()
            line = ["/bin/sh", "-c", self.mapped(command)]
            barred = [] if "--require-hashes" in words else without_network()
            _finish([*barred, *line], env=self.environment, cwd=self.at(""))
            say(f"RUN {command}", f"done in {time.monotonic() - began:.0f} s{', without a network' if barred else ''}")


@cache
def without_network() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where that is not permitted."""
    for candidate in (("unshare", "--net"), ("unshare", "--net", "--map-root-user")):
        with contextlib.suppress(OSError):
            if subprocess.run([*candidate, "true"], capture_output=True, check=False).returncode == 0:
                return candidate
    return ()


def _looked_at(tool: str, words: Sequence[str]) -> str:
    """What can be said of a command that would change this machine."""
    if tool == "apt-get" and words[0] == "install" and shutil.which("apt-cache"):
        names = [each for each in words[1:] if not each.startswith("-")]
        known = [_is_known_package(each) for each in names]
        return f"this machine's package lists {'know' if all(known) else 'do not know'} {', '.join(names)}"
    if tool == "apt-get" or shutil.which(tool) is None:
        return "nothing to look at here"
    told = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False)
    missing = [each for each in words if each.startswith("--") and each not in told.stdout + told.stderr]
    if missing:
        raise StepFailedError(f"{tool} does not know {', '.join(missing)}")
    return "this machine's knows all its options"


def _is_known_package(name: str) -> bool:
    return subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode == 0


def _finish(command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> str:
    """Run to the end; what it printed. Raises `StepFailedError` with the last of it."""
    done = subprocess.run(command, env=dict(env), cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-30:]
        raise StepFailedError(f"exit code {done.returncode}\n    " + "\n    ".join(said))
    return done.stdout.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What was built, ready to be started: with the image's environment and nothing else."""

    stage: Stage
    now: Path
    folder: Path

    def command(self, words: Sequence[str], *, more: Mapping[str, str], has_network: bool) -> tuple[list[str], Path]:
        """A command line, and where to run it: in a sealed root as the image's user, or in place as oneself."""
        env = {name: filled(value, {"PATH": "/usr/local/bin:/usr/bin:/bin"}) for name, value in self._plain().items()}
        if why_not() is None:
            (self.folder / "root").mkdir(exist_ok=True)
            show = {str(interpreter()): interpreter(), str(self.now): self.now, "/app": self.now / "app"}
            return sealed(
                words, root=self.folder / "root", data=self.data, env=env | dict(more), user=self.user, show=show,
                has_network=has_network,
            ), self.folder  # fmt: skip
        moved = {name: _PATH.sub(lambda _: f"{self.now}/", value) for name, value in self._plain().items()}
        moved["PATH"] = filled(moved["PATH"], {"PATH": os.environ["PATH"]})
        return ["env", "-i", *(f"{name}={value}" for name, value in (moved | dict(more)).items()), *words], self.data

    def _plain(self) -> dict[str, str]:
        return dict(self.stage.environment)

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
        return _finish(command, env=os.environ, cwd=cwd)


def use(image: Image) -> None:
    """What a person does with an image: look at it, try it, run it, stop it."""
    said = why_not()
    say(
        "as the image",
        "in place and as oneself: " + said if said else f"root read-only, /tmp of its own, user {image.user}",
    )
    before = _listing(image.now / "app")
    wanted = re.search(r'__version__ = "(.+)"', (ROOT / "bot/__init__.py").read_text())
    version = image.finish("reelbot", "--version")
    if wanted is None or version != wanted[1]:
        raise StepFailedError(f"reelbot --version says {version}, bot/__init__.py something else")
    say("reelbot --version", version)
    say("reelbot demo --once", image.finish("reelbot", "demo", "--once").splitlines()[0])
    say("reelbot run, the health probe, SIGTERM", _served(image))
    if image.finish("python", "-c", "import importlib.util as it; print(it.find_spec('pip'))") != "None":
        raise StepFailedError("pip is in the image")
    say("no pip", "right")
    files = _listing(image.now / "app")
    if files != before:
        raise StepFailedError(f"/app was written to: {sorted(set(files) ^ set(before))[:5]}")
    bare = [each for each in files if each.endswith(".py") and cache_from_source(each) not in files]
    if bare:
        raise StepFailedError(f"{len(bare)} modules have no bytecode, {bare[0]} for one")
    size = sum((image.now / "app" / each).lstat().st_size for each in files)
    say("/app", f"{len(files)} files, {size / 1e6:.0f} MB, every module with bytecode, unchanged by the use")


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
                # Its own mount point: the server's is taken, in a namespace of the server's.
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


def say(step: str, outcome: str) -> None:
    """One line of the report."""
    print(f"  {step}\n      → {outcome}", flush=True)


def main() -> int:
    """Replay all of it; 1 at the first step that fails."""
    began = time.monotonic()
    ignored = Ignored.parse((ROOT / ".dockerignore").read_text())
    with tempfile.TemporaryDirectory(prefix="reelbot-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            replay = Replay(dockerfile=parse((ROOT / "Dockerfile").read_text()), ignored=ignored, folder=folder)
            replay.build()
            use(Image(stage=replay.dockerfile.final, now=replay.now, folder=folder))
        except (StepFailedError, BadDockerfile) as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print(f"the image can be built and used, as far as this can tell ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
