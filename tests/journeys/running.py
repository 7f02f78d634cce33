"""Real `reelbot` processes on a data directory of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the developer's own settings, and a data directory in `folder`."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REELBOT_", "WAVESPEED", "EACH", "SLACK_", "DISCORD_"))
    }
    return clean | {"REELBOT_DATA_DIR": str(folder / "data"), "NO_COLOR": "1", "HOME": str(folder)} | more


def reelbot(
    folder: Path, *words: str, env: Mapping[str, str] | None = None, timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    command = [sys.executable, "-m", "bot.cli.main", *words]
    settings = environment(folder, **(env or {})) | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=settings, capture_output=True, text=True, timeout=timeout_s, check=False
    )


def document(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on standard output."""
    return json.loads(done.stdout)


class Server(subprocess.Popen[str]):
    """`reelbot run`. What it says goes to a file: a pipe that nobody reads would fill in the end, and stop it."""

    def __init__(self, folder: Path, settings: Mapping[str, str], port: int) -> None:
        command = [sys.executable, "-m", "bot.cli.main", "run", "--port", str(port)]
        log, name = tempfile.mkstemp(prefix="run-", suffix=".log", dir=folder)
        self._log = Path(name)
        try:
            super().__init__(command, cwd=folder, env=settings, stderr=log, text=True)
        finally:
            os.close(log)

    @property
    def said(self) -> str:
        """Everything, so far."""
        return self._log.read_text()

    def address(self) -> str:
        """Where it listens, once it does."""
        deadline = time.monotonic() + 60
        while True:
            ended = self.poll() is not None
            if found := re.search(r"listens on (http://\S+) ", self.said):
                return found[1]
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"reelbot run did not start: {self.said}")
            time.sleep(0.05)


@contextmanager
def server(folder: Path, *, env: Mapping[str, str] | None = None, port: int = 0) -> Iterator[tuple[str, Server]]:
    """`reelbot run` on `port`, or on a free one; yields its address, and ends it by SIGTERM."""
    process = Server(folder, environment(folder, **(env or {})) | {"PYTHONPATH": str(ROOT)}, port)
    try:
        yield process.address(), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def wait_for(path: Path, seconds: float = 30) -> None:
    """Until a file exists."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def wait_for_state(folder: Path, state: str, seconds: float = 60) -> None:
    """Until the only job stands there; read from the database, as anybody may."""
    database, deadline = folder / "data" / "reelbot.db", time.monotonic() + seconds
    wait_for(database)
    while True:
        try:
            with sqlite3.connect(database, timeout=5) as connection:
                found = connection.execute("SELECT state FROM jobs").fetchone()
            connection.close()
        except sqlite3.OperationalError:
            found = None
        if found == (state,):
            return
        assert time.monotonic() < deadline, f"never {state}: {found}"
        time.sleep(0.02)
