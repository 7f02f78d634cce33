"""One case: judges that outlive everything, a data directory, and patients one after the other."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.assertions import check
from tests.crash.evidence import CHAT, SERVER, providers_of, read_evidence
from tests.crash.patient import PATIENCE_S, STACKS, Kill, Run
from tests.crash.rooms import Room, rooms
from tests.crash.stories import Story
from tests.emulators.processes import ROOT, Nursery
from tests.postgres import PostgresServer

VENDOR_SETTINGS = {"clips": "magic", "render_s": 0.02, "retry_after": "0"}
"""Emulated services render in a blink, and what they render can be told from its bytes."""


class Zygote(Nursery):
    """The warm process that forks (see `tests.crash.zygote`); one serves any number of cases, one after the other."""

    def __init__(self) -> None:
        super().__init__("tests.crash.zygote")
        self.template: Path | None = None
        """A data directory whose database is prepared already; cases copy it instead of migrating their own."""
        self.server: PostgresServer | None = None
        """Where each case has a database of its own; `None` for SQLite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one patient ended."""

    status: int
    """Exit status; -9 for SIGKILL."""
    report: dict[str, Any] | None = None

    @property
    def was_killed(self) -> bool:
        return self.status == -signal.SIGKILL


@dataclass
class Stage:
    """A folder with judges in it."""

    zygote: Zygote
    folder: Path
    story: Story
    ports: dict[str, int] = field(default_factory=dict)
    _judges: list[int] = field(default_factory=list)

    def open(self) -> None:
        """Start the judges; they take up their logs where these end."""
        names = (*providers_of(self.story), CHAT)
        for name in names:
            module = self._module(name)
            files = {"--log": f"{name}.log", "--port-file": f"{name}.port"}
            (self.folder / f"{name}.port").unlink(missing_ok=True)
            arguments = [
                "--name",
                name,
                *(part for flag, file in files.items() for part in (flag, str(self.folder / file))),
            ]
            settings = VENDOR_SETTINGS if name == self.story.vendor else None
            if name == CHAT and self._room is not None:
                settings = dict(self._room.SETTINGS)
            if settings is not None:
                script = self.folder / f"{name}.script"
                script.write_text(json.dumps(settings))
                arguments += ["--script", str(script)]
            self._judges.append(self.zygote.ask(judge=module, arguments=arguments)["pid"])
        for name in names:
            self.ports[name] = _port_in(self.folder / f"{name}.port")
        if self._room is not None:
            self._room.furnish(self.story, self.ports[CHAT])

    @property
    def _room(self) -> Room | None:
        """The emulated chat, unless it is the judge's own."""
        return rooms().get(self.story.chat)

    def _module(self, name: str) -> str:
        if name == self.story.vendor:
            return name
        if name != CHAT:
            return "judge_provider"
        return self._room.MODULE if self._room is not None else "judge_chat"

    def close(self) -> None:
        """End the judges; their logs stay."""
        for pid in self._judges:
            self.zygote.ask(kill=pid)
        self._judges.clear()

    def run(self, *, kill: Kill | None = None, after_s: float | None = None, mutation: str | None = None) -> Outcome:
        """Start one patient, and wait until it ends by itself, by its kill point, or by SIGKILL after some seconds."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        self._write_run(kill=kill, mutation=mutation)
        pid = self.zygote.ask(patient=str(self.folder / "run.json"))["pid"]
        patience = after_s if after_s is not None else PATIENCE_S + 20
        status = self.zygote.ask(wait=pid, for_s=patience)["status"]
        if status is None:
            stacks = self._stacks_of(pid) if after_s is None else ""
            self.zygote.ask(kill=pid)
            if after_s is None:
                raise RuntimeError(f"the patient in {self.folder} hangs:\n{stacks}")
            status = -signal.SIGKILL
        return Outcome(status=status, report=json.loads(report.read_text()) if report.exists() else None)

    def _stacks_of(self, pid: int) -> str:
        """Where its threads and tasks stand, as far as it can still say."""
        stacks = self.folder / STACKS
        if not stacks.exists():
            return "it had not even begun"
        os.kill(pid, signal.SIGUSR1)
        time.sleep(1.0)
        return stacks.read_text()

    def run_frozen(self, freeze: Kill, *, asleep_s: float) -> Outcome:
        """Start one patient that stops (SIGSTOP) at a point, and wake it up so many seconds later."""
        self._write_run(kill=None, mutation=None, freeze=freeze, patience_s=PATIENCE_S + asleep_s)
        pid = self.zygote.ask(patient=str(self.folder / "run.json"))["pid"]
        deadline = time.monotonic() + PATIENCE_S
        while _state_of(pid) != "T":
            if time.monotonic() > deadline:
                raise RuntimeError(f"the patient in {self.folder} never came to {freeze.point}")
            time.sleep(0.01)
        time.sleep(asleep_s)
        os.kill(pid, signal.SIGCONT)
        status = self.zygote.ask(wait=pid, for_s=PATIENCE_S + 20)["status"]
        report = self.folder / "report.json"
        return Outcome(status=status, report=json.loads(report.read_text()) if report.exists() else None)

    def _write_run(
        self, *, kill: Kill | None, mutation: str | None, freeze: Kill | None = None, patience_s: float = PATIENCE_S
    ) -> None:
        run = Run(
            folder=str(self.folder),
            story=json.loads(self.story.to_json()),
            ports=self.ports,
            kill=kill,
            freeze=freeze,
            patience_s=patience_s,
            mutation=mutation,
            report=str(self.folder / "report.json"),
            database_url=server.read_text() if (server := self.folder / SERVER).exists() else None,
        )
        (self.folder / "run.json").write_text(run.to_json())

    def run_traced(self) -> list[str] | None:
        """Run one patient to its end under `strace`: its writes, syncs and sends, in order. `None` where that is barred."""
        trace = self.folder / "trace"
        calls = "trace=pwrite64,write,fsync,fdatasync,sendto,sendmsg"
        strace = ["strace", "-f", "-y", "-s", "64", "-e", calls, "-o", str(trace)]
        self._write_run(kill=None, mutation=None)
        patient = [sys.executable, "-m", "tests.crash.patient", str(self.folder / "run.json")]
        done = subprocess.run([*strace, *patient], cwd=ROOT, check=False, capture_output=True, timeout=120)
        return trace.read_text().splitlines() if done.returncode == 0 else None

    def run_to_the_end(self, *, mutation: str | None = None) -> list[str]:
        """Start the last patient, and return every broken promise."""
        return self.run_and_check(mutation=mutation)[1]

    def run_and_check(self, *, mutation: str | None = None) -> tuple[Outcome, list[str]]:
        """Start a patient that nobody kills; how it ended, and every broken promise."""
        outcome = self.run(mutation=mutation)
        if outcome.status != 0 or outcome.report is None:
            return outcome, [f"the last patient ended with {outcome.status}; see {self.folder / 'patient.log'}"]
        findings = check(read_evidence(self.folder, self.story))
        if not outcome.report["settled"]:
            findings.append(f"lost: not everything came to an end: {outcome.report['jobs']}")
        return outcome, findings


@contextmanager
def staged(zygote: Zygote, folder: Path, story: Story) -> Iterator[Stage]:
    """A stage with running judges in an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if zygote.server is not None:
        (folder / SERVER).write_text(zygote.server.url(database := zygote.server.create(zygote.server.template)))
    elif zygote.template is not None:
        shutil.copytree(zygote.template, folder / "data")
    try:
        with reopened(zygote, folder, story) as stage:
            yield stage
    finally:
        if zygote.server is not None:
            zygote.server.drop(database)


def prepare_template(zygote: Zygote, folder: Path) -> None:
    """Let one patient in whose story nobody asks for anything prepare the data directory all later cases begin with."""
    story = Story(name="nobody asks", asks=())
    with staged(zygote, folder, story) as stage:
        outcome, findings = stage.run_and_check()
    if findings or outcome.report is None:
        raise RuntimeError(f"an empty story ended with {outcome.status}: {findings}")
    zygote.template = folder / "data"


@contextmanager
def reopened(zygote: Zygote, folder: Path, story: Story) -> Iterator[Stage]:
    """A stage in a folder that has a past."""
    stage = Stage(zygote=zygote, folder=folder, story=story)
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def _state_of(pid: int) -> str:
    """One letter, as `ps` shows it; `T` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _port_in(path: Path) -> int:
    deadline = time.monotonic() + 20
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no judge wrote {path}")
        time.sleep(0.001)
    return int(path.read_text())


def kill_and_restart(
    zygote: Zygote, folder: Path, story: Story, kill: Kill, *, mutation: str | None = None
) -> list[str]:
    """Play a story, kill the patient at a point, start another that is left alone; every broken promise.

    A point that is not reached this time (what runs side by side may change places) still has to end well.
    """
    with staged(zygote, folder, story) as stage:
        outcome = stage.run(kill=kill, mutation=mutation)
        if not outcome.was_killed and outcome.status != 0:
            return [f"the patient ended by itself with {outcome.status}; see {folder / 'patient.log'}"]
        return stage.run_to_the_end(mutation=mutation)
