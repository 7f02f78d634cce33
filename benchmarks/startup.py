"""Processor time of starting: `reelbot --help`, the `/livez` probe of the container, and a server until it answers.

    python -m benchmarks.startup

Each process is run several times and the median taken. A server's start is compared with a Python that does nothing but
import the modules from outside the project that the server had imported when it answered: what is above that is ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from benchmarks.table import Row, median, play
from tools.dockerfile import parse

ROUNDS = 7
START_WITHIN_S = 30.0
OURS = ("bot", "adapters", "storage")
ROOT = Path(__file__).parent.parent
REELBOT = (sys.executable, "-m", "bot.cli.main")


def cpu_of(command: list[str]) -> float:
    """Seconds of processor time, user and system, of one run."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


class Server:
    """`reelbot run` on a data directory of its own, until it answers `/livez`."""

    def __init__(self, folder: Path, *, importtime: bool = False) -> None:
        self.port = _free_port()
        self.log = folder / "stderr"
        environ = {**os.environ, "REELBOT_DATA_DIR": str(folder / "data")}
        flags = ["-X", "importtime"] if importtime else []
        command = [sys.executable, *flags, "-m", "bot.cli.main", "run", "--port", str(self.port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + START_WITHIN_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=5).read()
            return True
        return False

    def cpu_s(self) -> float:
        """Of its whole life so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=START_WITHIN_S)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _served(*, importtime: bool = False) -> tuple[float, str]:
    """Processor time until it answered, and what it said on stderr."""
    with tempfile.TemporaryDirectory() as folder:
        # The first start on a directory makes the database, which a start as such does not.
        Server(Path(folder)).stop()
        server = Server(Path(folder), importtime=importtime)
        try:
            return server.cpu_s(), server.log.read_text()
        finally:
            server.stop()


def needed_modules() -> list[str]:
    """What the server had imported from outside the project when it answered, in the order in which it was."""
    _, said = _served(importtime=True)
    found = re.findall(r"^import time:[^|]*\|[^|]*\|\s*(\S+)\s*$", said, flags=re.MULTILINE)
    return [name for name in dict.fromkeys(found) if name != "package" and name.partition(".")[0] not in OURS]


def _importing(modules: list[str]) -> list[str]:
    code = f"import importlib, contextlib\nfor name in {modules!r}:\n"
    code += "    with contextlib.suppress(ImportError): importlib.import_module(name)\n"
    return [sys.executable, "-c", code]


def _probe(port: int) -> list[str]:
    """The container's own health check, word for word."""
    check = parse((ROOT / "Dockerfile").read_text()).final.last("HEALTHCHECK")
    if check is None or check.array is None:
        raise RuntimeError("the Dockerfile has no health check")
    return ["env", f"REELBOT_WEB__PORT={port}", sys.executable, *check.array[1:]]


def measure() -> list[Row]:
    """The three rows."""
    modules = needed_modules()
    helps, probes, starts, imports = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        for _ in range(ROUNDS):
            helps.append(cpu_of([*REELBOT, "--help"]))
            probes.append(cpu_of(_probe(server.port)))
            starts.append(_served()[0])
            imports.append(cpu_of(_importing(modules)))
        server.stop()
    ratio = median(starts) / median(imports)
    return [
        Row(
            what="`reelbot --help`",
            measured=f"{median(helps):.2f} s CPU",
            reach="≤ 0.3 s CPU",
            reached=median(helps) <= 0.3,
        ),
        Row(
            what="the container's `/livez` probe",
            measured=f"{median(probes):.2f} s CPU",
            reach="≤ 0.3 s CPU",
            reached=median(probes) <= 0.3,
        ),
        Row(
            what="full start (`reelbot run` until `/livez` answers)",
            measured=f"{median(starts):.2f} s CPU, {ratio:.2f}x of importing the {len(modules)} modules it needs "
            f"({median(imports):.2f} s)",
            reach="≤ 1.15x",
            reached=ratio <= 1.15,
        ),
    ]


if __name__ == "__main__":
    play(measure)
