"""Starting judges in processes of their own, and reading what they wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.emulators.judging import read_journal

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 20.0


class JudgeProcess:
    """A judge's process; it ends with `stop`, and with the process that started it."""

    def __init__(self, module: str, folder: Path, name: str, **settings: Any) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._port_file = folder / f"{name}.port"
        script = folder / f"{name}.script"
        script.write_text(json.dumps(settings))
        command = [sys.executable, "-S", "-m", f"tests.emulators.{module}", "--name", name]
        files = ["--log", str(self.log), "--port-file", str(self._port_file), "--script", str(script)]
        self._process = subprocess.Popen([*command, *files], cwd=ROOT, stdin=subprocess.PIPE)
        self.port = 0

    def wait_until_listening(self) -> Self:
        """Return once connections are taken."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the judge {self.name} did not start")
            time.sleep(0.005)
        self.port = int(self._port_file.read_text())
        return self

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """What it wrote down so far; all kinds when none are named."""
        return [entry for entry in read_journal(self.log) if not kinds or entry["event"] in kinds]

    def stop(self) -> None:
        """End it; its log stays."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        if self._port_file.exists():
            os.unlink(self._port_file)


def start_judges(judges: Sequence[JudgeProcess]) -> None:
    """Wait for several at once; on failure none is left running."""
    try:
        for judge in judges:
            judge.wait_until_listening()
    except BaseException:
        for judge in judges:
            judge.stop()
        raise


def provider_judge(folder: Path, name: str = "judge", **settings: Any) -> JudgeProcess:
    """A `tests.emulators.judge_provider`."""
    return JudgeProcess("judge_provider", folder, name, **settings)


def chat_judge(folder: Path, name: str = "chat", **settings: Any) -> JudgeProcess:
    """A `tests.emulators.judge_chat`."""
    return JudgeProcess("judge_chat", folder, name, **settings)
