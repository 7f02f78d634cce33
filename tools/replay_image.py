"""Replays the Dockerfile in a plain temporary directory, for machines without a container engine: `make image-check`.

Every path is mapped into the directory, and each command of a RUN is carried out there, in order, with this machine's
Python in the place of the base image's. Then the result is started as the image would start it. What this cannot show:
the base image itself, the layers, and the commands that change the system; those are looked at and not run, and each
line says so. Only `pip install --require-hashes` may use the network, and it asks the registry that pip is set up with.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.dockerfile import BadDockerfile, Dockerfile, Ignored, Instruction, filled, parse
from tools.sealed import interpreter
from tools.steps import StepFailedError, finish, moved, say, without_network
from tools.try_image import Image, use

ROOT = Path(__file__).resolve().parents[1]
NOT_RUN = ("apt-get", "groupadd", "useradd")
_SURROUNDINGS = re.compile(r"PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_proxy|\w+_PROXY|HOME|LANG")


@dataclass(slots=True, kw_only=True)
class Replay:
    """A build under way in `folder`; the stage that is being made lies in `folder/now`."""

    dockerfile: Dockerfile
    ignored: Ignored
    folder: Path
    context: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"

    @property
    def now(self) -> Path:
        """The root of the stage. It has one name in all stages, because an environment knows its own path."""
        return self.folder / "now"

    def at(self, path: str) -> Path:
        """Where a path of the image lies here; a relative one is meant from the working directory."""
        return self.now / (Path(self.workdir) / path).relative_to("/")

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
                    self.environment[name] = filled(moved(value, self.now), self.environment)
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
            path = (self.folder / stage / source.lstrip("/")) if stage else self.context / source
            if not path.exists():
                raise StepFailedError(f"COPY {source}: there is no such thing")
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                if not file.is_symlink() and file.is_dir():
                    continue
                if stage is None and self.ignored.covers(str(file.relative_to(self.context))):
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
        if re.search(r"[$`~]", command):
            # What a shell would put there nobody has mapped.
            raise StepFailedError(f"what this does is not plain: {command}")
        if tool in NOT_RUN:
            say(f"RUN {command}", f"NOT RUN; {_looked_at(tool, words)}")
        elif tool == "chown" and os.getuid() != 0:
            say(f"RUN {command}", "NOT RUN; only root may")
        else:
            began = time.monotonic()
            line = ["/bin/sh", "-c", moved(command, self.now)]
            barred = [] if "--require-hashes" in words else without_network()
            finish([*barred, *line], env=self.environment, cwd=self.at(""))
            say(f"RUN {command}", f"done in {time.monotonic() - began:.0f} s{', without a network' if barred else ''}")


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


def _version() -> str:
    """Of the checkout."""
    found = re.search(r'__version__ = "(.+)"', (ROOT / "bot/__init__.py").read_text())
    return found[1] if found else "unknown"


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
            use(Image(stage=replay.dockerfile.final, now=replay.now, folder=folder), version=_version())
        except (StepFailedError, BadDockerfile) as error:
            print(f"FAILED: {error}", file=sys.stderr)
            return 1
    print(f"the image can be built and used, as far as this can tell ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
